"""The architecture, read off the source: who may import whom, and how large things may get."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("exchange", "protocol", "storage")
SHELLS = (
    "exchange/client/",
    "exchange/commands/",
    "exchange/demo/",
    "exchange/management/",
    "exchange/monitor/",
    "exchange/server/",
    "exchange/topology/loading.py",
)
CONFIGURATION = "exchange/config.py"
PAGE = "exchange/management/page"

FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 500
LINE_CHARACTERS_MAX = 100

LARGE_FUNCTIONS = {
    "protocol/reader.py:_read": "the loop that every message passes: each call costs (bench S1)",
}
"""Functions above the limit, as `path:name`, each with the reason."""
LARGE_MODULES: dict[str, str] = {}
"""Modules above the limit, each with the reason."""

OUTSIDE_THE_CORE = {"asyncio", "io", "os", "pathlib", "select", "socket", "subprocess", "time"}
"""Modules that do I/O or know what time it is."""
ONLY_IN = {
    "h11": ("protocol/http/",),
    "pyparsing": ("exchange/filters/grammar.py",),
    "rich": ("exchange/commands/", "exchange/demo/story.py", "exchange/monitor/"),
    "trio": SHELLS,
    "yaml": ("exchange/commands/output.py", "exchange/topology/document.py"),
}
"""What else we depend on, and the paths that may import it."""
PRAGMA = re.compile(r"\s+# (type: ignore|noqa|pragma).*")
"""What a line may have beyond the limit, for it says nothing to a reader."""
NAMES_THAT_SAY_NOTHING = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}


def sources(*folders: str) -> list[str]:
    """Paths of modules from the root of the repository on; of all packages by default."""
    paths = [path for folder in folders or PACKAGES for path in (ROOT / folder).rglob("*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


MODULES = sources()
CORE = [m for m in sources("exchange") if not m.startswith(SHELLS) and m != CONFIGURATION]


@cache
def tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def nodes(path: str, *kinds: type[Any]) -> Iterator[Any]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, kinds))


def imports(path: str) -> set[str]:
    """Full names of the modules that a module imports."""
    found = {alias.name for node in nodes(path, ast.Import) for alias in node.names}
    for node in nodes(path, ast.ImportFrom):
        assert not node.level, f"{path}:{node.lineno}: a relative import"
        found.add(node.module)
        found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def foreign(path: str) -> set[str]:
    """Packages that a module imports and that are neither ours nor Python's."""
    tops = {name.partition(".")[0] for name in imports(path)}
    return tops - sys.stdlib_module_names - {"warrener"}


def test_the_paths_named_here_are_there() -> None:
    assert len(CORE) > 20
    assert {path.partition("/")[0] for path in MODULES} == set(PACKAGES)
    assert (ROOT / CONFIGURATION).exists()
    for path in [*LARGE_MODULES, *(name.partition(":")[0] for name in LARGE_FUNCTIONS)]:
        assert path in MODULES, path


@pytest.mark.parametrize("package", ["protocol", "storage"])
def test_the_layers_below_import_nothing_of_ours_and_nothing_foreign(package: str) -> None:
    for path in sources(package):
        ours = {name for name in imports(path) if is_below(name, "warrener")}
        assert not [n for n in ours if not is_below(n, f"warrener.{package}")], path
        assert not foreign(path) - ({"h11"} if path.startswith(ONLY_IN["h11"]) else set()), path


def test_the_core_does_no_io_and_knows_no_clock() -> None:
    for path in CORE:
        assert not {name.partition(".")[0] for name in imports(path)} & OUTSIDE_THE_CORE, path
        calls = [node.func.id for node in nodes(path, ast.Call) if isinstance(node.func, ast.Name)]
        assert not {"open", "print", "input"}.intersection(calls), path


def test_the_core_knows_neither_the_wire_nor_the_disk_nor_a_shell() -> None:
    shells = [shell.strip("/").replace("/", ".") for shell in SHELLS]
    packages = [f"warrener.{each}" for each in ("protocol", "storage", *shells)]
    for path in CORE:
        names = [n for n in imports(path) if any(is_below(n, each) for each in packages)]
        assert not names, path


def test_files_of_topologies_are_read_for_commands_only() -> None:
    loading = "warrener.exchange.topology.loading"
    readers = {path for path in MODULES if any(is_below(n, loading) for n in imports(path))}
    assert readers
    assert not [path for path in readers if not path.startswith("exchange/commands/")]


def test_nothing_below_the_shells_is_async() -> None:
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    for path in [*CORE, *sources("protocol", "storage")]:
        assert not [node.lineno for node in nodes(path, *kinds)], path


def test_what_we_depend_on_is_imported_in_its_own_place_only() -> None:
    for path in MODULES:
        for name in foreign(path) & ONLY_IN.keys():
            assert path.startswith(ONLY_IN[name]), f"{path} imports {name}"


def test_nothing_that_is_read_is_run() -> None:
    """No bytes from anywhere become objects of a class, or code, that they name themselves."""
    for path in MODULES:
        assert not imports(path) & {"pickle", "marshal", "shelve", "dill"}, path
        called = {n.func.id for n in nodes(path, ast.Call) if isinstance(n.func, ast.Name)}
        assert not called & {"eval", "exec", "__import__"}, path
        yaml = {n.attr for n in nodes(path, ast.Attribute) if getattr(n.value, "id", "") == "yaml"}
        assert not yaml & {"load", "load_all", "full_load", "unsafe_load", "Loader"}, path


def test_every_module_says_what_it_is() -> None:
    missing = [path for path in [*MODULES, *sources("src")] if not ast.get_docstring(tree(path))]
    assert missing == []


def test_nobody_uses_what_another_module_keeps_to_itself() -> None:
    for path in MODULES:
        ours = set()
        for node in nodes(path, ast.ImportFrom):
            if is_below(node.module, "warrener"):
                names = [alias.name for alias in node.names]
                assert not [name for name in names if is_private(name)], path
                ours |= {alias.asname or alias.name for alias in node.names}
        for node in nodes(path, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in ours:
                assert not is_private(node.attr), f"{path}:{node.lineno}: {node.attr}"


def test_functions_fit_a_page() -> None:
    large = {
        f"{path}:{node.name}": node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in nodes(path, ast.FunctionDef, ast.AsyncFunctionDef)
        if node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    }
    assert large.keys() == LARGE_FUNCTIONS.keys(), large


def test_modules_can_be_read_in_one_go() -> None:
    lines = {path: len((ROOT / path).read_text().splitlines()) for path in MODULES}
    large = {path: count for path, count in lines.items() if count > MODULE_LINES_MAX}
    assert large.keys() == LARGE_MODULES.keys(), large


def test_lines_fit_two_windows_side_by_side() -> None:
    long = [
        f"{path}:{number}"
        for path in [*MODULES, *sources("src")]
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if len(PRAGMA.sub("", line)) > LINE_CHARACTERS_MAX
    ]
    assert long == []


def test_no_name_says_nothing() -> None:
    for path in [*MODULES, *sources("src", "tests", "examples")]:
        for part in Path(path).with_suffix("").parts:
            assert not NAMES_THAT_SAY_NOTHING.intersection(part.split("_")), path


def test_the_import_names_lead_to_the_folders() -> None:
    for package in PACKAGES:
        link = ROOT / "src" / "warrener" / package
        assert link.is_symlink()
        assert os.readlink(link) == f"../../{package}"


@pytest.mark.slow
def test_a_wheel_made_from_the_sdist_holds_every_module_and_the_page(tmp_path: Path) -> None:
    builder = install_hatchling(tmp_path / "hatchling")
    (sdist,) = build("sdist", ROOT, tmp_path, builder).glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    (wheel,) = build("wheel", unpacked, tmp_path, builder).glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    page = {path.relative_to(ROOT).as_posix() for path in (ROOT / PAGE).iterdir()}
    assert f"{PAGE}/index.html" in page
    expected = {f"warrener/{path}" for path in {*MODULES, *page}} | {
        path.removeprefix("src/") for path in sources("src")
    }
    assert names - {"warrener/py.typed"} == expected
    assert "warrener/py.typed" in names


def install_hatchling(folder: Path) -> dict[str, str]:
    """An environment in which hatchling can be run; the build needs nothing else."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), "hatchling"]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if installed.returncode:
        pytest.skip(f"hatchling cannot be installed: {installed.stderr.strip()[-200:]}")
    return os.environ | {"PYTHONPATH": str(folder)}


def build(target: str, project: Path, folder: Path, environment: dict[str, str]) -> Path:
    """Build a project; returns the folder that holds what was built."""
    made = folder / target
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(made)]
    built = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )
    assert built.returncode == 0, built.stderr
    return made
