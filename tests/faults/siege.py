"""A broker in a process of its own under hostile clients, killed and started again: `Siege`.

What `World` (fuzz.py) does within this process is done here over sockets and on a real journal,
where threads, timers and files take part. It is slower and sees less; what it asks is that the
broker keeps running, logs no traceback, starts again on what it left, and gives the victim back
what it was confirmed.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import encode
from tests.faults.blocking_client import BlockingClient
from tests.faults.fuzz import PERSISTENT
from tests.faults.hostile import Hostile
from tests.interop.running_broker import RunningBroker
from warrener.protocol import methods as m
from warrener.protocol.frames import METHOD, frame

VICTIM = "victim"
BATCHES = 80
"""Sent in one life, with what a queue may have to do in between."""
METHODS = 8


class Siege:
    """Hostile clients, a victim, and the lives of one broker; a run follows from its seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.broker = RunningBroker(folder)
        self._log = folder / "broker.log"
        self.hostile = Hostile(Random(seed))
        self.confirmed = 0
        """How many messages of the victim were confirmed: they are numbered."""
        self.methods = 0
        self.lives = 0
        self.longest_wait_s = 0.0

    def run(self, lives: int, until: float = float("inf")) -> None:
        """Raises: AssertionError if something does not hold."""
        self.broker.start()
        try:
            while self.lives < lives and time.monotonic() < until:
                self._live()
                self.lives += 1
                if self.hostile.chance(0.5):
                    self.broker.kill()
                else:
                    assert self.broker.stop() == 0, self.broker.log
                self.broker.start()
                self._check()
        finally:
            if self.broker.running:
                self.broker.stop()

    def _live(self) -> None:
        with BlockingClient(self.broker.url) as victim:
            declared = victim.call(m.QueueDeclare(queue=VICTIM, durable=True))
            assert isinstance(declared, m.QueueDeclareOk)
            assert victim.call(m.ConfirmSelect()) == m.ConfirmSelectOk()
            if not self.lives:
                self._begin()
            for _ in range(BATCHES):
                self._attack()
                self._publish(victim)

    def _begin(self) -> None:
        for payload in self.hostile.beginning():
            with BlockingClient(self.broker.url) as client:
                client.send_bytes(frame(METHOD, 1, payload))
                client.receive()

    def _attack(self) -> None:
        """One client that comes, says what it has to say, and perhaps hears the answer."""
        with BlockingClient(self.broker.url) as client:
            for _ in range(METHODS):
                self.methods += 1
                if self.hostile.chance(0.4):
                    client.send_bytes(self.hostile.publish(1))
                else:
                    client.send_bytes(frame(METHOD, 1, self.hostile.method([1, 2, 3])))
            if self.hostile.chance(0.7):
                # Its answer tells that all of the rest was read.
                client.send_bytes(encode(2, m.ChannelOpen()))
                client.receive()

    def _publish(self, victim: BlockingClient) -> None:
        began = time.monotonic()
        victim.publish("", VICTIM, b"%d" % self.confirmed, properties=PERSISTENT)
        answers = victim.receive()
        assert [type(answer) for answer in answers] == [m.BasicAck], (answers, self.broker.log)
        self.longest_wait_s = max(self.longest_wait_s, time.monotonic() - began)
        self.confirmed += 1

    def _check(self) -> None:
        """The broker is there again, with all that the victim was confirmed, and nothing else."""
        log = self._log.read_text(errors="replace")
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:5000]
        assert "unexpected internal error" not in log, self.broker.log
        with BlockingClient(self.broker.url) as victim:
            for number in range(self.confirmed):
                got = victim.call(m.BasicGet(queue=VICTIM))
                assert isinstance(got, Content), (number, self.confirmed)
                assert got.body == b"%d" % number
            assert isinstance(victim.call(m.BasicGet(queue=VICTIM)), m.BasicGetEmpty)
