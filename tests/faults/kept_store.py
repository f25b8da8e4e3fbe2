"""A store in memory that can be started again: what was committed is there, nothing else.

It checks what a journal counts on: a record is held by as many as let go of it, and nobody reads or
lets go of one that is not held.
"""

from collections.abc import Iterator, Sequence

from warrener.exchange.durability.records import head_bytes
from warrener.storage.null import NullStore
from warrener.storage.store import Bytes, Position, Run


class KeptStore(NullStore):
    """A null store that remembers what was appended."""

    __slots__ = ("_full", "_log", "_recovered")

    def __init__(self, log: Sequence[tuple[int, bytes]] = ()) -> None:
        super().__init__()
        self._full = False
        self._log = list(log)
        self._recovered = {position: payload for position, (_, payload) in enumerate(self._log, 1)}
        self.end = self.durable = len(self._log) + 1

    @property
    def full(self) -> bool:
        return self._full

    def fill(self, full: bool) -> None:
        """Have no space left for messages, or some again."""
        self._full = full

    def free_bytes(self) -> int:
        return 0 if self._full else super().free_bytes()

    def again(self) -> "KeptStore":
        """The store as a restart finds it."""
        return KeptStore(self._log[: self.durable - 1])

    def recover(self) -> Iterator[Run]:
        for position, (kind, payload) in enumerate(list(self._log), 1):
            head = payload[: head_bytes(kind, payload)]
            yield Run(kind, (position,), head, (len(payload) - len(head),))

    def hold(self, position: Position, holders: int) -> None:
        self._payloads[position] = (self._recovered[position], b"")
        self._holders[position] = self._holders.get(position, 0) + holders

    def append(self, kind: int, head: bytes, body: Bytes = b"", holders: int = 0) -> Position:
        self._log.append((kind, head + bytes(body)))
        return super().append(kind, head, body, holders)

    def append_run(
        self, kind: int, head: bytes, bodies: Sequence[Bytes], holders: int = 0
    ) -> Position:
        self._log += [(kind, head + bytes(body)) for body in bodies]
        return super().append_run(kind, head, bodies, holders)
