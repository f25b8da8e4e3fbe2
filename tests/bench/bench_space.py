"""What the journal takes while messages come and go for ever and one of them is never acknowledged.

    .venv/bin/python tests/bench/bench_space.py                30 s of 1 KiB messages
    .venv/bin/python tests/bench/bench_space.py --seconds 300 --body 100

A broker core on a journal of its own, without its server: a message that stays, then passes of 64
messages that are published, handed out and acknowledged. `most` is the highest number of bytes the
segments ever took, in segments of 64 MiB; `held up` the longest time that a single pass took.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from fill_journal import PERSISTENT

from warrener.exchange.broker import Broker
from warrener.exchange.commands.serve import MEANING
from warrener.exchange.durability.recovery import restore
from warrener.exchange.message import Envelope, Message
from warrener.exchange.route import Route
from warrener.exchange.server.codec import CODEC
from warrener.protocol.frames import content_frames
from warrener.protocol.properties import Properties
from warrener.storage.journal import SEGMENT_BYTES, Journal

PER_PASS = 64
AHEAD_MAX = 5000
LOOK_S = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--body", type=int, default=1024)
    parser.add_argument("--directory", default=None, help="where to make the journal")
    arguments = parser.parse_args()
    sys.setswitchinterval(0.0001)
    with tempfile.TemporaryDirectory(prefix="bench-space-", dir=arguments.directory) as folder:
        load(Path(folder), arguments.seconds, arguments.body)
    return 0


def load(folder: Path, seconds: float, body_bytes: int) -> None:
    store = Journal(
        folder, sync="never", meaning=MEANING, on_durable=lambda: None, on_failure=print
    )
    broker = Broker(store, CODEC)
    restore(broker, store.recover())
    queue = broker.vhosts["/"].declare_queue("q", None, durable=True)
    route = Route("", queue.name, (queue,), 0, lasting=True)
    content = content_frames(PERSISTENT, b"x" * body_bytes, 1, 131072)
    properties, envelope = Properties(PERSISTENT), Envelope("", "q")

    def publish(count: int) -> list[Message]:
        messages = [Message(envelope, properties, content, 1) for _ in range(count)]
        broker.ledger.write_messages(messages, route.head, route.holders)
        return messages

    publish(1)
    passes, most, longest, looked = 0, 0, 0.0, 0.0
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        broker.ledger.set_time(int(began * 1000))
        for message in publish(PER_PASS):
            broker.ledger.settle(queue, message.position)
        broker.ledger.commit()
        now = time.monotonic()
        longest, passes = max(longest, now - began), passes + 1
        if now - looked > LOOK_S:
            most, looked = max(most, taken(folder)), now
            broker.tidy()
        while store.end - store.durable > AHEAD_MAX:
            time.sleep(0.0005)
    written = passes * PER_PASS
    print(
        f"{written:,} messages of {body_bytes} bytes, {written * body_bytes / 2**30:.1f} GiB, "
        f"{written / seconds:,.0f}/s; most {most / SEGMENT_BYTES:.2f} segments of disk; "
        f"held up {longest * 1000:.0f} ms"
    )
    store.close()


def taken(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


if __name__ == "__main__":
    sys.exit(main())
