"""The recent history exchange: a fanout that gives a new binding what went by lately.

It keeps the last messages that were published to it, 20 or as many as the declaration says, and
whoever is bound gets those that its filter lets through before anything new. A message with the
header `x-recent-history-no-store` true is passed on but not kept.

The history is in memory: it ends with the broker, whatever the exchange and the messages are. It
holds no more than HISTORY_BYTES_MAX of content, as one client's declaration must not fill the
memory of all; the newest message is kept whatever its size. It holds no more than
HISTORY_MESSAGES_MAX messages, as a queue that is bound is given all of them in one step.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from warrener.exchange.arguments import kind
from warrener.exchange.binding import Binding
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.footprint import MESSAGE_BYTES
from warrener.exchange.message import Message
from warrener.exchange.types.fanout import FanoutExchange

LENGTH = "x-recent-history-length"
NO_STORE = "x-recent-history-no-store"
LENGTH_DEFAULT = 20
HISTORY_BYTES_MAX = 64 << 20
HISTORY_MESSAGES_MAX = 20_000


class RecentHistoryExchange(FanoutExchange):
    """A fanout with its last messages, oldest first."""

    type = "x-recent-history"
    observes = True
    __slots__ = ("_bytes", "_kept", "_length")

    @classmethod
    def check_arguments(cls, arguments: Mapping[str, Any]) -> None:
        length = arguments.get(LENGTH, LENGTH_DEFAULT)
        if kind(length) != "int" or length < 1:
            raise PreconditionFailed(
                f"Invalid argument {length!r}, '{LENGTH}' must be a positive integer"
            )

    @property
    def known_arguments(self) -> frozenset[str]:
        return super().known_arguments | {LENGTH}

    def prepare(self) -> None:
        super().prepare()
        self._length = min(self.arguments.get(LENGTH, LENGTH_DEFAULT), HISTORY_MESSAGES_MAX)
        self._kept: deque[Message] = deque()
        self._bytes = 0

    def published(self, messages: Sequence[Message]) -> None:
        for message in [message for message in messages if _is_kept(message)][-self._length :]:
            self._kept.append(message)
            self._bytes += len(message.content)
            while len(self._kept) > self._length or self._is_too_large():
                self._bytes -= len(self._kept.popleft().content)

    def history(self, binding: Binding, now: int) -> Sequence[Message]:
        if binding.filter is None:
            return tuple(self._kept)
        test = binding.filter.matches
        return [message for message in self._kept if test(message.properties, now=now)]

    def end(self) -> None:
        super().end()
        self._kept.clear()
        self._bytes = 0

    @property
    def history_bytes(self) -> int:
        return self._bytes + MESSAGE_BYTES * len(self._kept)

    def _is_too_large(self) -> bool:
        return self._bytes > HISTORY_BYTES_MAX and len(self._kept) > 1


def _is_kept(message: Message) -> bool:
    headers = message.properties.headers
    return headers is None or headers.get(NO_STORE) is not True
