"""Fill a journal with waiting messages, as a broker would; a part of bench_restart.py.

fill_journal.py DIRECTORY MESSAGES QUEUES BODY_BYTES BURST PER_COMMIT KILL
"""

import os
import signal
import sys
from threading import Event

from warrener.exchange.broker import Broker
from warrener.exchange.commands.serve import MEANING
from warrener.exchange.durability.recovery import restore
from warrener.exchange.message import Envelope, Message
from warrener.exchange.route import Route
from warrener.exchange.server.codec import CODEC
from warrener.protocol.frames import content_frames
from warrener.protocol.properties import Properties
from warrener.storage.journal import Journal

PERSISTENT = b"\x10\x00\x02"
AHEAD_MAX = 20_000


def main(directory: str, *numbers: str) -> None:
    messages, queues, body_bytes, burst, per_commit, kill = map(int, numbers)
    moved = Event()
    store = Journal(
        directory, sync="never", meaning=MEANING, on_durable=moved.set, on_failure=print
    )
    broker = Broker(store, CODEC)
    restore(broker, store.recover())
    vhost = broker.vhosts["/"]
    routes = []
    for number in range(queues):
        queue = vhost.declare_queue(f"q{number}", None, durable=True)
        routes.append(Route("", queue.name, (queue,), 0, lasting=True))
    content = content_frames(PERSISTENT, b"x" * body_bytes, 1, 131072)
    properties = Properties(PERSISTENT)
    for done in range(0, messages, burst):
        route = routes[done // burst % queues]
        envelope = Envelope("", "q")
        run = [
            Message(envelope, properties, content, 1) for _ in range(min(burst, messages - done))
        ]
        broker.ledger.set_time(done)
        broker.ledger.write_messages(run, route.head, route.holders)
        if done // per_commit != (done + burst) // per_commit:
            broker.ledger.commit()
            while store.end - store.durable > AHEAD_MAX:
                moved.wait()
                moved.clear()
    broker.ledger.commit()
    if kill:
        while store.durable < store.end:
            moved.wait()
            moved.clear()
        os.kill(os.getpid(), signal.SIGKILL)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
