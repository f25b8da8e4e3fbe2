"""`warrener definitions`: what a broker has been told to keep, out of it and into it."""

from __future__ import annotations

import argparse
import json
import sys

from warrener.exchange import json_text
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


def describe(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    export = actions.add_parser("export", help="print or write them", description=EXPORT)
    export.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: print them")
    take_in = actions.add_parser("import", help="read them into a broker", description=IMPORT)
    take_in.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: read them")
    for each in (export, take_in):
        describe_url(each)
        describe_vhost(each, default=None)
        describe_output(each)
    describe_style(export, (JSON, YAML))


EXPORT = "Virtual hosts, users, permissions, policies, exchanges, queues, bindings, as JSON."
IMPORT = "Adds what is not there; what is there and is the same stays as it is."


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
        definitions = _read(arguments.file)
        api.ask("POST", target, definitions)
        output.done("imported the definitions", _counts(definitions))
    return DONE


def _counts(definitions: object) -> dict[str, int]:
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


def _read(path: str) -> object:
    try:
        if path == "-":
            return json_text.read(sys.stdin.read())
        with open(path, encoding="utf-8") as file:
            return json_text.read(file.read())
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}", FAILED) from error
    except (ValueError, RecursionError) as error:
        where = "what was read" if path == "-" else path
        raise CommandError(f"{where} is no JSON: {error}\n{ONLY_JSON}", USAGE) from error
