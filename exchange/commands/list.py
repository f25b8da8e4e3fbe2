"""`warrener list`: whatever a broker has, a line each."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from warrener.exchange.commands import DONE, USAGE, CommandError
from warrener.exchange.commands.api import Api, describe_url, describe_vhost, segment
from warrener.exchange.commands.output import Output, describe_output
from warrener.exchange.monitor.snapshot import lead


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that can be listed: where it is in the API, and which columns are shown."""

    columns: tuple[str, ...]
    in_vhost: str = ""
    """Its path in one virtual host; none for what is in no virtual host."""


KINDS: Mapping[str, Kind] = {
    "queues": Kind(
        (
            "vhost",
            "name",
            "type",
            "durable",
            "messages_ready",
            "messages_unacknowledged",
            "messages",
            "consumers",
        ),
        "/api/queues/{}",
    ),
    "exchanges": Kind(("vhost", "name", "type", "durable"), "/api/exchanges/{}"),
    "bindings": Kind(
        ("vhost", "source", "destination_type", "destination", "routing_key", "arguments"),
        "/api/bindings/{}",
    ),
    "connections": Kind(
        ("name", "user", "vhost", "state", "channels", "user_provided_name"),
        "/api/vhosts/{}/connections",
    ),
    "channels": Kind(
        ("name", "user", "vhost", "consumer_count", "prefetch_count", "messages_unacknowledged"),
        "/api/vhosts/{}/channels",
    ),
    "consumers": Kind(
        (
            "queue.vhost",
            "queue.name",
            "consumer_tag",
            "channel_details.name",
            "ack_required",
            "prefetch_count",
            "arguments",
        ),
        "/api/consumers/{}",
    ),
    "vhosts": Kind(("name", "description", "messages")),
    "users": Kind(("name", "tags")),
    "permissions": Kind(
        ("vhost", "user", "configure", "write", "read"), "/api/vhosts/{}/permissions"
    ),
    "policies": Kind(
        ("vhost", "name", "pattern", "apply-to", "priority", "definition"), "/api/policies/{}"
    ),
}


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=tuple(KINDS), metavar="KIND", help=", ".join(KINDS))
    describe_url(parser)
    describe_vhost(parser, default=None)
    parser.add_argument(
        "--name", metavar="TEXT", help="only those with this text in a column that is usual"
    )
    parser.add_argument("--sort", metavar="COLUMN", help="in the order of this column")
    parser.add_argument("--reverse", action="store_true", help="the other way round")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N only")
    describe_output(parser, lists=True)


def run(arguments: argparse.Namespace) -> int:
    kind = KINDS[arguments.kind]
    output = Output(arguments)
    if arguments.limit is not None and arguments.limit < 0:
        raise CommandError("--limit has to be 0 or more", USAGE)
    what = f"virtual host {arguments.vhost}" if arguments.vhost else ""
    rows = Api(arguments.url).get(target(arguments, kind, output), what)
    if not isinstance(rows, list):
        rows = []
    if arguments.name is not None:
        needle = arguments.name.lower()
        rows = [row for row in rows if _has(row, kind.columns, needle)]
    if arguments.sort is not None:
        rows.sort(key=lambda row: _sort_key(lead(row, arguments.sort)))
    if arguments.reverse:
        rows.reverse()
    output.rows(rows[: arguments.limit], kind.columns)
    return DONE


def target(arguments: argparse.Namespace, kind: Kind, output: Output) -> str:
    """Where the list is found. The broker is asked for what is shown, unless all of it is."""
    if arguments.vhost is not None and kind.in_vhost:
        path = kind.in_vhost.format(segment(arguments.vhost))
    else:
        path = f"/api/{arguments.kind}"
    if output.is_document and arguments.columns is None:
        return path
    more = () if arguments.name is None else kind.columns
    needed = dict.fromkeys(
        (*output.columns(kind.columns), *more, *([arguments.sort] if arguments.sort else ()))
    )
    return f"{path}?{urlencode({'columns': ','.join(needed)}, safe=',')}"


def _has(row: Mapping[str, Any], columns: Sequence[str], needle: str) -> bool:
    return any(needle in str(lead(row, column)).lower() for column in columns)


def _sort_key(value: Any) -> tuple[int, Any]:
    """Nothing comes before numbers, numbers before text."""
    if value is None:
        return 0, 0
    return (1, value) if isinstance(value, int | float) else (2, str(value).lower())
