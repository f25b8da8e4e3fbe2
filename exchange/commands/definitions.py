"""`warrener definitions`: what a broker has been told to keep, out of it and into it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from warrener.exchange.commands import DONE, FAILED, USAGE, CommandError
from warrener.exchange.commands.api import Api, describe_url, describe_vhost, segment
from warrener.exchange.commands.output import (
    JSON,
    YAML,
    Output,
    as_yaml,
    describe_output,
    describe_style,
)
from warrener.exchange.topology.json_document import JsonDocument, NotJson


def describe(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    export = actions.add_parser("export", help="print or write them", description=EXPORT)
    export.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: print them")
    take_in = actions.add_parser("import", help="read them into a broker", description=IMPORT)
    take_in.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: read them")
    take_in.add_argument("--strict", action="store_true", help="leave nothing out: all or nothing")
    for each in (export, take_in):
        describe_url(each)
        describe_vhost(each, default=None)
        describe_output(each)
    describe_style(export, (JSON, YAML))


EXPORT = "Virtual hosts, users, permissions, policies, exchanges, queues, bindings, as JSON."
IMPORT = """Adds what is not there; exchanges and queues that are there stay as they are. What
cannot be taken is left out, and told with its place in the file."""


ONLY_JSON = (
    "Definitions are imported as JSON, as RabbitMQ has them; "
    "for YAML there is `warrener topology apply FILE --url ...`."
)


def run(arguments: argparse.Namespace) -> int:
    api, output = Api(arguments.url), Output(arguments)
    target = "/api/definitions"
    if arguments.vhost is not None:
        target += f"/{segment(arguments.vhost)}"
    if arguments.action == "export":
        definitions = api.get(target)
        if arguments.output == YAML:
            text = as_yaml(definitions)
        else:
            text = json.dumps(definitions, ensure_ascii=False, indent=2) + "\n"
        _write(arguments.file, text)
    else:
        data = _read(arguments.file)
        document = _parsed(arguments.file, data)
        target += "?strict=true" if arguments.strict else ""
        told = api.ask("POST", target, data)
        left_out = told["left_out"] if isinstance(told, dict) and "left_out" in told else []
        counts = _counts(document.value)
        output.done("imported the definitions", counts | ({"left_out": left_out} if told else {}))
        for each in left_out:
            output.note(f"{document.name}:{each['line']}:{each['column']}: {_said(each)}")
    return DONE


def _said(left_out: dict[str, Any]) -> str:
    suggestion = f" ({left_out['suggestion']})" if left_out["suggestion"] else ""
    return f"{left_out['message']}{suggestion}"


def _counts(definitions: object) -> dict[str, Any]:
    """How many there are of each kind."""
    assert isinstance(definitions, dict), "the API has taken them"
    return {kind: len(each) for kind, each in definitions.items() if isinstance(each, list)}


def _write(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}", FAILED) from error


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}", FAILED) from error


def _parsed(path: str, data: bytes) -> JsonDocument:
    """The document, to see that it is one. It is sent as it is, so that places are its own."""
    name = "what was read" if path == "-" else path
    try:
        return JsonDocument(name, data)
    except NotJson as error:
        where = f"line {error.place.line}, column {error.place.column}"
        text = f"{name} is no JSON: {error} ({where})\n{ONLY_JSON}"
        raise CommandError(text, USAGE) from error
