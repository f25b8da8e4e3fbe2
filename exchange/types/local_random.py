"""The local random exchange: each message to one queue of this node, taken at random.

In a RabbitMQ cluster it keeps messages from crossing between nodes. Warrener is one node, so all
queues are local; what is left of the type are its rules for bindings, by which only queues are
bound, each by the empty key and so once.
"""

from warrener.exchange.binding import Binding
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.types.exchange import Exchange
from warrener.exchange.types.random import RandomExchange


class LocalRandomExchange(RandomExchange):
    """A random exchange that refuses bindings RabbitMQ would refuse."""

    type = "x-local-random"
    __slots__ = ()

    def check_binding(self, binding: Binding) -> None:
        if binding.routing_key:
            raise PreconditionFailed(f"Non empty binding '{binding.routing_key}' key not permitted")
        if isinstance(binding.destination, Exchange):
            raise PreconditionFailed(
                f"exchange '{binding.destination.name}' cannot be bound to this exchange type: "
                "it takes queues only"
            )
