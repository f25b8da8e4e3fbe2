"""How long small writes take until they are on disk: whether the broker's thread may wait for one.

While a write is under way in a thread of its own the broker serves others, so a slow disk delays
nobody but those who wait for it. But the two hand-overs between the threads cost more than the
sync of a disk that is quick. So the broker's thread writes itself while that is short on average,
and an average in which the latest write counts an eighth has a useful asymmetry: one write that
takes 5 ms makes it a thread's business again at once, and for some ten writes, one that takes 50 ms
for some thirty. Nothing can end a write that has begun, so that one is waited for
(docs/adr/0019-sync-in-place.md).

A write in the other thread looks longer than it would have been here: that thread has to win a
core and the interpreter before it can look at the clock. If it had to be as short as one here,
then on a busy machine a pace that was slow once would be slow for ever.
"""

UNKNOWN_S = 1.0
"""What a disk takes of which nothing is known: it has to write some sixty times to be quick."""
WEIGHT = 1 / 8
OF_THAT_IN_THREAD = 1 / 2
"""How much of a small write's time in the other thread it would have taken here."""


class Pace:
    """What the latest small writes have taken."""

    __slots__ = ("_average_s", "_limit_s")

    def __init__(self, limit_s: float) -> None:
        """With a limit of 0 no write is quick, and with an infinite one all are."""
        self._limit_s = limit_s
        self._average_s = UNKNOWN_S

    @property
    def quick(self) -> bool:
        """Whether the next write is going to be short, as far as anybody can know."""
        return self._average_s <= self._limit_s

    def note(self, seconds: float) -> None:
        """A write has taken so long."""
        self._average_s += (seconds - self._average_s) * WEIGHT

    def note_in_thread(self, seconds: float) -> None:
        """A write of a thread of its own has taken so long."""
        self.note(seconds * OF_THAT_IN_THREAD)
