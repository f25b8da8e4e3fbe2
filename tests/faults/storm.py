"""A broker that is killed again and again while its clients work: `make storm`.

    python -m tests.faults.storm --kills 200 --seed 1

Three publishers and three workers, each in a thread of its own, use the broker as hard as they
can: confirms with hundreds of messages on the way, acknowledgements out of order, messages given
back, messages refused so that they become dead letters. At a random moment the broker is killed,
now and then while it is still starting, and started again on the same data; then every queue is
read whole and compared with what the clients have written down (`Account`). At the end a report is
printed; the exit status is 0 only if nothing was lost, unexpected, out of order, or given twice
without the mark `redelivered`.
"""

import argparse
import contextlib
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.exchange.server.inbox import Content
from tests.faults.account import NUMBERS, Account
from tests.faults.blocking_client import BlockingClient
from tests.interop.running_broker import BrokerDidNotStart, RunningBroker
from tests.patience import join
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties

PUBLISHERS = WORKERS = 3
WINDOW = 300
BATCH_MAX = 60
BODY_BYTES_MAX = 3000
PREFETCH = 50
PROVEN_AFTER = 40
CONFIRMS_BEFORE_THE_KILL = (1, 1500)
KILLED_WHILE_STARTING = 0.15
START_S_MAX = 0.6

WORK, DEAD, PROOFS = "storm.work", "storm.dead", "storm.proofs"
PERSISTENT = encode_properties(delivery_mode=2)


@dataclass
class Report:
    """What happened, and what should not have."""

    kills: int = 0
    kills_while_starting: int = 0
    lost: set[int] = field(default_factory=set)
    unexpected: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)
    """In two places at once, or in one place twice."""
    out_of_order: int = 0
    dead_letters: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not (
            self.lost or self.unexpected or self.doubled or self.out_of_order or self.faults
        )


class Storm:
    """A broker, and the clients of one of its lives after the other."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.report = Report()
        self.account = Account()
        self.broker = RunningBroker(folder)
        self.enough = threading.Event()
        self._draw = Random(seed)
        self._wanted = 0
        self._numbers = [number * NUMBERS for number in range(1, PUBLISHERS + 1)]

    def run(self, kills: int, seconds_max: float = float("inf")) -> Report:
        give_up = time.monotonic() + seconds_max
        self.broker.start()
        self._declare()
        while self.report.kills < kills and time.monotonic() < give_up:
            self._live()
            self._start()
            self._check()
        self.broker.stop()
        self.report.faults = self.account.faults
        return self.report

    def next_numbers(self, publisher: int, count: int) -> range:
        first = self._numbers[publisher]
        self._numbers[publisher] += count
        return range(first, first + count)

    def confirmed(self, count: int) -> None:
        """A publisher has heard of so many; after enough of them the broker is killed."""
        self._wanted -= count
        if self._wanted <= 0:
            self.enough.set()

    def _declare(self) -> None:
        there = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD}
        with BlockingClient(self.broker.url) as client:
            client.call(m.QueueDeclare(queue=WORK, durable=True, arguments=there))
            client.call(m.QueueDeclare(queue=DEAD, durable=True))
            few = {"x-max-length": 10}
            client.call(m.QueueDeclare(queue=PROOFS, durable=True, arguments=few))

    def _live(self) -> None:
        """One life of the broker, and its end."""
        self.enough.clear()
        self._wanted = self._draw.randint(*CONFIRMS_BEFORE_THE_KILL)
        roles = [Publisher] * PUBLISHERS + [Worker] * WORKERS
        clients = [
            role(self, number % PUBLISHERS, Random(self._draw.random()))
            for number, role in enumerate(roles)
        ]
        for client in clients:
            client.start()
        assert self.enough.wait(60), "the clients get nowhere"
        self.broker.kill()
        self.report.kills += 1
        for client in clients:
            join(client)

    def _start(self) -> None:
        """Start the broker; now and then kill it while it starts, and start it again."""
        while self._draw.random() < KILLED_WHILE_STARTING:
            self.report.kills += 1
            self.report.kills_while_starting += 1
            with contextlib.suppress(BrokerDidNotStart):
                self.broker.start(kill_after_s=self._draw.uniform(0, START_S_MAX))
            if self.broker.running:
                self.broker.kill()
        self.broker.start()

    def _check(self) -> None:
        """Every queue against what the clients know; nobody else is connected now."""
        account, report = self.account, self.report
        work, dead = (everything_in(self.broker.url, queue) for queue in (WORK, DEAD))
        found = work + dead
        report.lost |= account.confirmed - account.acknowledged - set(found)
        report.unexpected |= set(found) - account.published
        report.unexpected |= set(found) & account.settled
        report.doubled |= {number for number, count in Counter(found).items() if count > 1}
        for publisher in range(1, PUBLISHERS + 1):
            numbers = [number for number in work if number // NUMBERS == publisher]
            report.out_of_order += numbers != sorted(numbers)
        report.dead_letters += len(dead)
        account.recover(set(found), set(work))
        # dead letters are done with: their queue is emptied, and a confirm proves it
        account.acknowledged |= set(dead)
        with BlockingClient(self.broker.url) as client:
            client.call(m.ConfirmSelect())
            client.call(m.QueuePurge(queue=DEAD))
            client.publish("", PROOFS, b"", properties=PERSISTENT)
            assert client.receive() == [m.BasicAck(1)]
        account.settle(dead)


class Client(threading.Thread):
    """Works until the broker is gone; a mistake on either side is a fault."""

    def __init__(self, storm: Storm, number: int, draw: Random) -> None:
        super().__init__(name=f"{type(self).__name__} {number}")
        self._storm = storm
        self._account = storm.account
        self._number = number
        self._draw = draw

    def run(self) -> None:
        try:
            with BlockingClient(self._storm.broker.url) as client:
                client.call(m.ConfirmSelect())
                self.work(client)
        except ConnectionError:
            return
        except Exception as fault:
            self._account.faults.append(f"{self.name}: {fault!r}")

    def work(self, client: BlockingClient) -> None:
        raise NotImplementedError


class Publisher(Client):
    """Publishes its numbers, many on the way at once."""

    def __init__(self, storm: Storm, number: int, draw: Random) -> None:
        super().__init__(storm, number, draw)
        self._on_the_way: dict[int, int] = {}
        self._tag = 0

    def work(self, client: BlockingClient) -> None:
        while not client.closed:
            if len(self._on_the_way) < WINDOW:
                self._publish(client)
            for answer in client.receive():
                assert isinstance(answer, m.BasicAck), answer
                self._confirm(answer)

    def _publish(self, client: BlockingClient) -> None:
        count = self._draw.randint(1, BATCH_MAX)
        numbers = self._storm.next_numbers(self._number, count)
        self._account.publish(*numbers)
        self._on_the_way |= dict(enumerate(numbers, self._tag + 1))
        self._tag += count
        filling = bytes(self._draw.choice((0, 100, BODY_BYTES_MAX)))
        bodies = [b"%d " % number + filling for number in numbers]
        client.publish("", WORK, *bodies, properties=PERSISTENT)

    def _confirm(self, ack: m.BasicAck) -> None:
        last = ack.delivery_tag
        tags = [tag for tag in self._on_the_way if tag <= last] if ack.multiple else [last]
        self._account.confirm(*(self._on_the_way.pop(tag) for tag in tags))
        self._storm.confirmed(len(tags))


class Worker(Client):
    """Takes messages and settles them in any order and way; now and then it asks for proof.

    The proof is the confirm of a message that it publishes: by then all is safe that the broker
    had read before, and so are acknowledgements.
    """

    def __init__(self, storm: Storm, number: int, draw: Random) -> None:
        super().__init__(storm, number, draw)
        self._unproven: list[int] = []
        self._proofs: deque[list[int]] = deque()
        """For each proof that was asked for and not given: what it will prove."""
        self._proven = 0

    def work(self, client: BlockingClient) -> None:
        client.call(m.BasicQos(prefetch_count=PREFETCH))
        client.send(m.BasicConsume(queue=WORK, consumer_tag="c", no_wait=True))
        while not client.closed:
            deliveries = []
            for item in client.receive():
                if isinstance(item, Content):
                    deliveries.append(item)
                else:
                    assert isinstance(item, m.BasicAck), item
                    self._prove(item.delivery_tag)
            self._settle(client, deliveries)

    def _settle(self, client: BlockingClient, deliveries: Sequence[Content]) -> None:
        taken = [(number_of(item.body), item.method) for item in deliveries]
        for number, method in taken:
            self._account.take(number, self.name, method.redelivered)
        self._draw.shuffle(taken)
        answers = [self._answer(number, method.delivery_tag) for number, method in taken]
        client.send(*answers)
        if len(self._unproven) >= PROVEN_AFTER:
            self._proofs.append(self._unproven)
            self._unproven = []
            client.publish("", PROOFS, b"", properties=PERSISTENT)

    def _answer(self, number: int, tag: int) -> m.BasicAck | m.BasicNack | m.BasicReject:
        chance = self._draw.random()
        if chance < 0.05:
            self._account.give_back(number)
            return m.BasicNack(tag, requeue=True)
        if chance < 0.1:
            # it is a dead letter now, or still in its queue after a crash
            self._account.give_back(number)
            return m.BasicReject(tag, requeue=False)
        self._account.acknowledge(number)
        self._unproven.append(number)
        return m.BasicAck(tag)

    def _prove(self, number: int) -> None:
        while self._proven < number:
            self._proven += 1
            self._account.settle(self._proofs.popleft())


def number_of(body: bytes) -> int:
    return int(body.partition(b" ")[0])


def everything_in(url: str, queue: str) -> list[int]:
    """The whole queue in its order; nothing is acknowledged, so it is all still there."""
    with BlockingClient(url) as client:
        answer = client.call(m.QueueDeclare(queue=queue, passive=True))
        assert isinstance(answer, m.QueueDeclareOk)
        client.send(m.BasicConsume(queue=queue, consumer_tag="all", no_wait=True))
        numbers: list[int] = []
        while len(numbers) < answer.message_count:
            numbers += [number_of(item.body) for item in client.receive()]
        # what was counted came, and no more than that: an empty get follows all deliveries
        assert client.call(m.BasicGet(queue=queue)) == m.BasicGetEmpty()
    return numbers


def show(storm: Storm, seconds: float) -> str:
    report, account = storm.report, storm.account
    lines = [
        f"kills             {report.kills}, {report.kills_while_starting} of them while starting",
        f"seconds           {seconds:.0f}",
        f"published         {len(account.published)}",
        f"confirmed         {len(account.confirmed)}",
        f"handed out        {len(account.given)}",
        f"acknowledged      {len(account.acknowledged)}",
        f"dead letters      {report.dead_letters}",
        f"lost              {len(report.lost)}",
        f"unexpected        {len(report.unexpected)}",
        f"in two places     {len(report.doubled)}",
        f"out of order      {report.out_of_order}",
        f"handed out again  {len(account.repeated)}, all marked as redelivered",
        f"other faults      {len(report.faults)}",
        *(f"    {fault}" for fault in report.faults[:20]),
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill a broker again and again under load.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--seconds", type=float, default=1800, help="give up after this long")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        storm = Storm(Path(folder), options.seed)
        storm.run(options.kills, options.seconds)
        print(show(storm, time.monotonic() - begun))
    return 0 if storm.report.sound and storm.report.kills >= options.kills else 1


if __name__ == "__main__":
    sys.exit(main())
