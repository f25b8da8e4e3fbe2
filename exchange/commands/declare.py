"""`warrener declare`: make a queue, an exchange, a binding, and whatever else lasts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from warrener.exchange import json_text
from warrener.exchange.commands import DONE, USAGE, CommandError
from warrener.exchange.commands.amqp import describe_filters, filter_arguments
from warrener.exchange.commands.api import Api, describe_url, describe_vhost, segment
from warrener.exchange.commands.output import Output, describe_output

ASKED_FOR = "-"
"""A password that is not on the command line, where others could see it."""


@dataclass(frozen=True, slots=True)
class Noun:
    """Something that can be declared."""

    meaning: str
    describe: Callable[[argparse.ArgumentParser], None]
    request: Callable[[argparse.Namespace], tuple[str, dict[str, Any]]]
    """The target and the document of what is sent."""
    method: str = "PUT"


def describe(parser: argparse.ArgumentParser) -> None:
    nouns = parser.add_subparsers(metavar="KIND", required=True, dest="noun")
    for name, noun in NOUNS.items():
        below = nouns.add_parser(name, help=noun.meaning, description=noun.meaning + ".")
        noun.describe(below)
        describe_url(below)
        describe_vhost(below)
        describe_output(below)


def run(arguments: argparse.Namespace) -> int:
    if getattr(arguments, "name", None) == "":
        raise CommandError(f"the name of a {arguments.noun} cannot be empty", USAGE)
    noun = NOUNS[arguments.noun]
    target, document = noun.request(arguments)
    api = Api(arguments.url)
    if getattr(arguments, "new", False) and api.exists(target):
        raise CommandError(f"there is a {arguments.noun} {arguments.name} already")
    api.ask(noun.method, target, document)
    name = getattr(arguments, "name", None) or f"{arguments.source} to {arguments.destination}"
    said = {"kind": arguments.noun, "name": name}
    Output(arguments).done(f"declared {arguments.noun} {name}", said)
    return DONE


def read_arguments(words: list[str]) -> dict[str, Any]:
    """`name=value` as a table; a value is JSON, or else text. Raises: CommandError."""
    table = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise CommandError(f"an argument is spelled name=value, not {word!r}", USAGE)
        try:
            table[name] = json_text.read(value)
        except ValueError:
            table[name] = value
    return table


def _describe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--argument",
        "-a",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument, as x-message-ttl=60000; may be repeated",
    )


def _in_vhost(kind: str, arguments: argparse.Namespace) -> str:
    return f"/api/{kind}/{segment(arguments.vhost)}/{segment(arguments.name)}"


# Queues and exchanges


def _describe_queue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--transient", action="store_true", help="gone after a restart")
    parser.add_argument("--auto-delete", action="store_true", help="gone with its last consumer")
    parser.add_argument("--type", metavar="TYPE", help="the same as x-queue-type")
    _describe_arguments(parser)


def _queue(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    table = read_arguments(arguments.argument)
    if arguments.type:
        table["x-queue-type"] = arguments.type
    document = {
        "durable": not arguments.transient,
        "auto_delete": arguments.auto_delete,
        "arguments": table,
    }
    return _in_vhost("queues", arguments), document


def _describe_exchange(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--type", default="direct", metavar="TYPE", help="direct (default), ...")
    parser.add_argument("--transient", action="store_true", help="gone after a restart")
    parser.add_argument("--auto-delete", action="store_true", help="gone with its last binding")
    parser.add_argument("--internal", action="store_true", help="only for other exchanges")
    _describe_arguments(parser)


def _exchange(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    document = {
        "type": arguments.type,
        "durable": not arguments.transient,
        "auto_delete": arguments.auto_delete,
        "internal": arguments.internal,
        "arguments": read_arguments(arguments.argument),
    }
    return _in_vhost("exchanges", arguments), document


def _describe_binding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="EXCHANGE", help="where messages come from")
    parser.add_argument("destination", metavar="QUEUE", help="where they go")
    parser.add_argument("--to-exchange", action="store_true", help="they go to an exchange")
    parser.add_argument("--key", "-k", default="", metavar="KEY", help="the routing key")
    describe_filters(parser)
    _describe_arguments(parser)


def _binding(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    table = read_arguments(arguments.argument) | filter_arguments(arguments)
    ends = segment(arguments.source), "e" if arguments.to_exchange else "q"
    place = "/".join((segment(arguments.vhost), "e", *ends, segment(arguments.destination)))
    return f"/api/bindings/{place}", {"routing_key": arguments.key, "arguments": table}


# Who may what


def _describe_vhost(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--description", default="", metavar="TEXT")


def _vhost(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    return f"/api/vhosts/{segment(arguments.name)}", {"description": arguments.description}


def _describe_user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--password",
        default=ASKED_FOR,
        metavar="TEXT",
        help="default: asked for, or a line of input",
    )
    parser.add_argument("--tags", default="", metavar="A,B", help="administrator, monitoring, ...")
    parser.add_argument("--new", action="store_true", help="only if there is none of this name")


def _user(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    password = arguments.password
    if password == ASKED_FOR:
        password = read_password(arguments.name)
    document = {"password": password, "tags": arguments.tags}
    return f"/api/users/{segment(arguments.name)}", document


def read_password(user: str) -> str:
    """Asks for it, or reads a line. Raises: CommandError."""
    if sys.stdin.isatty():
        from getpass import getpass

        password = getpass(f"password of {user}: ")
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise CommandError("a password cannot be empty", USAGE)
    return password


def _describe_permission(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="USER")
    for what in ("configure", "write", "read"):
        parser.add_argument(
            f"--{what}", default=".*", metavar="EXPRESSION", help="names it may (default: all)"
        )


def _permission(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    document = {name: getattr(arguments, name) for name in ("configure", "write", "read")}
    return _in_vhost("permissions", arguments), document


def _describe_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--pattern", required=True, metavar="EXPRESSION", help="names it is for")
    parser.add_argument("--apply-to", default="all", metavar="WHAT", help="queues, exchanges, all")
    parser.add_argument("--priority", type=int, default=0, metavar="N", help="the highest counts")
    parser.add_argument("--definition", metavar="JSON", help="all arguments at once")
    _describe_arguments(parser)


def _policy(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    document = {
        "pattern": arguments.pattern,
        "apply-to": arguments.apply_to,
        "priority": arguments.priority,
        "definition": _read_definition(arguments.definition) | read_arguments(arguments.argument),
    }
    return _in_vhost("policies", arguments), document


def _read_definition(text: str | None) -> dict[str, Any]:
    """Raises: CommandError."""
    try:
        document = json_text.read(text or "{}")
    except ValueError as error:
        raise CommandError(f"--definition is no JSON: {error}", USAGE) from error
    if not isinstance(document, dict):
        raise CommandError("--definition has to be a JSON object: {...}", USAGE)
    return document


NOUNS = {
    "queue": Noun("Make a queue", _describe_queue, _queue),
    "exchange": Noun("Make an exchange", _describe_exchange, _exchange),
    "binding": Noun(
        "Bind a queue or an exchange to an exchange", _describe_binding, _binding, "POST"
    ),
    "vhost": Noun("Make a virtual host", _describe_vhost, _vhost),
    "user": Noun("Make a user, or change one", _describe_user, _user),
    "permission": Noun("Say what a user may do", _describe_permission, _permission),
    "policy": Noun("Give options to all with a name", _describe_policy, _policy),
}
