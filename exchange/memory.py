"""Memory: what clients have made takes about so much, and who made it.

Queues, exchanges and connections are *holders*. Their footprints are looked up in turn, so that
one reading takes no longer than some milliseconds however many there are: with up to STEPS_MAX of
them a reading is exact, with more each of them is looked at in one of the next readings. What is
known of the others counts until then.

Once there is too little, nothing new may be made (`refusal`); deleting is always allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.footprint import of_exchange, of_messages, of_queue

if TYPE_CHECKING:
    from warrener.exchange.vhost import VirtualHost

STEPS_MAX = 5000
"""Holders looked at in one reading; a channel counts as one more."""


FREE_BYTES = 8 << 20
"""What is made beside messages counts from here on: a broker with some queues and connections is
not short of memory by that."""


class Holder(Protocol):
    """A connection, as far as it matters here."""

    @property
    def memory_steps(self) -> int:
        """How many steps it takes to find out."""

    def memory_bytes(self) -> int:
        """About what it takes, without messages that are in queues."""


class Footprint(NamedTuple):
    """What one holder takes, in bytes: its messages, and all else."""

    messages: int
    made: int


class Memory:
    """What all holders take together; `connections` are asked for when a round begins."""

    __slots__ = (
        "_known",
        "_round",
        "_seen",
        "_vhosts",
        "connections",
        "made",
        "messages",
        "refusal",
    )

    def __init__(self, vhosts: Mapping[str, VirtualHost]) -> None:
        self._vhosts = vhosts
        self.connections: Callable[[], Iterable[Holder]] = lambda: ()
        self.refusal = ""
        """Why nothing new may be made now; empty if it may."""
        self.messages = 0
        """The last reading: bytes of messages, and of all else that clients have made."""
        self.made = 0
        self._known: dict[object, Footprint] = {}
        self._seen: dict[object, Footprint] = {}
        self._round: Iterator[tuple[object, Footprint, int]] | None = None

    @property
    def total_bytes(self) -> int:
        """What counts of the last reading."""
        return self.messages + max(0, self.made - FREE_BYTES)

    def read(self, steps_max: int = STEPS_MAX) -> int:
        """Look at some holders, or all if they are few; returns what counts of all."""
        steps = 0
        looks = self._round or self._looks()
        for holder, found, cost in looks:
            before = self._known.get(holder, NOTHING)
            self.messages += found.messages - before.messages
            self.made += found.made - before.made
            self._known[holder] = self._seen[holder] = found
            steps += cost
            if steps >= steps_max:
                self._round = looks
                return self.total_bytes
        # Whoever was not met in this round is gone.
        self._round, self._known, self._seen = None, self._seen, {}
        self.messages = sum([known.messages for known in self._known.values()])
        self.made = sum([known.made for known in self._known.values()])
        return self.total_bytes

    def read_all(self) -> int:
        """The same, looking at all."""
        self._round, self._seen = None, {}
        return self.read(ALL_STEPS)

    def of(self, holder: object) -> int:
        """What a holder took when it was looked at last."""
        return sum(self._known.get(holder, NOTHING))

    def require(self, what: str) -> None:
        """Raises: PreconditionFailed if there is no memory for `what`, which would be new."""
        if self.refusal:
            raise PreconditionFailed(f"{what} cannot be made now: {self.refusal}")

    def _looks(self) -> Iterator[tuple[object, Footprint, int]]:
        """Every holder with its footprint and the steps that it took to find it out."""
        for connection in list(self.connections()):
            yield connection, Footprint(0, connection.memory_bytes()), connection.memory_steps
        for vhost in list(self._vhosts.values()):
            for queue in list(vhost.queues.values()):
                if not queue.deleted:
                    yield queue, Footprint(of_messages(queue), of_queue(queue)), 1
            for exchange in list(vhost.exchanges.values()):
                if not exchange.deleted:
                    yield exchange, Footprint(0, of_exchange(exchange)), 1


NOTHING = Footprint(0, 0)
ALL_STEPS = 1 << 62
