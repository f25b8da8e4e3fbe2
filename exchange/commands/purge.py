"""`warrener purge`: remove all messages from a queue."""

from __future__ import annotations

import argparse

from warrener.exchange.commands import DONE
from warrener.exchange.commands.api import Api, describe_url, describe_vhost, segment
from warrener.exchange.commands.confirmation import confirm, describe_confirmation
from warrener.exchange.commands.output import Output, describe_output


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", metavar="QUEUE")
    describe_url(parser)
    describe_vhost(parser)
    describe_confirmation(parser)
    describe_output(parser)


def run(arguments: argparse.Namespace) -> int:
    api, queue = Api(arguments.url), arguments.queue
    place = f"/api/queues/{segment(arguments.vhost)}/{segment(queue)}"
    what = f"queue {queue}"
    count = int(api.get(place, what).get("messages_ready", 0))
    said = f"{count} message{'s' * (count != 1)} from {queue}"
    output = Output(arguments)
    document = {"queue": queue, "vhost": arguments.vhost, "messages": count}
    if arguments.dry_run:
        output.done(f"would remove {said}", document)
    else:
        confirm(arguments, f"remove {said}")
        api.ask("DELETE", f"{place}/contents", what=what)
        output.done(f"removed {said}", document)
    return DONE
