"""What a selector sees of a message.

A bare name is an application header (`TAGS` and `KEYS` too), except the nine JMS names below.
A section before the name says where to look, in RabbitMQ's words:

    a.name, application_properties.name   an application header, whatever its name
    p.name, properties.name               a property of AMQP 0-9-1, as it is on the wire
    h.priority, header.priority           the priority

JMS names follow Jakarta Messaging, with its defaults where a message lacks the property:

    JMSDeliveryMode    'PERSISTENT' for delivery mode 2, else 'NON_PERSISTENT'
    JMSPriority        priority; 4 when absent (so is h.priority)
    JMSTimestamp       timestamp in milliseconds
    JMSExpiration      expiration as a number, the time to live in ms; 0 when absent
    JMSRedelivered     TRUE when this is not the first delivery
    JMSMessageID  JMSCorrelationID  JMSReplyTo  JMSType

Everything else that is absent, and a header without a value, is NULL. Two AMQP 1.0 properties
have a name of their own in 0-9-1 and are understood: p.subject is type, p.creation_time is
timestamp in milliseconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Protocol

from warrener.exchange.filters.nodes import Identifier

DEFAULT_PRIORITY = 4
PERSISTENT = 2


class MessageProperties(Protocol):
    """The properties of an AMQP 0-9-1 message; None where the message has none."""

    @property
    def content_type(self) -> str | None: ...
    @property
    def content_encoding(self) -> str | None: ...
    @property
    def headers(self) -> Mapping[str, object] | None: ...
    @property
    def delivery_mode(self) -> int | None: ...
    @property
    def priority(self) -> int | None: ...
    @property
    def correlation_id(self) -> str | None: ...
    @property
    def reply_to(self) -> str | None: ...
    @property
    def expiration(self) -> str | None: ...
    @property
    def message_id(self) -> str | None: ...
    @property
    def timestamp(self) -> int | None: ...
    @property
    def type(self) -> str | None: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def app_id(self) -> str | None: ...
    @property
    def cluster_id(self) -> str | None: ...


# What the compiled form is given: the headers, and (properties, redelivered, now in ms).
Headers = Mapping[str, object]
Message = tuple[MessageProperties, bool, int | None]
NO_HEADERS: Headers = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a message that is not a header.

    `source` is the property that it is made of; `read` makes it.
    """

    source: str
    read: Callable[[Message], object]


def field_of(identifier: Identifier) -> Field | None:
    """What an identifier stands for; None when it is the header of that name."""
    if identifier.section is None:
        return _JMS_FIELDS.get(identifier.name)
    if identifier.section == "a":
        return None
    return _SECTION_FIELDS[identifier.section][identifier.name]


def section_named(name: str) -> str | None:
    """The short name of a section; None when there is no such section."""
    return _SECTIONS.get(name)


def names_in(section: str) -> frozenset[str] | None:
    """The names that a section knows; None when it takes any name."""
    return None if section == "a" else frozenset(_SECTION_FIELDS[section])


def _property(name: str) -> Field:
    read = attrgetter(name)
    return Field(name, lambda message: read(message[0]))


def _delivery_mode(message: Message) -> str:
    return "PERSISTENT" if message[0].delivery_mode == PERSISTENT else "NON_PERSISTENT"


def _priority(message: Message) -> int:
    priority = message[0].priority
    return DEFAULT_PRIORITY if priority is None else priority


def _timestamp_ms(message: Message) -> int | None:
    timestamp = message[0].timestamp
    return None if timestamp is None else timestamp * 1000


def _expiration_ms(message: Message) -> int | None:
    expiration = message[0].expiration
    if expiration is None:
        return 0
    return int(expiration) if expiration.isdecimal() and expiration.isascii() else None


_PROPERTIES = {
    name: _property(name)
    for name in (
        "content_type",
        "content_encoding",
        "delivery_mode",
        "priority",
        "correlation_id",
        "reply_to",
        "expiration",
        "message_id",
        "timestamp",
        "type",
        "user_id",
        "app_id",
        "cluster_id",
    )
}
_JMS_FIELDS = {
    "JMSDeliveryMode": Field("delivery_mode", _delivery_mode),
    "JMSPriority": Field("priority", _priority),
    "JMSTimestamp": Field("timestamp", _timestamp_ms),
    "JMSExpiration": Field("expiration", _expiration_ms),
    "JMSRedelivered": Field("redelivered", lambda message: message[1]),
    "JMSMessageID": _PROPERTIES["message_id"],
    "JMSCorrelationID": _PROPERTIES["correlation_id"],
    "JMSReplyTo": _PROPERTIES["reply_to"],
    "JMSType": _PROPERTIES["type"],
}
_SECTION_FIELDS = {
    "h": {"priority": _JMS_FIELDS["JMSPriority"]},
    "p": _PROPERTIES
    | {"subject": _PROPERTIES["type"], "creation_time": _JMS_FIELDS["JMSTimestamp"]},
}
_SECTIONS = {
    "h": "h",
    "header": "h",
    "p": "p",
    "properties": "p",
    "a": "a",
    "application_properties": "a",
}
