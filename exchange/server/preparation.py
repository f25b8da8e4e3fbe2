"""What the properties of a message ask of the broker before it is routed.

    user_id       must be the name under which the client logged in
    expiration    must be a number of milliseconds
    reply_to      the name of the direct reply queue becomes the name of this channel's own
    CC, BCC       headers with further routing keys; BCC does not travel on
    x-delivery-count, x-acquired-count
                  headers by which the broker tells of deliveries; not believed, and removed

Only messages whose properties are `special` come here; all others are published as they are.
"""

from __future__ import annotations

from typing import Protocol

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.message import Envelope, Message, carbon_copies, further_keys
from warrener.exchange.queues.expiry import check_expiration
from warrener.exchange.server.codec import rewrite
from warrener.protocol.properties import DIRECT_REPLY_TO, HEADERS_FOR_THE_BROKER

NOT_RELAYED = HEADERS_FOR_THE_BROKER - {"CC"}
"""Headers that are removed from what a client publishes."""


class Sending(Protocol):
    """Who publishes: the connection, as far as it matters here."""

    @property
    def user(self) -> str: ...
    @property
    def may_impersonate(self) -> bool: ...


class Publishing(Protocol):
    """Where it publishes: a channel, or whatever stands for one."""

    @property
    def connection(self) -> Sending: ...
    @property
    def reply_queue(self) -> str | None: ...


def prepare(channel: Publishing, message: Message) -> tuple[Message, list[str]]:
    """The message as it is to be published, and the routing keys beside its own.

    Raises: PreconditionFailed.
    """
    properties = message.properties
    check_user_id(channel.connection, properties.user_id)
    check_expiration(properties)
    changes: dict[str, object] = {}
    if properties.reply_to == DIRECT_REPLY_TO:
        if channel.reply_queue is None:
            raise PreconditionFailed("fast reply consumer does not exist")
        changes["reply_to"] = channel.reply_queue
    headers = properties.headers or {}
    copies = further_keys(headers, message.envelope.routing_key)
    removed = dict.fromkeys(NOT_RELAYED & headers.keys())
    if not (changes or removed or copies or properties.expiration is not None):
        # Only its user_id was to be looked at, and the name of the login stays what it is.
        properties.special = False
    if changes or removed:
        place = message.envelope
        if hidden := carbon_copies(headers, "BCC"):
            place = Envelope(place.exchange, place.routing_key, hidden)
        message = rewrite(message, place, changes, removed)
    return message, copies


def check_user_id(connection: Sending, user_id: str | None) -> None:
    """Raises: PreconditionFailed for a name under which the client did not log in."""
    if user_id is None or user_id == connection.user or connection.may_impersonate:
        return
    raise PreconditionFailed(
        f"user_id property set to '{user_id}' but authenticated user was '{connection.user}'"
    )
