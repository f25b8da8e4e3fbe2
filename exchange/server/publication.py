"""A publication: what a channel remembers of a publish method it has seen before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warrener.exchange.budget import PASS_UNITS
from warrener.exchange.message import Envelope
from warrener.protocol import publication

if TYPE_CHECKING:
    from warrener.exchange.route import Route
    from warrener.exchange.server.channel import ServerChannel

LIGHT_QUEUES_MAX = 8
"""Queues of a route along which publishing is bounded by the bytes that are read."""


class Publication(publication.Publication):
    """Publishes of one channel to one exchange with one routing key.

    `route` is where they went last; it is None before the first and for exchanges that look at
    each message. `permitted` is the generation of the virtual host when the client was last found
    to be allowed to publish there. A message that is published costs `cost` units of work; as long
    as that is not known, or more than it takes to read it, it is `heavy`.
    """

    __slots__ = ("channel", "cost", "heavy", "mandatory", "permitted", "route")

    def __init__(self, channel: ServerChannel, envelope: Envelope, mandatory: bool) -> None:
        super().__init__(envelope)
        self.channel = channel
        self.mandatory = mandatory
        self.permitted = -1
        self.route: Route | None = None
        self.cost = PASS_UNITS
        self.heavy = True

    def remember(self, route: Route) -> None:
        """From now on messages go along `route`, which does not depend on them."""
        self.route = route
        self.heavy = route.careful or len(route.queues) > LIGHT_QUEUES_MAX

    @property
    def is_current(self) -> bool:
        """Whether the topology has not changed since the route was found."""
        route = self.route
        return route is not None and route.generation == self.channel.connection.vhost.generation
