"""What every command takes, read off the parsers: walk the table, and nobody is forgotten."""

import argparse
from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.exchange.commands.test_commands_page import parsers
from warrener.exchange.commands import COMMANDS
from warrener.exchange.commands.confirmation import describe_confirmation
from warrener.exchange.commands.output import describe_output, describe_style

OF_EVERY_COMMAND = {"--json", "--quiet", "--no-color"}
WITHOUT_ANSWER = ("serve",)
"""A broker prints nothing that could be had in another form; its log has an option of its own, and
its options are those of the configuration."""
LISTING = (
    "list",
    "search",
    "delayed list",
    "health",
    "bench",
    "help",
)
LOSING = (
    "delete queue",
    "delete exchange",
    "delete binding",
    "delete vhost",
    "delete user",
    "delete permission",
    "delete policy",
    "delete connection",
    "purge",
    "redrive",
    "delayed cancel",
    "delayed expedite",
)


def every_parser() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for name in COMMANDS:
        if name not in WITHOUT_ANSWER:
            command = argparse.ArgumentParser()
            import_module(f"warrener.exchange.commands.{name}").describe(command)
            yield from parsers(command, name)


PARSERS = dict(every_parser())


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for each in parser._actions for option in each.option_strings}


def described_by(describe: object, *arguments: object) -> set[str]:
    parser = argparse.ArgumentParser(add_help=False)
    describe(parser, *arguments)  # type: ignore[operator]
    return options(parser)


@pytest.mark.parametrize("words", PARSERS)
def test_a_command_can_be_told_how_to_print(words: str) -> None:
    assert options(PARSERS[words]) >= OF_EVERY_COMMAND


@pytest.mark.parametrize("words", LISTING)
def test_what_lists_something_has_a_choice_of_styles_and_columns(words: str) -> None:
    assert options(PARSERS[words]) >= described_by(describe_output, True)


def test_definitions_are_documents_in_a_choice_of_styles() -> None:
    assert options(PARSERS["definitions export"]) >= described_by(describe_style)


@pytest.mark.parametrize("words", LOSING)
def test_what_loses_something_can_be_tried_first(words: str) -> None:
    assert options(PARSERS[words]) >= described_by(describe_confirmation)


def test_no_other_command_can_be_tried() -> None:
    tried = {words for words, parser in PARSERS.items() if "--dry-run" in options(parser)}
    assert tried == set(LOSING)
