"""The prose: what it names must be there, and what is there must be named.

Links lead somewhere, functions exist under the names that the pages give them, and commands,
options and modules are mentioned. That sentences are true is for readers to find out.
"""

import ast
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from warrener.exchange.commands import COMMANDS
from warrener.exchange.config import Config

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted((*ROOT.glob("*.md"), *DOCS.rglob("*.md")))
SOURCES = sorted(
    path for name in ("protocol", "exchange", "storage") for path in (ROOT / name).rglob("*.py")
)

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
DOTTED = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*")
METHOD = re.compile(r"[A-Z]\w*[a-z]\.[a-z_]\w*")
SOURCE_PATH = re.compile(r"(?:protocol|exchange|storage|tests|examples|src)/[\w/]*(?:\.\w+)?")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its indented blocks, which are quoted code and output."""
    return re.sub(r"(?m)^ {4}.*$", "", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text("utf-8"))
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The relative links of a page: where they lead, and to which heading there."""
    for target in LINK.findall(prose(page)):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_leads_to_something_that_is_there(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{relative(page)} links to {target}"
        assert not anchor or anchor in anchors(target), f"no heading #{anchor} in {target}"


# Names of functions


def members(node: ast.ClassDef | ast.Module | ast.If) -> Iterator[str]:
    """What is defined in a class or a module: functions, classes, attributes."""
    for inner in (*node.body, *getattr(node, "orelse", ())):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield inner.name
        elif isinstance(inner, ast.Assign | ast.AnnAssign):
            targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        elif isinstance(inner, ast.If):
            yield from members(inner)


def names_in_the_sources() -> set[str]:
    """`module.name` and `Class.name` for all of them."""
    names: set[str] = set()
    for path in SOURCES:
        module = ast.parse(path.read_text("utf-8"))
        names.update(f"{path.stem}.{name}" for name in members(module))
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                names.update(f"{node.name}.{name}" for name in members(node))
    return names


NAMES = names_in_the_sources()


def is_known(name: str) -> bool:
    """Whether it is one of our names, or one of a library (`trio.sleep`)."""
    if name in NAMES:
        return True
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_every_function_that_the_hot_path_names_exists() -> None:
    spans = CODE.findall(prose(DOCS / "hot-path.md"))
    named = {span for span in spans if DOTTED.fullmatch(span)}
    assert "Reader._repeat" in named
    assert {name for name in named if not is_known(name)} == set()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_method_that_a_page_names_exists(page: Path) -> None:
    named = {span for span in CODE.findall(prose(page)) if METHOD.fullmatch(span)}
    assert {name for name in named if not is_known(name)} == set()


# Files


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = {span for span in CODE.findall(prose(page)) if SOURCE_PATH.fullmatch(span)}
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_module_has_its_place_on_the_architecture_page() -> None:
    named = set(CODE.findall((DOCS / "architecture.md").read_text("utf-8")))
    modules = {path for path in SOURCES if path.parent.parent == ROOT and path.stem != "__init__"}
    folders = {path.parent for path in SOURCES if path.parent.parent.parent == ROOT}
    assert {relative(path) for path in modules if path.name not in named} == set()
    assert {relative(path) for path in folders if f"{path.name}/" not in named} == set()


# Commands and options


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_described(command: str) -> None:
    assert any(f"warrener {command}" in page.read_text("utf-8") for page in PAGES)


def test_every_option_is_described_with_its_default() -> None:
    rows = re.findall(
        r"(?m)^\| `(\w+)` \| `([^`]*)` \|", (DOCS / "configuration.md").read_text("utf-8")
    )
    assert rows == [(option.name, default(option.default)) for option in fields(Config)]


def default(value: object) -> str:
    """A default as it is written in a configuration file."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
