"""Confirmation: what destroys something asks first, on a terminal; elsewhere it is done."""

from __future__ import annotations

import argparse
import sys

from warrener.exchange.commands import FAILED, CommandError
from warrener.exchange.monitor.printing import printable


def describe_confirmation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


def confirm(arguments: argparse.Namespace, what: str) -> None:
    """Ask whether this is meant. Raises: CommandError if it is not."""
    if arguments.yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    print(f"{printable(what)}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was done", FAILED)
