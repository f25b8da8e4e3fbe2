"""Digests: numbers made of texts, the same in every process and on every machine.

The exchange types that spread messages by a hash need numbers that are still the same after a
restart, so that a key goes on leading to the queue it led to. Python's own `hash` of a text is
different in every process, on purpose.
"""

from hashlib import blake2b

from warrener.exchange.binding import Destination
from warrener.exchange.types.exchange import Exchange

DIGEST_BITS = 64


def digest(text: str) -> int:
    """A number below 2**DIGEST_BITS that stands for `text`."""
    encoded = text.encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(encoded, digest_size=DIGEST_BITS // 8).digest(), "big")


def place(destination: Destination) -> str:
    """What tells a destination from all others of its virtual host, whenever it was made."""
    kind = "exchange" if isinstance(destination, Exchange) else "queue"
    return f"{kind} {destination.name}"
