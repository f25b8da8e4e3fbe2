"""`warrener delayed`: see what an exchange holds back, take it away, or have it go now."""

from __future__ import annotations

import argparse

from warrener.exchange.commands import DONE, FAILED, PARTLY_DONE, CommandError
from warrener.exchange.commands.amqp import describe_filters
from warrener.exchange.commands.api import Api, OnlyHere, describe_url, describe_vhost, segment
from warrener.exchange.commands.confirmation import confirm, describe_confirmation
from warrener.exchange.commands.output import Output, complain, describe_output
from warrener.exchange.commands.peek import describe_count, tell_what_is_missing, wanted

COLUMNS = ("sequence", "due_at", "routing_key", "payload_bytes", "payload")
LIST, CANCEL, EXPEDITE = "list", "cancel", "expedite"
ACTIONS = {
    LIST: "Show what an exchange holds back",
    CANCEL: "Take messages away: they will not go",
    EXPEDITE: "Have messages go now",
}


def describe(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    for name, meaning in ACTIONS.items():
        below = actions.add_parser(name, help=meaning, description=meaning + ".")
        below.add_argument("exchange", metavar="EXCHANGE", help="of type x-delayed-message")
        if name != LIST:
            below.add_argument(
                "sequence", nargs="+", type=int, metavar="SEQUENCE", help="as the list has them"
            )
        describe_url(below)
        describe_vhost(below)
        if name == LIST:
            describe_filters(below)
            describe_count(below, 100)
        else:
            describe_confirmation(below)
        describe_output(below, lists=name == LIST)


def run(arguments: argparse.Namespace) -> int:
    exchange = segment(arguments.exchange)
    place = f"/api/x/exchanges/{segment(arguments.vhost)}/{exchange}/delayed"
    api, output = Api(arguments.url), Output(arguments)
    if arguments.action == LIST:
        return _list(arguments, api, output, place)
    return _change(arguments, api, output, place)


def _list(arguments: argparse.Namespace, api: Api, output: Output, place: str) -> int:
    found = api.ours(
        "GET",
        f"{place}?{wanted(arguments)}",
        what=f"exchange {arguments.exchange} that holds messages back",
    )
    output.rows(found["items"], COLUMNS)
    tell_what_is_missing(output, found, arguments.count)
    return DONE


def _change(arguments: argparse.Namespace, api: Api, output: Output, place: str) -> int:
    """Each of them, also after one that has gone meanwhile."""
    verb = arguments.action
    several = ", ".join(map(str, arguments.sequence))
    if arguments.dry_run:
        api.ours(
            "GET",
            f"{place}?count=1",
            what=f"exchange {arguments.exchange} that holds messages back",
        )
        return _done(output, f"would {verb} {several}", arguments.sequence, [])
    confirm(arguments, f"{verb} {several} of exchange {arguments.exchange}")
    done, missing = [], []
    for sequence in arguments.sequence:
        try:
            what = f"message {sequence} in exchange {arguments.exchange}"
            if verb == CANCEL:
                api.ours("DELETE", f"{place}/{sequence}", what=what)
            else:
                api.ours("POST", f"{place}/{sequence}/expedite", what=what)
            done.append(sequence)
        except CommandError as error:
            if error.status != FAILED or isinstance(error, OnlyHere):
                raise
            complain(str(error))
            missing.append(sequence)
    past = {CANCEL: "cancelled", EXPEDITE: "expedited"}[verb]
    return _done(output, f"{past} {', '.join(map(str, done)) or 'none'}", done, missing)


def _done(output: Output, said: str, done: list[int], missing: list[int]) -> int:
    output.done(said, {"done": done, "missing": missing})
    if not missing:
        return DONE
    return PARTLY_DONE if done else FAILED
