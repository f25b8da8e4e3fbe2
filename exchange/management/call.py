"""A call: one request on its way through an endpoint, with all that the endpoint may use."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from warrener.exchange.access.users import User
from warrener.exchange.management.access import has_permission, is_monitor
from warrener.exchange.management.columns import Wanted
from warrener.exchange.management.fields import Fields
from warrener.exchange.management.values import encode
from warrener.protocol.http.errors import TargetNotFound
from warrener.protocol.http.response import Headers, Response

if TYPE_CHECKING:
    from warrener.exchange.access.permissions import Rights
    from warrener.exchange.broker import Broker
    from warrener.exchange.management.application import Application, Endpoint, Peer
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.types import Exchange
    from warrener.exchange.vhost import VirtualHost
    from warrener.protocol.http.request import Request

T = TypeVar("T")

JSON = ("Content-Type", "application/json")
NOBODY = object()
"""The owner of what is declared over HTTP: no connection, so no exclusive queue is its own."""

STRANGER = User("", "")
"""Who asks for what is there for everybody."""


@dataclass(slots=True)
class Call:
    """One request; `path` has what the segments in braces of its endpoint stand for."""

    application: Application
    endpoint: Endpoint
    request: Request
    peer: Peer
    path: Mapping[str, str]
    user: User
    body: bytes = b""
    _fields: Fields | None = field(default=None, repr=False)

    @property
    def broker(self) -> Broker:
        return self.application.server.broker

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.target.query

    @property
    def fields(self) -> Fields:
        """The JSON object in the body. Raises: BadRequest."""
        if self._fields is None:
            self._fields = Fields.of(self.body)
        return self._fields

    # What the path names

    @property
    def vhost(self) -> VirtualHost:
        return self.broker.vhost(self.path["vhost"])

    @property
    def rights(self) -> Rights:
        """What the user may do in the virtual host of the path."""
        return self.broker.permissions.rights(self.user.name, self.path["vhost"])

    def rights_of(self, user: str) -> Rights:
        """What another user may do there. Raises: TargetNotFound."""
        if user not in self.broker.users:
            raise TargetNotFound("Not Found")
        return self.broker.permissions.rights(user, self.path["vhost"])

    def exchange(self, segment: str = "name") -> Exchange:
        """Raises: TargetNotFound."""
        return self._found(self.vhost.exchanges, exchange_name(self.path[segment]))

    def queue(self, segment: str = "name") -> Queue:
        """Raises: TargetNotFound."""
        return self._found(self.vhost.queues, self.path[segment])

    def _found(self, places: Mapping[str, T], name: str) -> T:
        place = places.get(spelt(name, places) if self.endpoint.reads else name)
        if place is None:
            raise TargetNotFound("Not Found")
        return place

    @property
    def visible_vhosts(self) -> list[VirtualHost]:
        """The virtual hosts that the user may look into."""
        sees_all = is_monitor(self.user)
        return [
            vhost
            for name, vhost in sorted(self.broker.vhosts.items())
            if sees_all or has_permission(self.broker, self.user, name)
        ]

    # The answer

    def show(self, document: Any) -> Response:
        """A document, or a list of some, with the columns that the query names."""
        wanted = Wanted.of(self.query)
        return answer(wanted.part_of(document) if wanted else document)

    # Work

    def within_pass(self, step: Callable[[], T]) -> T:
        """Run a step of an endpoint that waits in between within a pass of its own."""
        return self.application.within_pass(step)


def spelt(name: str, known: Container[str]) -> str:
    """The name that is meant, of those that are known, by one who only looks.

    KEDA and Datadog write a blank in a path as if it was in a query. Whoever changes something is
    taken at his word: a queue "a b" must not go because "a+b" has gone already.
    """
    with_blanks = name.replace("+", " ")
    return with_blanks if name not in known and with_blanks in known else name


def exchange_name(segment: str) -> str:
    """The name of an exchange in a path: the default exchange has none that could stand there."""
    return "" if segment == "amq.default" else segment


def answer(document: Any, status: int = 200, headers: Headers = ()) -> Response:
    """A response in JSON."""
    return Response(status, (JSON, ("Cache-Control", "no-cache"), *headers), encode(document))


def done() -> Response:
    return Response(204)


def made(is_new: bool) -> Response:
    """What a PUT answers."""
    return Response(201 if is_new else 204)
