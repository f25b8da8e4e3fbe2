"""Deduplication: what an exchange or a queue is asked to recognise messages by, and for how long.

A message is known by the value of one of its headers, `x-deduplication-header` unless the
arguments name another; without the header it is like no other. Two brokers have had this before,
and the arguments are theirs:

    x-message-deduplication  true on any exchange or queue (LavinMQ), on a queue (RabbitMQ's plugin)
    x-cache-size             how many values are remembered; the oldest is forgotten for a new one
    x-cache-ttl              for how many ms, without end if not given; a header of a message has
                             the same name, and then counts for that message
    x-deduplication-header   the header to go by
    x-cache-persistence      `memory`: only until the broker ends, whatever else is durable; `disk`

Values are remembered as digests, so that what a client sends takes the same room whatever it is:
integers of any width are one class, while 1 is neither 1.0 nor true nor "1". Numbers may be given
as strings of digits, as the plugin takes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

from warrener.exchange.arguments import kind, show, whole_number
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.message import Properties

EXCHANGE_TYPE = "x-message-deduplication"
ASKED = "x-message-deduplication"
SIZE = "x-cache-size"
TTL = "x-cache-ttl"
HEADER = "x-deduplication-header"
PERSISTENCE = "x-cache-persistence"
ARGUMENTS = (ASKED, SIZE, TTL, HEADER, PERSISTENCE)

KEY_BYTES = 16
"""So many that two values never meet, even if somebody looks for such a pair."""
SIZE_DEFAULT = 128
"""What LavinMQ gives an exchange that says nothing."""
SIZE_MAX = 1_000_000
"""About 300 bytes each in memory, and 24 on disk, written anew now and then in one go."""
NEVER = (1 << 63) - 1
"""The deadline of what is remembered without end."""


class Memory(Protocol):
    """Whoever knows what was there before; its length is how much it knows."""

    def __len__(self) -> int: ...

    def knows(self, properties: Properties, now: int) -> bool:
        """Whether there was a message like this one, as seen at `now`, in ms since 1970."""


@dataclass(frozen=True, slots=True)
class Deduplication:
    """How messages are recognised. Without a `size` it is as long as one is in the queue."""

    header: str = HEADER
    size: int | None = None
    ttl_ms: int | None = None
    lasting: bool = True
    """Whether it may be written down."""

    def key(self, properties: Properties) -> bytes | None:
        """What a message is known by; None for one that is like no other."""
        headers = properties.headers
        value = headers.get(self.header) if headers else None
        if value is None:
            return None
        return blake2b(
            _canonical(value).encode(errors="surrogatepass"), digest_size=KEY_BYTES
        ).digest()

    def deadline(self, properties: Properties, now: int) -> int:
        """Until when a message that comes in at `now` is remembered, in ms since 1970."""
        own = whole_number((properties.headers or {}).get(TTL))
        ttl = self.ttl_ms if own is None else own
        return NEVER if ttl is None else min(now + ttl, NEVER)


def exchange_deduplication(
    exchange_type: str, arguments: Mapping[str, Any]
) -> Deduplication | None:
    """What an exchange is asked for; None if nothing. Raises: PreconditionFailed."""
    if exchange_type == EXCHANGE_TYPE:
        if _positive(arguments, SIZE) is None:
            raise PreconditionFailed(
                f"Missing or invalid argument, '{SIZE}' must be an integer greater than 0"
            )
    elif not _asked(arguments):
        return None
    return _read(arguments, _positive(arguments, SIZE) or SIZE_DEFAULT)


def queue_deduplication(arguments: Mapping[str, Any]) -> Deduplication | None:
    """What a queue is asked for; None if nothing. Raises: PreconditionFailed."""
    if not _asked(arguments):
        return None
    size = _positive(arguments, SIZE)
    if size is None and TTL in arguments:
        size = SIZE_DEFAULT
    return _read(arguments, size)


def _read(arguments: Mapping[str, Any], size: int | None) -> Deduplication:
    header = arguments.get(HEADER, HEADER)
    if not isinstance(header, str):
        raise PreconditionFailed(f"invalid arg '{HEADER}': {show(header)}")
    persistence = arguments.get(PERSISTENCE)
    if persistence not in (None, "disk", "memory"):
        raise PreconditionFailed(
            f"Invalid argument, '{PERSISTENCE}' must be either 'disk' or 'memory'"
        )
    return Deduplication(header, size, _positive(arguments, TTL), persistence != "memory")


def _asked(arguments: Mapping[str, Any]) -> bool:
    asked = arguments.get(ASKED, False)
    if not isinstance(asked, bool):
        raise PreconditionFailed(f"invalid arg '{ASKED}': {show(asked)}")
    return asked


def _positive(arguments: Mapping[str, Any], name: str) -> int | None:
    if name not in arguments:
        return None
    number = whole_number(arguments[name])
    if not number or number < 0:
        raise PreconditionFailed(f"Invalid argument, '{name}' must be an integer greater than 0")
    if name == SIZE and number > SIZE_MAX:
        raise PreconditionFailed(f"Invalid argument, '{name}' must be at most {SIZE_MAX}")
    return number


def _canonical(value: Any) -> str:
    """A text that is the same for values that mean the same, and in every process.

    It is not much longer than the value, however deep its lists and tables are.
    """
    if not isinstance(value, list | Mapping):
        return _scalar(value)
    pieces: list[str] = []
    _add_pieces(value, pieces)
    return "".join(pieces)


def _add_pieces(value: Any, pieces: list[str]) -> None:
    """Each scalar and name with its length before it, so that no two values have one text."""
    if isinstance(value, Mapping):
        pieces.append("table{")
        for name in sorted(value):
            pieces.append(f"{len(name)}:{name}")
            _add_pieces(value[name], pieces)
        pieces.append("}")
    elif isinstance(value, list):
        pieces.append("list[")
        for item in value:
            _add_pieces(item, pieces)
        pieces.append("]")
    else:
        text = _scalar(value)
        pieces.append(f"{len(text)}:{text}")


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return f"str:{value}"
    return f"{kind(value)}:{bytes(value) if isinstance(value, bytearray) else value!r}"
