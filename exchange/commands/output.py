"""Output: what commands print, in one style.

    on a terminal   a table
    else            a line each, fields between tabs, one line of names above
    -o, --output    one of them wherever it goes, or documents: table, plain, json, yaml
    --json          the same as -o json
    --quiet         no names above; of what was done, nothing

Names of things come from whoever made them, so nothing of them reaches a terminal that is not
printable.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from warrener.exchange.commands import USAGE, CommandError
from warrener.exchange.monitor.printing import plain
from warrener.exchange.monitor.snapshot import lead

TABLE, PLAIN, JSON, YAML = "table", "plain", "json", "yaml"
STYLES = (TABLE, PLAIN, JSON, YAML)


def describe_output(
    parser: argparse.ArgumentParser, lists: bool = False, json_means: str = "print JSON"
) -> None:
    """The options that every command has, and those of one that lists something."""
    parser.add_argument("--json", action="store_true", help=json_means)
    parser.add_argument("--quiet", "-q", action="store_true", help="print only what was asked for")
    parser.add_argument("--no-color", action="store_true", help="no colours; as NO_COLOR=1")
    if lists:
        describe_style(parser)
        parser.add_argument(
            "--columns",
            metavar="A,B",
            help="these columns only; a dot leads into one, as message_stats.publish",
        )


def describe_style(parser: argparse.ArgumentParser, styles: Sequence[str] = STYLES) -> None:
    parser.add_argument(
        "--output", "-o", choices=styles, metavar="STYLE", help=f"one of {', '.join(styles)}"
    )


def without_color() -> None:
    """What `--no-color` does: everything that prints in colours asks the environment."""
    os.environ["NO_COLOR"] = "1"
    os.environ.pop("FORCE_COLOR", None)


def field(value: Any) -> str:
    """A value in one line, in which scripts find what they know from JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(value)


def as_yaml(document: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text


class Output:
    """Prints for one command, as its arguments want it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        style: str | None = getattr(arguments, "output", None)
        if arguments.json and style not in (None, JSON):
            raise CommandError(f"--json and --output {style} are two things", USAGE)
        self._style = JSON if arguments.json else style
        self._is_quiet = arguments.quiet
        self._columns: str | None = getattr(arguments, "columns", None)

    @property
    def is_document(self) -> bool:
        """Whether programs are to read it."""
        return self._style in (JSON, YAML)

    def columns(self, default: Sequence[str]) -> list[str]:
        """The columns that are wanted. Raises: CommandError."""
        if self._columns is None:
            return list(default)
        wanted = [each.strip() for each in self._columns.split(",") if each.strip()]
        if not wanted:
            raise CommandError("--columns names no column", USAGE)
        return wanted

    def rows(self, documents: Sequence[Mapping[str, Any]], default: Sequence[str]) -> None:
        """Things of one kind. As documents they are whole, unless columns were asked for."""
        columns = self.columns(default)
        if self.is_document:
            whole = self._columns is None
            self.document(
                [each if whole else {c: lead(each, c) for c in columns} for each in documents]
            )
        elif self._style == TABLE or (self._style is None and sys.stdout.isatty()):
            self._table(documents, columns)
        else:
            self._lines(documents, columns)

    def document(self, document: Any) -> None:
        if self._style == YAML:
            sys.stdout.write(as_yaml(document))
        else:
            indent = 2 if sys.stdout.isatty() else None
            print(json.dumps(document, ensure_ascii=False, indent=indent))

    def done(self, said: str, document: Mapping[str, Any]) -> None:
        """Something was done."""
        if self.is_document:
            self.document(document)
        elif not self._is_quiet:
            print(plain(said))

    def note(self, said: str) -> None:
        """Something to know about what was printed."""
        if not self._is_quiet:
            complain(said)

    def _lines(self, documents: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        if not self._is_quiet:
            print("\t".join(columns))
        for each in documents:
            print("\t".join(field(lead(each, column)) for column in columns))

    def _table(self, documents: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(
            box=box.SIMPLE_HEAD,
            show_header=not self._is_quiet,
            header_style="bold",
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        for column in columns:
            values = [lead(each, column) for each in documents]
            are_numbers = any(_is_number(value) for value in values)
            table.add_column(column, justify="right" if are_numbers else "left", overflow="fold")
        for each in documents:
            table.add_row(*(Text(field(lead(each, column))) for column in columns))
        Console(highlight=False).print(table)


def complain(what: str) -> None:
    """Tell a person, in a line or two."""
    print(f"warrener: {what}", file=sys.stderr)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
