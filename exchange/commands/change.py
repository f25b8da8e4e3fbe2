"""`warrener change user`: another password, or other tags, and all else as it is.

The API takes a user as a whole, so the rest is read first. Where several change the same user at
the same time, the last one wins.
"""

from __future__ import annotations

import argparse
from typing import Any

from warrener.exchange.commands import DONE, USAGE, CommandError
from warrener.exchange.commands.api import Api, describe_url, segment
from warrener.exchange.commands.declare import ASKED_FOR, read_password
from warrener.exchange.commands.output import Output, describe_output

KEPT = ("password_hash", "hashing_algorithm")


def describe(parser: argparse.ArgumentParser) -> None:
    nouns = parser.add_subparsers(metavar="KIND", required=True, dest="noun")
    meaning = "Give a user another password, or other tags"
    user = nouns.add_parser("user", help=meaning, description=meaning + ".")
    user.add_argument("name", metavar="NAME")
    user.add_argument(
        "--password", metavar="TEXT", help="the new one; - is asked for, or a line of input"
    )
    user.add_argument("--tags", metavar="A,B", help="all that it is to have; '' for none")
    describe_url(user)
    describe_output(user)


def run(arguments: argparse.Namespace) -> int:
    if arguments.password is None and arguments.tags is None:
        raise CommandError("say what to change: --password or --tags", USAGE)
    api, what = Api(arguments.url), f"user {arguments.name}"
    target = f"/api/users/{segment(arguments.name)}"
    api.ask("PUT", target, changed(api.get(target, what), arguments))
    Output(arguments).done(f"changed {what}", {"kind": "user", "name": arguments.name})
    return DONE


def changed(user: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """The user as the API is to have it."""
    tags = user.get("tags") or []
    kept = tags if isinstance(tags, str) else ",".join(tags)
    document = {"tags": kept if arguments.tags is None else arguments.tags}
    if arguments.password is None:
        return document | {name: user[name] for name in KEPT if name in user}
    password = arguments.password
    if password == ASKED_FOR:
        password = read_password(arguments.name)
    if not password:
        raise CommandError("a password cannot be empty", USAGE)
    return document | {"password": password}
