"""The messages that a restart has found and that are not settled so far.

There may be millions, so nothing is kept for a single one but its position, its size and a byte,
in arrays; no object. Most leave a queue in the order in which they came: a settlement is looked up
once and its positions are compared with the queue's as a whole. What was settled out of order is
marked, and leaves the arrays when half of them is such.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import compress

from warrener.exchange.durability.ledger import Run
from warrener.exchange.durability.records import message_summary

CLEARED_MIN = 4096
"""Settled messages that an array may hold before it is cleared of them."""
HEADS_MAX = 4096
"""Beginnings of messages whose meaning is remembered."""
TIME_BYTES = 8
"""In each head, the time comes first."""


class Unsettled:
    """By number of a queue: what waits in it."""

    def __init__(self) -> None:
        self.highest_number = 0
        """Of all queues, and what else has numbers, that a record speaks of."""
        self.expiring: set[int] = set()
        """Numbers of the queues that got a message that may expire."""
        self._lines: dict[int, _Line] = {}
        self._heads: dict[bytes, tuple[Sequence[_Line], int]] = {}

    def add(self, run: Run) -> None:
        """Messages came into the queues that their head names."""
        # The time is nearly always another one, and what follows it nearly always the same.
        known = self._heads.get(run.head[TIME_BYTES:])
        lines, more = self._read_head(run.head) if known is None else known
        sizes = [size + more for size in run.sizes] if more else run.sizes
        for line in lines:
            line.extend(run.positions, sizes)

    def note_number(self, number: int) -> None:
        """A record speaks of a number, which must not be given to anything else."""
        self.highest_number = max(self.highest_number, number)

    def settle(self, number: int, positions: array[int]) -> None:
        """A queue is done with messages."""
        self.note_number(number)
        line = self._lines.get(number)
        if line is not None:
            line.settle(positions)

    def forget(self, number: int) -> None:
        """A queue is gone, and what waited there with it."""
        if number in self._lines:
            # Not removed: heads lead to it, and its number does not come again.
            self._lines[number].clear()

    def waiting(self) -> set[int]:
        """Numbers of the queues in which something waits."""
        return {number for number, line in self._lines.items() if line}

    def take(self, number: int) -> tuple[array[int], int]:
        """The positions that wait in a queue, and the size of the messages; once."""
        line = self._lines.pop(number, None)
        return (array("Q"), 0) if line is None else line.left()

    def _read_head(self, head: bytes) -> tuple[Sequence[_Line], int]:
        numbers, more, expiring = message_summary(head)
        self.highest_number = max(self.highest_number, *numbers, 0)
        if expiring:
            self.expiring.update(numbers)
        lines = []
        for number in numbers:
            if number not in self._lines:
                self._lines[number] = _Line()
            lines.append(self._lines[number])
        if not more:
            if len(self._heads) >= HEADS_MAX:
                self._heads.clear()
            self._heads[head[TIME_BYTES:]] = lines, 0
        return lines, more


class _Line:
    """What waits in one queue, in order, among what no longer does."""

    __slots__ = ("_positions", "_settled", "_sizes", "_waits")

    def __init__(self) -> None:
        self._positions = array("Q")
        self._sizes = array("I")
        # for each position, whether it is not settled
        self._waits = bytearray()
        self._settled = 0

    def __len__(self) -> int:
        return len(self._positions) - self._settled

    def extend(self, positions: Sequence[int], sizes: Iterable[int]) -> None:
        if len(positions) == 1:
            self._positions.append(positions[0])
            self._sizes.extend(sizes)
            self._waits.append(1)
        else:
            self._positions.extend(positions)
            self._sizes.extend(sizes)
            self._waits += b"\1" * len(positions)

    def settle(self, positions: array[int]) -> None:
        if not positions:
            return
        count = len(positions)
        index = bisect_left(self._positions, positions[0])
        if self._positions[index : index + count] == positions:
            self._mark(index, count)
        else:
            self._settle_singly(positions, index)
        if self._settled > CLEARED_MIN and 2 * self._settled > len(self._positions):
            self._clear_settled()

    def _settle_singly(self, positions: array[int], index: int) -> None:
        own = self._positions
        for position in positions:
            if index >= len(own) or own[index] != position:
                index = bisect_left(own, position)
            if index < len(own) and own[index] == position:
                self._mark(index, 1)
            index += 1

    def _mark(self, index: int, count: int) -> None:
        self._settled += self._waits.count(1, index, index + count)
        self._waits[index : index + count] = bytes(count)

    def _clear_settled(self) -> None:
        self._positions = array("Q", compress(self._positions, self._waits))
        self._sizes = array("I", compress(self._sizes, self._waits))
        self._waits = bytearray(b"\1" * len(self._positions))
        self._settled = 0

    def clear(self) -> None:
        del self._positions[:], self._sizes[:], self._waits[:]
        self._settled = 0

    def left(self) -> tuple[array[int], int]:
        """What waits: positions, and the sum of sizes."""
        if self._settled:
            self._clear_settled()
        return self._positions, sum(self._sizes)
