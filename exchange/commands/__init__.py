"""The command line: one module a command, found in one table.

A command's module has `describe(parser)`, which adds its arguments, and `run(arguments) -> int`,
which does the work and returns the exit status. It is imported only when it is named, so that
no command pays for what another one needs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from warrener import __version__

COMMANDS = {
    "serve": "start the broker",
    "filter": "try a filter on a message",
    "journal": "look into the journal of a broker that is stopped",
}


class CommandError(Exception):
    """A command cannot do its work; the text says why and what to do, in a line or two."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="warrener", description="A message broker for AMQP 0-9-1")
    parser.add_argument("--version", action="version", version=f"warrener {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, meaning in COMMANDS.items():
        command = commands.add_parser(name, help=meaning, description=meaning.capitalize() + ".")
        if name in argv[:1]:
            module = import_module(f"{__name__}.{name}")
            module.describe(command)
            command.set_defaults(run=module.run)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except CommandError as error:
        print(f"warrener: {error}", file=sys.stderr)
        return error.status
