"""A store that forgets: the same interface as the journal, in memory and only there.

It serves `--memory` and most tests. It promises nothing across a restart, so `durable` moves up
to `end` with each commit and nobody has to wait for a confirm. Only held records are kept, each
until its last holder lets go.
"""

import sys
from collections.abc import Iterator, Sequence

from warrener.storage.errors import UnknownPosition
from warrener.storage.store import Bytes, Position, RecoveryReport, Run


class NullStore:
    """A Store without a disk."""

    __slots__ = ("_holders", "_payloads", "durable", "end", "report")

    def __init__(self) -> None:
        self.end: Position = 1
        self.durable: Position = 1
        self.report = RecoveryReport()
        self._payloads: dict[Position, tuple[bytes, Bytes]] = {}
        self._holders: dict[Position, int] = {}

    @property
    def segments(self) -> int:
        return 1

    @property
    def failed(self) -> bool:
        return False

    @property
    def full(self) -> bool:
        return False

    def free_bytes(self) -> int:
        return sys.maxsize

    def restock(self) -> None:
        pass

    def recover(self) -> Iterator[Run]:
        return iter(())

    def hold(self, position: Position, holders: int) -> None:
        raise UnknownPosition(f"record {position} was not recovered: there is nothing to recover")

    def hold_all(self, positions: Sequence[Position]) -> None:
        for position in positions:
            self.hold(position, 1)

    def append(self, kind: int, head: bytes, body: Bytes = b"", holders: int = 0) -> Position:
        position = self.end
        self.end = position + 1
        if holders:
            self._payloads[position] = (head, body)
            self._holders[position] = holders
        return position

    def append_run(
        self, kind: int, head: bytes, bodies: Sequence[Bytes], holders: int = 0
    ) -> Position:
        first = self.end
        self.end = first + len(bodies)
        if holders:
            for position, body in enumerate(bodies, first):
                self._payloads[position] = (head, body)
                self._holders[position] = holders
        return first

    def commit(self) -> None:
        self.durable = self.end

    def read(self, positions: Sequence[Position]) -> list[bytes]:
        try:
            return [b"".join(self._payloads[position]) for position in positions]
        except KeyError as missing:
            raise UnknownPosition(f"record {missing} is not held") from None

    def read_available(
        self, positions: Sequence[Position], limit: int | None = None
    ) -> list[bytes | None]:
        payloads: list[bytes | None] = []
        total = 0
        for payload in self.read(positions):
            payloads.append(payload)
            total += len(payload)
            if limit is not None and total >= limit:
                break
        return payloads

    def release(self, position: Position, count: int = 1) -> None:
        left = self._holders[position] - count
        assert left >= 0, f"record {position} was released more often than it was held"
        if left:
            self._holders[position] = left
        else:
            del self._holders[position], self._payloads[position]

    def release_all(self, positions: Sequence[Position]) -> None:
        for position in positions:
            self.release(position)

    def trim(self) -> int:
        return 0

    def close(self) -> None:
        self._payloads.clear()
        self._holders.clear()
