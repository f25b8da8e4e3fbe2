"""Requirements: what permissions it takes to declare and to bind, whichever way it is asked.

    declare                                      configure on it
    declare, new, with x-dead-letter-exchange    also read on it, and write on that exchange
    declare, new, with alternate-exchange        likewise
    bind, unbind                                 write on the destination, read on the source

All of these raise AccessRefused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warrener.exchange.access.permissions import Rights
    from warrener.exchange.vhost import VirtualHost


def require_exchange_declare(
    rights: Rights, vhost: VirtualHost, name: str, arguments: Mapping[str, Any]
) -> None:
    """An alternate exchange takes messages out of a new exchange and into another."""
    if not name:
        # Nobody may declare the default exchange, and that is what is said.
        return
    rights.require_configure("exchange", name)
    alternate = arguments.get("alternate-exchange")
    if isinstance(alternate, str) and name not in vhost.exchanges:
        rights.require_read("exchange", name)
        rights.require_write("exchange", alternate)


def require_queue_declare(
    rights: Rights, vhost: VirtualHost, name: str, arguments: Mapping[str, Any]
) -> None:
    """A dead-letter exchange takes messages out of a new queue."""
    rights.require_configure("queue", name)
    dead_letter_exchange = arguments.get("x-dead-letter-exchange")
    if isinstance(dead_letter_exchange, str) and name not in vhost.queues:
        rights.require_read("queue", name)
        rights.require_write("exchange", dead_letter_exchange)


def require_source(rights: Rights, vhost: VirtualHost, exchange: str, routing_key: str) -> None:
    """A binding takes messages out of its source."""
    rights.require_read("exchange", exchange)
    source = vhost.exchanges.get(exchange)
    if source is not None:
        rights.require_topic_read(source, routing_key)
