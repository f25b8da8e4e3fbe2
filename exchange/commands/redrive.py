"""`warrener redrive`: move the messages of a queue back to where they came from, or elsewhere.

The broker does it; this command waits until it is done. Ctrl-C stops it, and what has not moved by
then stays. The exit status is 0 if all went, 3 if some stay, 1 if none went.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from warrener.exchange.commands import DONE, FAILED, PARTLY_DONE, USAGE, CommandError
from warrener.exchange.commands.api import Api, describe_url, describe_vhost, segment
from warrener.exchange.commands.confirmation import confirm, describe_confirmation
from warrener.exchange.commands.output import Output, complain, describe_output
from warrener.exchange.commands.search import describe_search

LOOK_S = 0.1
RUNNING, FINISHED = "running", "done"


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", metavar="QUEUE")
    parser.add_argument(
        "--to", metavar="EXCHANGE", help="to this exchange (default: where each one came from)"
    )
    parser.add_argument("--key", "-k", metavar="KEY", help="with --to: by this routing key")
    describe_search(parser)
    parser.add_argument("--count", "-n", type=int, metavar="N", help="so many at most")
    parser.add_argument("--rate", type=int, metavar="N", help="at most N messages a second")
    describe_url(parser)
    describe_vhost(parser)
    describe_confirmation(parser)
    describe_output(parser)


def run(arguments: argparse.Namespace) -> int:
    for name in ("count", "rate"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise CommandError(f"--{name} has to be at least 1", USAGE)
    if arguments.key is not None and arguments.to is None:
        raise CommandError("--key needs --to", USAGE)
    if not arguments.dry_run:
        confirm(arguments, f"move messages out of {arguments.queue}")
    api = Api(arguments.url)
    what = f"queue {arguments.queue}"
    queue = f"queues/{segment(arguments.vhost)}/{segment(arguments.queue)}"
    api.get(f"/api/{queue}", what)
    missing = "" if arguments.to is None else f"exchange {arguments.to}"
    job = api.ours("POST", f"/api/x/{queue}/redrive", document_of(arguments), missing)
    return _report(arguments, _finished(api, f"/api/x/redrives/{segment(arguments.vhost)}", job))


def document_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the API is sent."""
    document = {
        "exchange": arguments.to,
        "routing_key": arguments.key,
        "selector": arguments.sql,
        "tags": arguments.tags,
        "message_id": arguments.message_id,
        "key": arguments.keys,
        "count": arguments.count,
        "rate": arguments.rate,
        "dry_run": arguments.dry_run,
    }
    return {name: value for name, value in document.items() if value is not None}


def _finished(api: Api, place: str, job: dict[str, Any]) -> dict[str, Any]:
    """How the redrive has ended."""
    target = f"{place}/{job['id']}"
    try:
        while job["state"] == RUNNING:
            time.sleep(LOOK_S)
            job = api.get(target, f"redrive {job['id']}")
    except KeyboardInterrupt:
        api.ask("DELETE", target)
        stopped = api.get(target, f"redrive {job['id']}")
        complain(f"stopped: {stopped['moved']} moved, the others are where they were")
        raise
    return job


def _report(arguments: argparse.Namespace, job: dict[str, Any]) -> int:
    moved, left = job["moved"], job["left"]
    verb = "would move" if arguments.dry_run else "moved"
    Output(arguments).done(f"{verb} {moved} message{'s' * (moved != 1)}{_where(job)}", job)
    for reason, count in job["reasons"].items():
        print(f"warrener: {count} stay: {reason}", file=sys.stderr)
    if job["state"] != FINISHED:
        complain(f"the redrive was {job['state']} before its end")
        return PARTLY_DONE if moved else FAILED
    if not left:
        return DONE
    return PARTLY_DONE if moved else FAILED


def _where(job: dict[str, Any]) -> str:
    places = [
        f"{each['messages']} to {each['exchange'] or 'queue'} {each['routing_key']}".rstrip()
        for each in job["destinations"]
    ]
    return f": {', '.join(places)}" if places else ""
