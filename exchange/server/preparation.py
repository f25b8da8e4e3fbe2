"""What the properties of a message ask of the broker before it is routed.

    user_id       must be the name under which the client logged in
    expiration    must be a number of milliseconds
    reply_to      the name of the direct reply queue becomes the name of this channel's own
    CC, BCC       headers with further routing keys; BCC does not travel on

Only messages whose properties are `special` come here; all others are published as they are.
"""

from __future__ import annotations

from typing import Protocol

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.message import Message, further_keys
from warrener.exchange.queues.expiry import check_expiration
from warrener.exchange.server.codec import rewrite
from warrener.protocol.properties import DIRECT_REPLY_TO


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
    headers = properties.headers
    copies = further_keys(headers, message.envelope.routing_key)
    if headers and "BCC" in headers:
        changes["headers"] = {key: value for key, value in headers.items() if key != "BCC"}
    if not (changes or copies or properties.expiration is not None):
        # Only its user_id was to be looked at, and the name of the login stays what it is.
        properties.special = False
    if changes:
        message = rewrite(message, message.envelope, changes)
    return message, copies


def check_user_id(connection: Sending, user_id: str | None) -> None:
    """Raises: PreconditionFailed for a name under which the client did not log in."""
    if user_id is None or user_id == connection.user or connection.may_impersonate:
        return
    raise PreconditionFailed(
        f"user_id property set to '{user_id}' but authenticated user was '{connection.user}'"
    )
