"""The command line: one module a command, found in one table.

A command's module has `describe(parser)`, which adds its arguments, and `run(arguments) -> int`,
which does the work and returns the exit status. It is imported only when it is named, so that
no command pays for what another one needs.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from warrener import __version__

COMMANDS = {
    "serve": "start the broker",
    "demo": "see what a broker does, told as a story",
    "top": "watch a broker",
    "list": "list queues, exchanges, connections and whatever else a broker has",
    "declare": "make a queue, an exchange, a binding, a virtual host, a user",
    "change": "give a user another password, or other tags",
    "delete": "delete a queue, an exchange, a binding, a virtual host, a user, a connection",
    "purge": "remove all messages from a queue",
    "pub": "publish messages",
    "sub": "take messages as they come",
    "get": "take messages that wait in a queue",
    "peek": "look at messages that wait in a queue",
    "search": "find messages in all queues of a virtual host",
    "redrive": "move messages back to where they came from, or elsewhere",
    "delayed": "see, cancel or expedite messages that an exchange holds back",
    "tap": "see a copy of what passes an exchange",
    "health": "ask whether a broker is well",
    "definitions": "export and import what a broker has been told to keep",
    "bench": "measure what a broker can do",
    "filter": "try a filter on a message",
    "topology": "check topology files, compare a broker with them, change it to match",
    "journal": "look into the journal of a broker that is stopped",
    "completion": "print a script that completes commands in a shell",
    "help": "show what there is; `help aliases` lists names that rabbitmqctl has",
}

DONE = 0
FAILED = 1
USAGE = 2
PARTLY_DONE = 3
UNREACHABLE = 69
NO_PERMISSION = 77
INTERRUPTED = 130
NOBODY_READS = 141
"""Exit statuses: the numbers of sysexits.h, and what a shell says of a program that was ended by
the signals for Ctrl-C and for a pipe that nobody reads from."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Why output may have nowhere to go."""


class CommandError(Exception):
    """A command cannot do its work; the text says why and what to do, in a line or two."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    return _ended(lambda: _run([*(sys.argv[1:] if argv is None else argv)]))


def main_of(parser: argparse.ArgumentParser, argv: Sequence[str]) -> int:
    """Run what the arguments of a parser say (`run`); returns the exit status."""
    return _ended(lambda: _run_parsed(parser, argv))


def _run(argv: list[str]) -> int:
    """Raises: CommandError, and whatever ends a program from outside."""
    parser = argparse.ArgumentParser(
        prog="warrener",
        description="A message broker for AMQP 0-9-1",
    )
    parser.add_argument("--version", action="version", version=f"warrener {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    if argv and argv[0] not in COMMANDS and not argv[0].startswith("-"):
        from warrener.exchange.commands.aliases import ALIASES, spelled_out

        if argv[0] in ALIASES:
            argv = spelled_out(argv)
    for name, meaning in COMMANDS.items():
        command = commands.add_parser(name, help=meaning, description=meaning.capitalize() + ".")
        if name in argv[:1]:
            module = import_module(f"{__name__}.{name}")
            module.describe(command)
            command.set_defaults(run=module.run)
    return _run_parsed(parser, argv)


def _run_parsed(parser: argparse.ArgumentParser, argv: Sequence[str]) -> int:
    arguments = parser.parse_args(argv)
    if getattr(arguments, "no_color", False):
        from warrener.exchange.commands.output import without_color

        without_color()
    return int(arguments.run(arguments))


def _ended(run: Callable[[], int]) -> int:
    """Run, and tell in a line or two what has kept it from its end; returns the exit status."""
    try:
        try:
            status = run()
        finally:
            # Here, where it can be told that nobody reads; also when argparse ends the program.
            sys.stdout.flush()
    except CommandError as error:
        print(f"warrener: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _let_go_of_output()
        return NOBODY_READS
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        _let_go_of_output()
        print(f"warrener: cannot write what there is to say: {error.strerror}", file=sys.stderr)
        return FAILED
    return status


def _let_go_of_output() -> None:
    """What is still to be written goes nowhere, instead of failing once more at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
