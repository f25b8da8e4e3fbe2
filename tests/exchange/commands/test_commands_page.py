"""docs/commands.md against the parsers: every command, every option, in the same words."""

import argparse
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from warrener.exchange.commands import COMMANDS

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"
ON_OTHER_PAGES = ("serve", "topology", "journal")
"""Commands whose options are described elsewhere."""


def parsers(
    parser: argparse.ArgumentParser, words: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A command, or all of its actions."""
    below = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    for name, each in below[0].choices.items() if below else ():
        yield from parsers(each, f"{words} {name}")
    if not below:
        yield words, parser


def described(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    """The arguments of a parser as the page has them."""
    rows = []
    for each in parser._actions:
        if each.help == argparse.SUPPRESS or "--help" in each.option_strings:
            continue
        names = each.option_strings or [str(each.metavar or each.dest)]
        text = (each.help or "").replace("%%", "%").replace("|", "\\|")
        rows.append((", ".join(f"`{name}`" for name in names), text))
    return rows


def tables() -> dict[str, list[tuple[str, str]]]:
    """The tables of the page by the command they are of."""
    found: dict[str, list[tuple[str, str]]] = {}
    for block in re.findall(r"(?m)^\| `warrener .*\n(?:\|.*\n)+", PAGE.read_text("utf-8")):
        head, _, *rows = block.splitlines()
        cells = [re.split(r" (?<!\\)\| ?", row.removeprefix("| "))[:2] for row in rows]
        found[head.split("`")[1].removeprefix("warrener ")] = [(name, text) for name, text in cells]
    return found


TABLES = tables()


@pytest.mark.parametrize("name", [each for each in COMMANDS if each not in ON_OTHER_PAGES])
def test_the_page_says_what_the_parser_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("WARRENER_URL", "WARRENER_API"):
        monkeypatch.delenv(variable, raising=False)
    command = argparse.ArgumentParser()
    import_module(f"warrener.exchange.commands.{name}").describe(command)
    for words, parser in parsers(command, name):
        assert TABLES[words] == described(parser)


def test_every_command_has_its_heading() -> None:
    headings = re.findall(r"(?m)^## warrener (\w+)$", PAGE.read_text("utf-8"))
    here = [name for name in COMMANDS if name not in ON_OTHER_PAGES]
    assert [each for each in headings if each not in ON_OTHER_PAGES] == here
