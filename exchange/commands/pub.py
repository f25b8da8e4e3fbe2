"""`warrener pub`: publish messages, from arguments, from files, or from standard input.

Every message is confirmed by the broker, and is mandatory: one that no queue gets is reported. The
exit status is 0 if all went well, 3 if some did, 1 if none did.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from warrener.exchange.commands import DONE, FAILED, PARTLY_DONE, USAGE, CommandError
from warrener.exchange.commands.amqp import connected, describe_url
from warrener.exchange.commands.output import complain, describe_output

if TYPE_CHECKING:
    from warrener.exchange.client import Channel

WINDOW = 1000
"""How many messages may be without the broker's answer."""
TRANSIENT, PERSISTENT = 1, 2
TAGS = "TAGS"


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("body", nargs="*", metavar="BODY", help="a message each; else see --file")
    parser.add_argument("--exchange", "-e", default="", metavar="NAME", help="default: the default")
    parser.add_argument("--key", "-k", default="", metavar="KEY", help="routing key, or queue")
    parser.add_argument(
        "--file",
        "-F",
        action="append",
        default=[],
        metavar="FILE",
        help="a message each; - is standard input, which is read if there is nothing else",
    )
    parser.add_argument(
        "--lines", action="store_true", help="each line of a file is a message; as of - anyway"
    )
    parser.add_argument("--whole", action="store_true", help="all of standard input is one message")
    parser.add_argument(
        "--header",
        "-H",
        action="append",
        default=[],
        metavar="NAME[:TYPE]=VALUE",
        help="a header; may be repeated",
    )
    parser.add_argument(
        "--property",
        "-P",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a property, as content_type=text/plain; may be repeated",
    )
    parser.add_argument("--tags", metavar="TAG", help=f"the same as the header {TAGS}")
    parser.add_argument("--transient", action="store_true", help="need not survive a restart")
    parser.add_argument("--count", "-n", type=int, default=1, metavar="N", help="all N times over")
    parser.add_argument("--rate", type=float, metavar="N", help="at most N messages a second")
    describe_output(parser, json_means="print what was done as JSON")
    describe_url(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.count < 1 or (arguments.rate is not None and not arguments.rate > 0):
        raise CommandError("--count and --rate have to be above 0", USAGE)
    properties = _properties(arguments)
    source, total = _bodies(arguments)
    with connected(arguments.url, "pub") as connection:
        connection.on_blocked = _say_blocked
        channel = connection.channel()
        channel.confirm()
        published = _publish(channel, arguments, source, total, properties)
    return _report(arguments, published, channel)


def _say_blocked(reason: str) -> None:
    complain(f"the broker takes no messages for now: {reason}; waiting until it does, or Ctrl-C")


def _properties(arguments: argparse.Namespace) -> bytes:
    """Raises: CommandError."""
    from warrener.exchange.filters.trial import TrialError, sample
    from warrener.exchange.filters.values import Single
    from warrener.protocol.properties import encode_properties
    from warrener.protocol.tables import Float32

    try:
        given = asdict(sample(arguments.header, arguments.property))
    except TrialError as error:
        raise CommandError(str(error), USAGE) from error
    headers = {
        name: Float32(value) if isinstance(value, Single) else value
        for name, value in given.pop("headers").items()
    }
    if arguments.tags is not None:
        headers[TAGS] = arguments.tags
    fields: dict[str, Any] = {"delivery_mode": TRANSIENT if arguments.transient else PERSISTENT}
    fields |= {name: value for name, value in given.items() if value is not None}
    try:
        return encode_properties(headers=headers or None, **fields)
    except (ValueError, TypeError) as error:
        raise CommandError(f"a property cannot be sent: {error}", USAGE) from error


def _bodies(arguments: argparse.Namespace) -> tuple[Iterator[bytes], int | None]:
    """The bodies, and how many there are if that is known."""
    given = [body.encode("utf-8", "surrogateescape") for body in arguments.body]
    files = arguments.file or ([] if given else ["-"])
    if not files:
        many = chain.from_iterable(repeat(given, arguments.count))
        return iter(many), len(given) * arguments.count
    if arguments.count > 1 and "-" in files:
        raise CommandError("--count needs messages that can be read again, not -", USAGE)
    several = chain.from_iterable(repeat(files, arguments.count))
    read = chain.from_iterable(_of_file(arguments, path) for path in several)
    known = not arguments.lines and "-" not in files
    total = (len(given) + len(files)) * arguments.count if known else None
    return chain(chain.from_iterable(repeat(given, arguments.count)), read), total


def _of_file(arguments: argparse.Namespace, path: str) -> Iterator[bytes]:
    """Raises: CommandError."""
    by_line = arguments.lines or (path == "-" and not arguments.whole)
    try:
        with open(sys.stdin.fileno() if path == "-" else path, "rb", closefd=path != "-") as file:
            if not by_line:
                yield file.read()
                return
            for line in file:
                yield line.removesuffix(b"\n").removesuffix(b"\r")
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error


def _publish(
    channel: Channel,
    arguments: argparse.Namespace,
    bodies: Iterator[bytes],
    total: int | None,
    properties: bytes,
) -> int:
    """Publish all; returns how many."""
    published = 0
    began = time.monotonic()
    with _progress(total) as advance:
        for body in bodies:
            if arguments.rate is not None:
                _wait(channel, began + published / arguments.rate)
            channel.publish_raw(body, arguments.key, arguments.exchange, properties, mandatory=True)
            published += 1
            channel.wait_for_confirms(WINDOW)
            advance(published)
        channel.wait_for_confirms()
        advance(published)
    return published


def _wait(channel: Channel, due: float) -> None:
    """Send what there is, and wait until it is time."""
    left = due - time.monotonic()
    if left > 0:
        channel.flush()
        time.sleep(left)


@contextmanager
def _progress(total: int | None) -> Iterator[Any]:
    """A bar on standard error, if that is a terminal and there are many messages."""
    if total is None or total < WINDOW or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("publishing", total=total)

        def advance(done: int) -> None:
            if not done % 100 or done == total:
                progress.update(task, completed=done)

        yield advance


def _report(arguments: argparse.Namespace, published: int, channel: Channel) -> int:
    returned, refused = channel.returned_count, channel.refused
    lost = returned + refused
    document = {"published": published, "unroutable": returned, "refused": refused}
    if arguments.json:
        import json

        print(json.dumps(document))
    if returned:
        where = f"exchange '{arguments.exchange}'" if arguments.exchange else "the default exchange"
        complain(
            f"{returned} of {published} messages went to no queue: "
            f"{where} has none for '{arguments.key}'"
        )
    if refused:
        complain(f"{refused} of {published} messages were refused: a queue, or the disk, is full")
    if not lost and not arguments.quiet and not arguments.json:
        with suppress(BrokenPipeError):
            print(f"published {published}", file=sys.stderr)
    if not lost:
        return DONE
    return FAILED if lost >= published else PARTLY_DONE
