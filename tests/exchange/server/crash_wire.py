"""A broker on a disk that loses its power, used by a client that sees only the wire.

`Life` is a broker from a start to an end. What its client does, it notes: after each pass, which
topology lasts and which messages stand in which queue (`states`). What the client is told (a
confirm, the answer to a commit) is noted with the disk, so that whatever a power cut leaves can be
held against it: the broker must come up as it was after one of its passes, and not one before the
last that the client was told to be safe.

What happens to the disk is a matter of what the client does alone, not of the threads' speed: each
pass is on disk before the next begins, unless writes are held (`files.hold`), and then all that
follows goes to disk in one write. The caretaker works in between, when nobody else does; if it is
to `dawdle` it does so many things to the disk and then nothing until the client is told.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.exchange.durable_broker import Topology, lasting_topology
from tests.exchange.server.inbox import Content, Item
from tests.exchange.server.wire import Wire
from tests.storage.crash_files import PATIENCE_S, SECTOR_BYTES, Crash, CrashFiles, Disk
from warrener.exchange.durability.recovery import restore
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.properties import encode_properties
from warrener.storage.journal import Journal

PERSISTENT = encode_properties(delivery_mode=2)

Lines = dict[str, list[bytes]]
"""By queue: the bodies of its messages that are not settled, in order."""
State = tuple[Topology, Lines]


class SteppedWire(Wire):
    """Does something after each pass: has it written before the next one."""

    def __init__(self, store: Journal, after_pass: Callable[[], None]) -> None:
        self._after_pass = after_pass
        super().__init__(store)

    def end_pass(self) -> None:
        super().end_pass()
        self._after_pass()


class Life:
    """A broker from its start on, a client that confirms, and one that uses transactions."""

    def __init__(self, folder: Path, files: CrashFiles, **options: object) -> None:
        self.files = files
        self._changed = threading.Condition()
        self._dawdles = False
        files.turnstile.close()
        self.store = Journal(
            folder, files=files, on_durable=self._durable, on_failure=self._failed, **options
        )
        self.wire = SteppedWire(self.store, self._after_pass)
        restore(self.wire.broker, self.store.recover())
        self.channel = self.wire.login().channel()
        self.lines = self._look()
        self.states: list[State] = []
        self.note()
        self._published = 0
        self._confirmed = 0
        assert self.channel.call(m.ConfirmSelect()) == m.ConfirmSelectOk()

    # What the client does; each is a pass

    def call(self, method: Method) -> Item:
        """Ask for something that changes no queue's messages."""
        answer = self._ask(method)
        self.note()
        return answer

    def declare(self, queue: str, **options: object) -> None:
        self.lines.setdefault(queue, [])
        self.call(m.QueueDeclare(queue=queue, durable=True, **options))

    def delete(self, queue: str) -> None:
        del self.lines[queue]
        self.call(m.QueueDelete(queue=queue))

    def purge(self, queue: str) -> None:
        self.lines[queue] = []
        self.call(m.QueuePurge(queue=queue))

    def publish(self, queues: Sequence[str], *bodies: bytes, exchange: str = "") -> None:
        """Publish in one read; `queues` are where the messages go."""
        self._published += len(bodies)
        for queue in queues:
            self.lines[queue] += bodies
        routing_key = "" if exchange else queues[0]
        self.channel.publish(exchange, routing_key, *bodies, properties=PERSISTENT)
        self.note()

    def get(self, queue: str) -> tuple[int, bytes]:
        """Take a message without settling it; returns its tag and body."""
        answer = self._ask(m.BasicGet(queue=queue))
        assert isinstance(answer, Content)
        return answer.method.delivery_tag, answer.body

    def settle(self, queue: str) -> None:
        """Take a message and acknowledge it."""
        tag, body = self.get(queue)
        self.lines[queue].remove(body)
        self.channel.send(m.BasicAck(tag))
        self.note()

    def bury(self, queue: str, dead: str) -> None:
        """Take a message and refuse it, so that it goes to another queue."""
        tag, body = self.get(queue)
        self.lines[queue].remove(body)
        self.lines[dead].append(body)
        self.channel.send(m.BasicReject(tag, requeue=False))
        self.note()

    def tidy(self) -> None:
        """What the broker does twice a second; all that went before is on disk by then."""
        self._sync()
        self.wire.broker.tidy()
        self.wire.end_pass()
        self.note()

    def settle_and_publish(self, source: str, target: str, *bodies: bytes) -> None:
        """In a transaction of another channel; the client knows that it was done."""
        channel = self.channel.client.channel(2)
        assert channel.call(m.TxSelect()) == m.TxSelectOk()
        got = channel.call(m.BasicGet(queue=source))
        channel.send(m.BasicAck(got.method.delivery_tag))
        channel.publish("", target, *bodies, properties=PERSISTENT)
        self.note()
        channel.send(m.TxCommit())
        self.lines[source].remove(got.body)
        self.lines[target] += bodies
        self.note()
        self._sync()
        assert channel.received() == [m.TxCommitOk()]
        self.files.tell(len(self.states) - 1)
        channel.close()

    def be_told(self) -> None:
        """Wait for the confirms of all that was published, and for the caretaker."""
        self._dawdles = False
        self._sync()
        assert self._hear() == []
        assert self._confirmed == self._published
        self.files.tell(len(self.states) - 1)

    def _ask(self, method: Method) -> Item:
        """One method and the one answer to it."""
        self.channel.send(method)
        [answer] = self._hear()
        return answer

    def _hear(self) -> list[Item]:
        """What has come beside confirms: a disk that is quick confirms in the same pass."""
        heard = self.channel.received()
        for item in heard:
            if isinstance(item, m.BasicAck):
                self._confirmed = item.delivery_tag
        return [item for item in heard if not isinstance(item, m.BasicAck)]

    def end(self) -> None:
        """End in order, which a crash may precede."""
        self._dawdles = False
        self.wire.end_pass()
        self.store.close()
        assert self.files.opened == 0

    # What is there

    @property
    def start(self) -> State:
        """What was there when this life began."""
        return self.states[0]

    def note(self) -> None:
        """Remember what is there at the end of a pass."""
        lines = {queue: list(bodies) for queue, bodies in self.lines.items()}
        self.states.append((lasting_topology(self.wire.broker), lines))

    def _look(self) -> Lines:
        """Every message of every queue; they are given back."""
        channel = self.wire.login().channel()
        lines: Lines = {name: [] for name in self.wire.broker.vhosts["/"].queues}
        for queue, bodies in lines.items():
            while isinstance(got := channel.call(m.BasicGet(queue=queue)), Content):
                assert got.method.redelivered
                bodies.append(got.body)
        channel.close()
        return lines

    def be_written(self) -> None:
        """Wait until everything is on disk, which nobody has been told yet."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.store.durable >= self.store.end, PATIENCE_S)
        self._let_caretaker_work()

    def dawdle(self, steps: int) -> None:
        """Have the caretaker do so many things to the disk, and no more until `be_told`."""
        self._dawdles = True
        self.files.turnstile.pass_on(steps, self._caretaker_idle)

    def _let_caretaker_work(self) -> None:
        """Nobody else is at work: it does all that it has to do, if it does not dawdle."""
        self.files.turnstile.pass_on(0 if self._dawdles else None, self._caretaker_idle)

    def _caretaker_idle(self) -> bool:
        return self.store._caretaker.idle

    def _after_pass(self) -> None:
        if not self.files.held:
            self.be_written()
        else:
            if self.store.durable < self.store.end:
                self.files.wait_held()
            self._let_caretaker_work()

    def _sync(self) -> None:
        self.be_written()
        self.wire.stored()

    def _durable(self) -> None:
        with self._changed:
            self._changed.notify_all()
        self.files.turnstile.notice()

    def _failed(self, failure: BaseException) -> None:
        raise failure


def survive(life: Life, folder: Path, crashes: Iterable[Crash], **options: object) -> list[Life]:
    """Start on each of these disks, publish and settle something, and end; returns those lives."""
    lives = []
    for disk, told in crashes:
        again = begin_again(folder, disk, **options)
        assert again.start in life.states[told:], (told, again.start)
        again.declare("after")
        again.publish(["after"], b"after the crash")
        for queue, bodies in again.lines.items():
            if bodies and queue != "after":
                again.settle(queue)
        again.publish(["after"], b"one more")
        again.be_told()
        again.end()
        lives.append(again)
    return lives


def stay(life: Life, folder: Path, **options: object) -> None:
    """What was on disk once stays there, told or not: a broker never comes up as it was before."""
    reached = 0
    for disk in life.files.lasting():
        again = begin_again(folder, disk, **options)
        again.end()
        assert again.start in life.states[reached:], (reached, again.start)
        reached = life.states.index(again.start, reached)


def begin_again(
    folder: Path, disk: Disk, sector_bytes: int = SECTOR_BYTES, **options: object
) -> Life:
    return Life(folder, CrashFiles(disk, sector_bytes), **options)
