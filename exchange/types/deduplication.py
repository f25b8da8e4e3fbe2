"""The deduplication exchange of RabbitMQ's community plugin: a fanout that does it once.

Every exchange can know what it has seen (`warrener.exchange.deduplication`); this type always does.
"""

from warrener.exchange.types.fanout import FanoutExchange


class DeduplicationExchange(FanoutExchange):
    """A fanout with a window; `x-cache-size` says how much it remembers."""

    type = "x-message-deduplication"
    __slots__ = ()
