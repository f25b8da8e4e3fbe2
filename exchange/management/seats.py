"""Seats: how many connections there may be, and who gives his up to a new one.

There are so many seats. When all are taken, whoever comes is given that of the one for whom nothing
has been done for the longest: who is still at the entrance, has sent half a request, or is between
two. Who has not logged in goes before who has. So somebody who opens connections without end
closes his own, and others, who ask as soon as they are connected, are answered.

Whose request is being answered, or whose password is being looked at, keeps his seat. If all do,
the new one is turned away.
"""

from __future__ import annotations

import trio


class Seat:
    """That of one connection, all of which runs in `scope`."""

    __slots__ = ("_seats", "is_known", "scope")

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self.scope = trio.CancelScope()
        self.is_known = False
        """Whether its holder has logged in."""

    def rest(self) -> None:
        """From now on nothing is done for its holder."""
        self.work()
        self._seats.resting[self.is_known][self] = None

    def work(self) -> None:
        """From now on something is."""
        for resting in self._seats.resting:
            resting.pop(self, None)

    def leave(self) -> None:
        self.work()
        self._seats.taken.discard(self)


class Seats:
    """All of them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.taken: set[Seat] = set()
        self.resting: tuple[dict[Seat, None], dict[Seat, None]] = ({}, {})
        """Strangers, and those who have logged in; who has rested for the longest comes first."""

    def take(self) -> Seat | None:
        """A seat; None if nobody can give up his."""
        if len(self.taken) >= self._count and not self._free_one():
            return None
        seat = Seat(self)
        self.taken.add(seat)
        seat.rest()
        return seat

    def _free_one(self) -> bool:
        for resting in self.resting:
            for seat in resting:
                seat.leave()
                seat.scope.cancel()
                return True
        return False
