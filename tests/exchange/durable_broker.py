"""A broker on a journal in a folder, which can be ended, killed and started again."""

import threading
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from tests.exchange.core_client import Client
from tests.storage.unsynced_files import UnsyncedFiles
from warrener.exchange.arguments import identity
from warrener.exchange.broker import Broker
from warrener.exchange.durability.records import head_bytes, refers_to
from warrener.exchange.durability.recovery import Restored, restore
from warrener.exchange.queues.queue import Queue
from warrener.exchange.server.codec import CODEC
from warrener.storage.files import Handle
from warrener.storage.journal import Journal
from warrener.storage.store import Bytes, Meaning

PATIENCE_S = 20
SEGMENT_BYTES = 1000
"""Small, so that a few messages fill several segments."""

MEANING = Meaning(head_bytes, refers_to)

Topology = dict[str, Hashable]


class GatedFiles(UnsyncedFiles):
    """Files that take nothing while the gate is closed: a disk that is slow at will."""

    __slots__ = ("gate",)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        assert self.gate.wait(PATIENCE_S)
        super().write(handle, pieces, offset)


class DurableBroker:
    """The broker that runs at the moment, and what its start brought back."""

    broker: Broker
    client: Client
    store: Journal
    restored: Restored

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ms = 0
        """The time at which a broker starts."""
        self.files = GatedFiles()
        self._copies = 0
        self._changed = threading.Condition()
        self.start()

    def open(self) -> None:
        """Open the journal, and nothing more."""
        self.open_journal(files=self.files)

    def open_journal(self, **options: Any) -> None:
        self.store = Journal(
            str(self.folder),
            on_durable=self._durable,
            on_failure=self._failed,
            meaning=MEANING,
            segment_bytes=SEGMENT_BYTES,
            **options,
        )

    def start(self) -> None:
        self.open()
        self.broker = Broker(self.store, CODEC)
        self.broker.ledger.set_time(self.now_ms)
        self.restored = restore(self.broker, self.store.recover())
        self.client = Client(self.broker)

    def restart(self) -> None:
        """End in order and start again."""
        self.broker.end_pass()
        self.broker.finish()
        self.store.close()
        self.start()

    def kill(self) -> None:
        """Start again with the files as they are; what is not in them by now is lost."""
        copy = self.folder.with_name(f"{self.folder.name}-{self._copies}")
        self._copies += 1
        self._copy(copy)
        self.files.gate.set()
        self.store.close()
        self.folder = copy
        self.start()

    def wait_durable(self, end: int | None = None) -> None:
        """Until everything below a position is on disk; without one, everything there is."""
        target = self.store.end if end is None else end
        with self._changed:
            assert self._changed.wait_for(lambda: self.store.durable >= target, PATIENCE_S)

    def close(self) -> None:
        self.files.gate.set()
        self.store.close()

    @property
    def segments(self) -> int:
        return len(list(self.folder.glob("*.segment")))

    def trim(self) -> None:
        """Until there is nothing more to give back."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self.store.trim() == 0 and not self.store.tidying, PATIENCE_S
            )

    def _copy(self, target: Path) -> None:
        """The files as at one moment, though some may come and go meanwhile."""
        target.mkdir()
        while True:
            names = {path.name for path in self.folder.iterdir()}
            try:
                contents = {name: (self.folder / name).read_bytes() for name in names - {"lock"}}
            except FileNotFoundError:
                continue
            if names == {path.name for path in self.folder.iterdir()}:
                for name, content in contents.items():
                    (target / name).write_bytes(content)
                return

    def _durable(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _failed(self, failure: BaseException) -> None:
        raise failure


def lasting_topology(broker: Broker) -> Topology:
    """Everything declared that must be there after a restart, in a form that compares."""
    vhost = broker.vhosts["/"]
    things: Topology = {}
    for exchange in vhost.exchanges.values():
        if exchange.durable:
            things[f"exchange {exchange.name}"] = (
                exchange.type,
                exchange.auto_delete,
                exchange.internal,
                identity(exchange.arguments),
                frozenset(
                    _described(binding)
                    for binding in exchange.bindings.values()
                    if _lasts(binding.destination)
                ),
            )
    for queue in vhost.queues.values():
        if _lasts(queue):
            things[f"queue {queue.name}"] = (queue.auto_delete, identity(queue.arguments))
    return things


def _lasts(destination: Any) -> bool:
    return destination.durable and not (isinstance(destination, Queue) and destination.exclusive)


def _described(binding: Any) -> Hashable:
    destination = binding.destination
    return (
        type(destination).__name__,
        destination.name,
        binding.routing_key,
        identity(binding.arguments),
    )
