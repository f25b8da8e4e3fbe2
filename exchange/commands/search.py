"""`warrener search`: find messages in all queues of a virtual host, and leave them as they are.

The exit status is 1 if there is none.
"""

from __future__ import annotations

import argparse

from warrener.exchange.commands import DONE, FAILED, USAGE, CommandError
from warrener.exchange.commands.amqp import describe_filters
from warrener.exchange.commands.api import Api, describe_url, describe_vhost, segment
from warrener.exchange.commands.output import Output, describe_output
from warrener.exchange.commands.peek import describe_count, tell_what_is_missing, wanted

COLUMNS = (
    "queue",
    "sequence",
    "exchange",
    "routing_key",
    "properties.message_id",
    "payload_bytes",
    "payload",
)


def describe(parser: argparse.ArgumentParser) -> None:
    describe_url(parser)
    describe_vhost(parser)
    describe_search(parser)
    describe_count(parser, 100)
    describe_output(parser, lists=True)


def describe_search(parser: argparse.ArgumentParser) -> None:
    describe_filters(parser)
    parser.add_argument("--message-id", metavar="ID", help="only those with this id")
    parser.add_argument(
        "--keys", metavar="WORD", help="only those with this word in the header KEYS"
    )


def run(arguments: argparse.Namespace) -> int:
    asked = (arguments.sql, arguments.tags, arguments.message_id, arguments.keys)
    if all(each is None for each in asked):
        raise CommandError("say what to look for: --sql, --tags, --message-id or --keys", USAGE)
    output = Output(arguments)
    query = wanted(arguments, message_id=arguments.message_id, key=arguments.keys)
    place = f"/api/x/messages/{segment(arguments.vhost)}"
    found = Api(arguments.url).ours(
        "GET", f"{place}?{query}", what=f"virtual host {arguments.vhost}"
    )
    output.rows(found["items"], COLUMNS)
    tell_what_is_missing(output, found, arguments.count)
    return DONE if found["items"] else FAILED
