"""A window: what an exchange or a queue has seen lately, so that it passes once only.

It holds the keys of messages (`Deduplication.key`), oldest first, each with a deadline. What is
past it counts no more; when there are as many keys as may be, the oldest goes for the new one.

The window of a durable exchange or queue lasts. What a pass has added is written as one SEEN
record when the pass ends, as part of the same commit as the messages: after a crash a message and
what is known of it are both there, or neither. Only persistent messages are written, and so are
only their keys. What has been forgotten is not written: at a restart the records are read in
their order, and size and deadlines are applied again.

Each record on disk has a *sheet* in memory that counts how many of its keys still stand in the
window. At none, the record is released. As records of one pass may be small and as one living key
would keep its part of the log alive, the whole window is now and then written anew (`rewrite`),
in larger records. That may take several passes, during which the old records still count; the last
of the new ones says from where on the log has all of it. Keys that were rewritten pass for newer
than they are after a restart, which matters only for who goes first when there are too many.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from warrener.exchange.deduplication import Deduplication
from warrener.exchange.durability.records import Seen, seen_keys, seen_summary

if TYPE_CHECKING:
    from warrener.exchange.durability.ledger import Ledger
    from warrener.exchange.message import Message, Properties

REWRITTEN_AT_ONCE = 4000
"""Keys written anew in one record, a few milliseconds."""


class Window:
    """What was seen. `number` names it in the ledger; it is 0 for a window that does not last."""

    __slots__ = ("_marks", "_open", "_size", "deduplication", "number")

    def __init__(self, deduplication: Deduplication, number: int = 0) -> None:
        assert deduplication.size is not None, "without a size it is the queue that remembers"
        self.deduplication = deduplication
        self.number = number if deduplication.lasting else 0
        self._size = deduplication.size
        self._marks: OrderedDict[bytes, _Mark] = OrderedDict()
        self._open: _Sheet | None = None
        """The sheet of what was added in this pass."""

    def __len__(self) -> int:
        return len(self._marks)

    def knows(self, properties: Properties, now: int) -> bool:
        """Whether a message like this one has been seen."""
        key = self.deduplication.key(properties)
        mark = None if key is None else self._marks.get(key)
        return mark is not None and mark.deadline > now

    def note(self, message: Message, ledger: Ledger) -> None:
        """A message has passed."""
        key = self.deduplication.key(message.properties)
        deadline = self.deduplication.deadline(message.properties, ledger.now_ms)
        if key is None or deadline <= ledger.now_ms:
            return
        self._forget_expired(ledger)
        sheet = None
        if self.number and message.properties.persistent and not ledger.full:
            sheet = self._open = self._open or _begin(self, ledger)
        self._put(key, _Mark(deadline, sheet), ledger)

    def _put(self, key: bytes, mark: _Mark, ledger: Ledger) -> None:
        before = self._marks.pop(key, None)
        if before is not None:
            _let_go(before, ledger)
        while len(self._marks) >= self._size:
            _let_go(self._marks.popitem(last=False)[1], ledger)
        self._marks[key] = mark
        if mark.sheet is not None:
            mark.sheet.keys += 1

    def _forget_expired(self, ledger: Ledger) -> None:
        """Forget what is over at the old end; elsewhere there is some only if deadlines differ."""
        marks = self._marks
        while marks and next(iter(marks.values())).deadline <= ledger.now_ms:
            _let_go(marks.popitem(last=False)[1], ledger)

    # On disk

    def write(self, ledger: Ledger) -> None:
        """The pass ends: write down what was added in it."""
        sheet, self._open = self._open, None
        assert sheet is not None, "there is something to write"
        fresh: list[Seen] = []
        # They are the last: what was added before this pass is not looked at.
        for key, mark in reversed(self._marks.items()):
            if len(fresh) == sheet.keys:
                break
            if mark.sheet is sheet:
                fresh.append((key, mark.deadline))
        fresh.reverse()
        if fresh:
            sheet.position = ledger.write_seen(self.number, fresh)

    def rewrite(self, ledger: Ledger) -> Iterator[int]:
        """Write the whole window anew, so that the segments that hold the old records can go.

        Yields now and then, as `Definitions.rewrite`; a key counts for a tenth of a definition.
        """
        began = ledger.end
        for key in [k for k, mark in self._marks.items() if mark.deadline <= ledger.now_ms]:
            _let_go(self._marks.pop(key), ledger)
        keys = [key for key, mark in self._marks.items() if mark.is_written]
        for start in range(0, len(keys), REWRITTEN_AT_ONCE):
            stop = start + REWRITTEN_AT_ONCE
            self._rewrite(keys[start:stop], began, stop >= len(keys), ledger)
            yield REWRITTEN_AT_ONCE // 10

    def _rewrite(self, keys: Sequence[bytes], began: int, last: bool, ledger: Ledger) -> None:
        """Write some keys anew, those that are still there and were written before `began`."""
        old: list[tuple[bytes, _Mark]] = []
        for key in keys:
            mark = self._marks.get(key)
            if mark is not None and mark.is_written and mark.position < began:
                old.append((key, mark))
        if not old:
            return
        seen = [(key, mark.deadline) for key, mark in old]
        sheet = _Sheet(ledger.write_seen(self.number, seen, began if last else 0))
        sheet.keys = len(old)
        for _, mark in old:
            _let_go(mark, ledger)
            mark.sheet = sheet

    def release(self, ledger: Ledger) -> None:
        """The exchange or queue is gone: nothing is remembered, and no record needed."""
        self.clear(ledger)
        self.number = 0

    def clear(self, ledger: Ledger) -> None:
        """Forget everything."""
        for mark in self._marks.values():
            _let_go(mark, ledger)
        self._marks.clear()

    def restore(self, records: Sequence[tuple[int, bytes]], ledger: Ledger) -> None:
        """After a restart: take up what the records at these positions say, in their order."""
        sheets = []
        for position, payload in records:
            sheet = _Sheet()
            sheets.append((position, sheet))
            for key, deadline in seen_keys(payload):
                if deadline > ledger.now_ms:
                    self._put(key, _Mark(deadline, sheet), ledger)
        for position, sheet in sheets:
            if sheet.keys:
                sheet.position = position
                ledger.hold(position, 1)


class Sightings:
    """The SEEN records that are read at a restart, until it is known whose they are."""

    __slots__ = ("_records",)

    def __init__(self) -> None:
        self._records: dict[int, list[tuple[int, bytes]]] = {}

    def read(self, position: int, payload: bytes) -> int:
        """Take in one record; returns the number of the exchange or queue whose it is."""
        number, since = seen_summary(payload)
        records = self._records.setdefault(number, [])
        if since:
            records[:] = [entry for entry in records if entry[0] >= since]
        records.append((position, payload))
        return number

    def end(self, number: int) -> None:
        """The exchange or queue with this number was deleted."""
        self._records.pop(number, None)

    def restore(self, windows: Iterable[Window], ledger: Ledger) -> None:
        """Give each window what was seen there."""
        for window in windows:
            window.restore(self._records.get(window.number, ()), ledger)


class _Sheet:
    """One SEEN record: where it is, 0 as long as it is not written, and how many keys live."""

    __slots__ = ("keys", "position")

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.keys = 0


class _Mark:
    """That something was seen: until when it counts, and the sheet of its record, if it lasts."""

    __slots__ = ("deadline", "sheet")

    def __init__(self, deadline: int, sheet: _Sheet | None) -> None:
        self.deadline = deadline
        self.sheet = sheet

    @property
    def position(self) -> int:
        """Where it is written, 0 if it is not."""
        return 0 if self.sheet is None else self.sheet.position

    @property
    def is_written(self) -> bool:
        return self.position > 0


def _begin(window: Window, ledger: Ledger) -> _Sheet:
    """A sheet for what is added in this pass; the ledger will have it written."""
    ledger.write_at_end(window)
    return _Sheet()


def _let_go(mark: _Mark, ledger: Ledger) -> None:
    sheet = mark.sheet
    if sheet is not None:
        sheet.keys -= 1
        if not sheet.keys:
            ledger.forget(sheet.position)
