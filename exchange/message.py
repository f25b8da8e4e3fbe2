"""A message, as the queues hold it.

A message never changes once it is published, so every queue it was routed to holds the same
object. Its content is kept in the form in which it came over the wire and goes out again in
that form; the core never looks into it. What the core does need to know (is it persistent,
which headers does it carry) it asks of `properties`, which decodes only what is asked.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.filters.fields import MessageProperties

DELIVERY_BYTES = 100
"""What a delivery puts around the content, in round numbers: it counts against the room that a
connection has for output, without which many small messages would take several times as much."""

COPIES_MAX = 100
"""Routing keys in the headers `CC` and `BCC` of one message: each is routed, all in one step."""


class Properties(MessageProperties, Protocol):
    """The AMQP basic properties of a message; an absent one is None."""

    @property
    def persistent(self) -> bool: ...

    @property
    def is_decoded(self) -> bool:
        """Whether anything was decoded and is kept."""

    def forget(self) -> None:
        """Let go of what was decoded."""

    special: bool
    """Whether something here is still to be looked at by the broker before it routes."""


class Envelope:
    """Where a message was published to: what a consumer is told beside the content.

    One envelope serves every message that a publisher sends with the same exchange and
    routing key. `encoded` belongs to the shell, which keeps its wire forms there: for
    a first delivery and for a later one.

    Two things about a publication are told to nobody. `hidden_keys` are the routing keys of its
    header `BCC`. `republished` says that the broker has published the message anew, as a dead
    letter, so that the deaths in its headers are the broker's own account. `marked` says that
    there is either.
    """

    __slots__ = ("encoded", "exchange", "hidden_keys", "marked", "republished", "routing_key")

    def __init__(
        self,
        exchange: str,
        routing_key: str,
        hidden_keys: Sequence[str] = (),
        republished: bool = False,
    ) -> None:
        self.exchange = exchange
        self.routing_key = routing_key
        self.hidden_keys = hidden_keys
        self.republished = republished
        self.marked = republished or bool(hidden_keys)
        self.encoded: tuple[bytes, bytes] | None = None


class Message:
    """One published message.

    `content` is the content as it travels, framed for the channel number `channel`.
    `position` is where the store keeps it, 0 for a message that is held in memory only.
    """

    __slots__ = ("channel", "content", "envelope", "position", "properties")

    def __init__(
        self, envelope: Envelope, properties: Properties, content: bytes, channel: int
    ) -> None:
        # A plain class with slots: a named tuple takes half as long again to make, a frozen
        # dataclass four times as long, and one is made for every publish (bench S1).
        self.envelope = envelope
        self.properties = properties
        self.content = content
        self.channel = channel
        self.position = 0

    def copies(self) -> list[str]:
        """The routing keys beside its own, each once: those of its headers `CC` and `BCC`."""
        keys = [*carbon_copies(self.properties.headers, "CC"), *self.envelope.hidden_keys]
        return list(dict.fromkeys(keys))


def further_keys(headers: Mapping[str, object] | None, routing_key: str) -> list[str]:
    """The routing keys in `CC` and `BCC`, each once, beside that of the message.

    Raises: PreconditionFailed if they are no lists of strings, or more than COPIES_MAX.
    """
    keys = dict.fromkeys(carbon_copies(headers, "CC") + carbon_copies(headers, "BCC"))
    keys.pop(routing_key, None)
    if len(keys) > COPIES_MAX:
        raise PreconditionFailed(
            f"{len(keys)} routing keys in the headers 'CC' and 'BCC': at most {COPIES_MAX}"
        )
    return list(keys)


def forget_decoded(messages: Sequence[Message]) -> None:
    """Let go of what routing has decoded: messages may wait for long."""
    for message in messages:
        message.properties.forget()


def carbon_copies(headers: Mapping[str, object] | None, name: str) -> list[str]:
    """The routing keys in the header `name`, `CC` or `BCC`.

    Raises: PreconditionFailed if it is no list of strings.
    """
    keys = (headers or {}).get(name)
    if keys is None:
        return []
    if not isinstance(keys, list) or not all(type(key) in (str, bytes) for key in keys):
        raise PreconditionFailed(f"unsupported type in header '{name}': expected a list of strings")
    # A string that is no UTF-8 is decoded as bytes in a table, and as below in a routing key.
    return [key if isinstance(key, str) else key.decode("utf-8", "surrogateescape") for key in keys]
