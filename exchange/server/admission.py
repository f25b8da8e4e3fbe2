"""Admission: how many connections there may be, and which one makes room for a new one.

A connection that has not opened a virtual host yet is a *handshake*. It costs a descriptor and
some memory, and anybody can make one. So handshakes are limited for each address, and when all
places are taken a handshake that has been idle for a while makes room: one of the address that has
most. Connections that have logged in are never closed for others; if they hold all places, a new
one is refused.
"""

from __future__ import annotations

import logging

import trio

HANDSHAKE_S = 2
"""How long a handshake is left alone: clients that mean well are through by then."""
REPORT_S = 10
"""Time between two log lines about connections that were refused."""

logger = logging.getLogger("warrener.server")


class Place:
    """The place of one connection, everything of which runs in `scope`."""

    __slots__ = ("_admission", "address", "entered", "scope")

    def __init__(self, admission: Admission, address: str, now: float) -> None:
        self._admission = admission
        self.address = address
        self.entered = now
        self.scope = trio.CancelScope()

    def opened(self) -> None:
        """The client has logged in and opened a virtual host."""
        self._admission.end_handshake(self)

    def leave(self) -> None:
        """The socket is closed."""
        self._admission.end_handshake(self)
        self._admission.places.discard(self)


class Admission:
    """All places.

    Args:
        connections_max: connections there may be.
        handshakes_per_address_max: of these, handshakes that may come from one address.
    """

    def __init__(self, connections_max: int, handshakes_per_address_max: int) -> None:
        self.connections_max = connections_max
        self.handshakes_per_address_max = handshakes_per_address_max
        self.places: set[Place] = set()
        self.refused = 0
        """Connections refused since the start, and handshakes that made room."""
        self._handshakes: dict[str, dict[Place, None]] = {}
        """By address, the oldest first."""
        self._report_at = 0.0
        self._reported = 0

    def enter(self, address: str, now: float) -> Place | None:
        """A place for a connection from an address; None if there is none."""
        handshakes = self._handshakes.get(address, {})
        if len(handshakes) >= self.handshakes_per_address_max:
            if not self._make_room(handshakes, now):
                self._count(now, f"{address} has {len(handshakes)} that have not logged in")
                return None
        elif len(self.places) >= self.connections_max and not self._make_room(self._most(), now):
            self._count(now, f"there are {len(self.places)}")
            return None
        place = Place(self, address, now)
        self.places.add(place)
        self._handshakes.setdefault(address, {})[place] = None
        return place

    def end_handshake(self, place: Place) -> None:
        handshakes = self._handshakes.get(place.address, {})
        handshakes.pop(place, None)
        if not handshakes:
            self._handshakes.pop(place.address, None)

    def _most(self) -> dict[Place, None]:
        """The handshakes of the address that has most."""
        return max(self._handshakes.values(), key=len, default={})

    def _make_room(self, handshakes: dict[Place, None], now: float) -> bool:
        """Give up the oldest of these, if it is old enough."""
        oldest = next(iter(handshakes), None)
        if oldest is None or now < oldest.entered + HANDSHAKE_S:
            return False
        oldest.leave()
        oldest.scope.cancel()
        self._count(now, f"one from {oldest.address} that had not logged in made room")
        return True

    def _count(self, now: float, why: str) -> None:
        """Count a connection that was refused, and log it unless others were a moment ago."""
        self.refused += 1
        if now < self._report_at:
            return
        count, self._reported = self.refused - self._reported, self.refused
        self._report_at = now + REPORT_S
        logger.warning(
            "too many connections: %d refused or closed; the last because %s (connections_max %d, "
            "handshakes_per_address_max %d)",
            count,
            why,
            self.connections_max,
            self.handshakes_per_address_max,
        )
