"""`warrener delete`: delete a queue, an exchange, a binding, and whatever else lasts."""

from __future__ import annotations

import argparse
from urllib.parse import urlencode

from warrener.exchange.commands import DONE, FAILED, USAGE, CommandError
from warrener.exchange.commands.api import Api, describe_url, describe_vhost, segment
from warrener.exchange.commands.confirmation import confirm, describe_confirmation
from warrener.exchange.commands.output import Output, describe_output

NOUNS = {
    "queue": "Delete a queue with its messages",
    "exchange": "Delete an exchange with its bindings",
    "binding": "Unbind a queue or an exchange",
    "vhost": "Delete a virtual host with all that is in it",
    "user": "Delete a user and close its connections",
    "permission": "Take a user's permissions in a virtual host away",
    "policy": "Clear a policy",
    "connection": "Close a connection",
}
CONDITIONAL = ("queue", "exchange")
IN_NO_VHOST = {"vhost": "vhosts", "user": "users", "connection": "connections"}
IN_A_VHOST = {
    "queue": "queues",
    "exchange": "exchanges",
    "permission": "permissions",
    "policy": "policies",
}


def describe(parser: argparse.ArgumentParser) -> None:
    nouns = parser.add_subparsers(metavar="KIND", required=True, dest="noun")
    for name, meaning in NOUNS.items():
        below = nouns.add_parser(name, help=meaning, description=meaning + ".")
        if name == "binding":
            below.add_argument("name", metavar="EXCHANGE")
            below.add_argument("destination", metavar="QUEUE")
            below.add_argument("--to-exchange", action="store_true", help="it leads to an exchange")
            below.add_argument("--key", "-k", default="", metavar="KEY", help="the routing key")
        else:
            below.add_argument("name", metavar="NAME")
        if name == "connection":
            below.add_argument("--reason", metavar="TEXT", help="what its client is told")
        if name in CONDITIONAL:
            below.add_argument("--if-unused", action="store_true", help="only if nobody uses it")
        if name == "queue":
            below.add_argument("--if-empty", action="store_true", help="only if it has no messages")
        describe_url(below)
        describe_vhost(below)
        describe_confirmation(below)
        describe_output(below)


def run(arguments: argparse.Namespace) -> int:
    api, output = Api(arguments.url), Output(arguments)
    targets = _bindings(api, arguments) if arguments.noun == "binding" else [_target(arguments)]
    what = f"{arguments.noun} {arguments.name}"
    document = {"kind": arguments.noun, "name": arguments.name}
    if arguments.dry_run:
        api.get(targets[0].partition("?")[0], what)
        output.done(f"would delete {what}", document)
        return DONE
    confirm(arguments, f"delete {what}")
    for target in targets:
        api.ask("DELETE", target, what=what, headers=_headers(arguments))
    output.done(f"deleted {what}", document)
    return DONE


def _headers(arguments: argparse.Namespace) -> dict[str, str]:
    """Raises: CommandError."""
    reason = getattr(arguments, "reason", None)
    if not reason:
        return {}
    if not (reason.isascii() and reason.isprintable()):
        raise CommandError("--reason has to be printable ASCII, in one line", USAGE)
    return {"X-Reason": reason}


def _target(arguments: argparse.Namespace) -> str:
    noun, name = arguments.noun, segment(arguments.name)
    if noun in IN_NO_VHOST:
        return f"/api/{IN_NO_VHOST[noun]}/{name}"
    query = {}
    for condition in ("if_unused", "if_empty"):
        if getattr(arguments, condition, False):
            query[condition.replace("_", "-")] = "true"
    place = f"/api/{IN_A_VHOST[noun]}/{segment(arguments.vhost)}/{name}"
    return f"{place}?{urlencode(query)}" if query else place


def _bindings(api: Api, arguments: argparse.Namespace) -> list[str]:
    """The bindings between two with this key. Raises: CommandError."""
    kind = "e" if arguments.to_exchange else "q"
    ends = segment(arguments.name), kind, segment(arguments.destination)
    between = "/".join(("/api/bindings", segment(arguments.vhost), "e", *ends))
    found = [
        f"{between}/{segment(each['properties_key'])}"
        for each in api.get(between)
        if each.get("routing_key") == arguments.key
    ]
    if not found:
        raise CommandError(
            f"{arguments.destination} is not bound to {arguments.name} by '{arguments.key}'", FAILED
        )
    return found
