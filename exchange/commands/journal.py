"""`warrener journal check` and `stat`: look into the journal of a broker that is stopped.

Both only read; nothing in the directory is changed but the lock, which keeps brokers out meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from warrener.exchange.commands import CommandError
from warrener.exchange.commands.output import describe_output
from warrener.exchange.durability.records import Kind, head_bytes, refers_to, settled_positions
from warrener.exchange.durability.unsettled import Unsettled
from warrener.exchange.server.codec import CODEC
from warrener.storage.errors import StorageError
from warrener.storage.inspection import Inspection, SegmentSize
from warrener.storage.store import Meaning, Run

MEANING = Meaning(head_bytes, refers_to)
SOUND = 0
DAMAGED = 1
UNREADABLE = 2


def describe(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, meaning in (
        ("check", "read every byte and report damage; the exit status is 1 if there is any"),
        ("stat", "show what segments and queues hold"),
    ):
        action = actions.add_parser(name, help=meaning, description=meaning.capitalize() + ".")
        action.add_argument("directory", metavar="DIR", help="the data directory of the broker")
        describe_output(action, json_means="print one JSON object")
        action.set_defaults(action=name)


def run(arguments: argparse.Namespace) -> int:
    directory = arguments.directory
    try:
        if not any(name.endswith(".segment") for name in os.listdir(directory)):
            raise CommandError(f"there is no journal in {directory}", status=UNREADABLE)
        with Inspection(directory, MEANING) as inspection:
            if arguments.action == "check":
                return check(inspection, arguments)
            return stat(inspection, arguments)
    except (StorageError, OSError) as error:
        raise CommandError(f"cannot read the journal: {error}", status=UNREADABLE) from error


def check(inspection: Inspection, arguments: argparse.Namespace) -> int:
    result = inspection.check()
    if arguments.json:
        print_json(asdict(result))
    elif not arguments.quiet:
        for damage in result.damaged:
            where = f"{damage.file}\t{damage.offset}\t{damage.length}"
            sys.stdout.write(f"{where}\t{damage.explanation}\n")
        print_line("segments", result.segments)
        print_line("records", result.records)
        print_line("bytes", result.bytes)
        print_line("cut on the next start", result.cut_bytes)
        print_line("damaged places", len(result.damaged))
    return DAMAGED if result.damaged else SOUND


def stat(inspection: Inspection, arguments: argparse.Namespace) -> int:
    names: dict[int, tuple[str, str]] = {}
    waiting = Unsettled()
    for found in inspection.runs():
        if found.kind == Kind.MESSAGE:
            waiting.add(found)
        elif found.kind == Kind.SETTLED:
            waiting.settle(*settled_positions(found.head))
        elif found.kind in (Kind.QUEUE_DECLARED, Kind.QUEUE_DELETED):
            _note_queue(found, names, waiting)
    queues = []
    for number, (vhost, name) in sorted(names.items(), key=lambda each: each[1]):
        positions, size = waiting.take(number)
        inspection.hold(positions)
        queues.append({"vhost": vhost, "name": name, "messages": len(positions), "bytes": size})
    segments = inspection.sizes()
    if arguments.json:
        print_json({"segments": [asdict(each) for each in segments], "queues": queues})
    else:
        sys.stdout.writelines(_table(segments, queues, with_names=not arguments.quiet))
    return SOUND


def _note_queue(found: Run, names: dict[int, tuple[str, str]], waiting: Unsettled) -> None:
    fields = CODEC.decode_table(found.head)
    if found.kind == Kind.QUEUE_DELETED:
        names.pop(fields["number"], None)
        waiting.forget(fields["number"])
    else:
        names[fields["number"]] = fields["vhost"], fields["name"]


def _table(
    segments: list[SegmentSize], queues: list[dict[str, Any]], with_names: bool
) -> Iterator[str]:
    if with_names:
        yield "segment\tbytes\trecords\tmessages waiting\tin use\n"
    for each in segments:
        share = f"{100 * each.live_bytes // each.bytes}%" if each.bytes else "-"
        yield f"{each.file}\t{each.bytes}\t{each.records}\t{each.held}\t{share}\n"
    yield "\nvirtual host\tqueue\tmessages\tbytes\n" if with_names else "\n"
    for queue in queues:
        yield "\t".join(str(value) for value in queue.values()) + "\n"


def print_line(name: str, value: object) -> None:
    sys.stdout.write(f"{name}\t{value}\n")


def print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
