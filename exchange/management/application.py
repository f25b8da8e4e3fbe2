"""The application: from a request to its response.

`begin` finds the endpoint by the raw target, finds out who asks, and whether he may: all by the
head of the request. `answer` then takes the body and runs the endpoint. One that is a plain
function runs within a pass of the broker (docs/architecture.md); one that has to wait is async,
and puts what touches the broker into passes by itself.

Nothing of a request that fails is told but what is wrong with it: passwords are in no text, and
what was our own mistake goes to the log and not to the client.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import trio

from warrener.exchange.access.users import User
from warrener.exchange.errors import Busy, Refused
from warrener.exchange.management.access import (
    Access,
    read_credentials,
    require_access,
    require_own_origin,
    require_vhost,
)
from warrener.exchange.management.bodies import SHORT_BYTES_MAX
from warrener.exchange.management.call import STRANGER, Call, answer, spelt
from warrener.exchange.management.errors import LoginRequired, Unavailable, told
from warrener.exchange.management.fields import check_name
from warrener.exchange.management.hosts import Hosts
from warrener.exchange.management.measurements import Measurements
from warrener.exchange.management.process import Process
from warrener.exchange.management.redrives import Jobs
from warrener.exchange.management.sampler import Sampler
from warrener.exchange.server.entrance import Listener
from warrener.exchange.server.server import Server, is_loopback
from warrener.exchange.server.traffic import Address
from warrener.protocol.http.errors import HttpError, MethodNotAllowed, TargetNotFound
from warrener.protocol.http.request import Request
from warrener.protocol.http.response import Headers, Response
from warrener.protocol.http.router import Router

if TYPE_CHECKING:
    from warrener.exchange.config import Config

T = TypeVar("T")
Answer = Callable[[Call], Response | Awaitable[Response]]

logger = logging.getLogger("warrener.http")

SECURE = {"amqp": "amqp/ssl", "http": "https"}
"""What RabbitMQ calls the protocols under TLS."""
CHALLENGE = ("WWW-Authenticate", 'Basic realm="RabbitMQ Management"')
"""RabbitMQ's realm: tools that bind a login to a realm send it to no other."""
ALWAYS: Headers = (
    ("Server", "Warrener"),
    ("Vary", "Accept, Accept-Encoding, Origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection."""

    host: str
    port: int
    nearby: bool = False
    """Whether it came in where only this machine can."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers one method on one pattern, and who may call it.

    A pattern with `{vhost}` is for those who may look into that virtual host, or, if it is not
    only read, have a permission there.
    """

    method: str
    pattern: str
    access: Access
    answer: Answer
    meaning: str
    takes: tuple[str, ...] = ("application/json",)
    """Kinds of bodies."""
    long_body: bool = False
    """Whether it takes bodies of any length that the operator allows, which it reads aside."""

    @property
    def reads(self) -> bool:
        return self.method == "GET"


class Application:
    """All endpoints over one server."""

    def __init__(
        self,
        server: Server,
        config: Config,
        endpoints: Sequence[Endpoint],
        measurements: Measurements | None = None,
    ) -> None:
        self.server = server
        self.config = config
        self.endpoints = endpoints
        self.listening: dict[str, list[Address]] = {}
        """The addresses on which the broker listens, by protocol."""
        self.hosts = Hosts(config.http_names)
        self.redrives = Jobs()
        self.topology_turn = trio.Lock()
        """Held while a topology is planned or applied: one at a time."""
        self.measurements = measurements or Measurements()
        self.sampler = Sampler(server, Process(server, config, self.measurements))
        self.started_ms = int(time.time() * 1000)
        self._router: Router[Endpoint] = Router()
        for endpoint in endpoints:
            self._router.add(endpoint.method, endpoint.pattern, endpoint)

    def body_bytes_max(self, call: Call) -> int:
        """How long the body of a request may be."""
        allowed = self.config.http_body_max_bytes
        return allowed if call.endpoint.long_body else min(allowed, SHORT_BYTES_MAX)

    def show_listeners(self, listeners: Mapping[str, Sequence[Listener]]) -> None:
        """Say where the broker listens, by protocol; with certificates it is another one."""
        for protocol, several in listeners.items():
            for listener in several:
                name = SECURE[protocol] if listener.certificates else protocol
                address = listener.socket.getsockname()[:2]
                self.listening.setdefault(name, []).append(address)

    async def run(self) -> None:
        """What goes on beside the requests."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.sampler.run)
            nursery.start_soon(self.measurements.watch_loop)

    # A request

    async def begin(self, request: Request, peer: Peer) -> Call:
        """Find the endpoint, and find out whether this client may call it. Raises: HttpError."""
        self.hosts.require(request.host, peer.nearby)
        method, segments = request.method, request.target.segments
        if method == "OPTIONS":
            return Call(self, self._options(request), request, peer, {}, STRANGER)
        endpoint, path = self._router.find(method, segments)
        if not endpoint.reads:
            require_own_origin(request)
        for name in path.values():
            check_name(name)
        user = STRANGER
        if not self._is_open(endpoint):
            user = await self._login(request, peer)
            self._authorise(endpoint, user, path)
        return Call(self, endpoint, request, peer, path, user)

    async def answer(self, call: Call, body: bytes) -> Response:
        """Run the endpoint."""
        call.body = body
        try:
            run = call.endpoint.answer
            if inspect.iscoroutinefunction(run):
                response = await run(call)
            else:
                response = self.within_pass(lambda: run(call))
        except (HttpError, Refused) as error:
            return self.refuse(error)
        except Exception:
            if not self.server.broker.ledger.failed:
                # Our own mistake, and the only place where one may be met.
                logger.exception(
                    "%s %s: unexpected internal error", call.request.method, call.endpoint.pattern
                )
            return self._complete(
                answer({"error": "internal_error", "reason": "see the log of the broker"}, 500)
            )
        return self._complete(response)

    def refuse(self, error: HttpError | Refused) -> Response:
        """The response to a request that cannot be answered."""
        status, document = told(error)
        headers: Headers = (CHALLENGE,) if isinstance(error, LoginRequired) else ()
        if isinstance(error, MethodNotAllowed):
            headers = (("Allow", ", ".join(error.allowed)),)
        return self._complete(answer(document, status, headers))

    def within_pass(self, step: Callable[[], T]) -> T:
        """Run what touches the broker. Raises: Unavailable if the broker is about to end."""
        if self.server.broker.ledger.failed:
            raise Unavailable("the store has failed")
        self.server.begin_pass()
        try:
            return step()
        finally:
            self.server.end_pass()

    def _complete(self, response: Response) -> Response:
        names = {name for name, _ in response.headers}
        more = tuple(header for header in ALWAYS if header[0] not in names)
        return Response(
            response.status,
            (*response.headers, *more),
            response.body,
            response.parts,
            response.endless,
        )

    def _options(self, request: Request) -> Endpoint:
        """What a target allows. No other origin is ever allowed anything. Raises: HttpError."""
        try:
            self._router.find("OPTIONS", request.target.segments)
        except MethodNotAllowed as error:
            allowed = ", ".join(sorted({*error.allowed, "OPTIONS"}))
            response = Response(200, (("Allow", allowed),))
            return Endpoint("OPTIONS", "", Access.ANYBODY, lambda call: response, "")
        raise TargetNotFound("Not Found")

    # Who asks

    def _is_open(self, endpoint: Endpoint) -> bool:
        """Whether it is for everybody, without a login."""
        access = endpoint.access
        return access is Access.ANYBODY or (
            access is Access.SCRAPER and self.config.metrics_anonymous
        )

    async def _login(self, request: Request, peer: Peer) -> User:
        """Raises: LoginRequired."""
        name, password = read_credentials(request.header("authorization"))
        users, logins = self.server.broker.users, self.server.broker.activity.logins
        is_here = is_loopback(peer.host) and self.hosts.knows(request.host)
        admitted = is_here or name not in self.config.loopback_names
        login = users.login(name, password, admitted=admitted)
        if login.user is not None:
            logins["http", True] += 1
            return login.user
        try:
            verdict = await self.server.check_login(login, peer.host)
        except Busy as error:
            raise Unavailable(error.text) from error
        user = self.within_pass(lambda: users.finish(login, verdict))
        logins["http", user is not None] += 1
        if user is None:
            logger.warning("%s: login of %r refused", peer.host, name)
            raise LoginRequired("Login failed")
        return user

    def _authorise(self, endpoint: Endpoint, user: User, path: dict[str, str]) -> None:
        """Raises: NotAuthorised; TargetNotFound."""
        require_access(user, endpoint.access)
        vhost = path.get("vhost")
        if vhost is None:
            return
        vhosts = self.server.broker.vhosts
        if endpoint.reads:
            path["vhost"] = vhost = spelt(vhost, vhosts)
        if vhost not in vhosts:
            raise TargetNotFound("Not Found")
        require_vhost(self.server.broker, user, vhost, endpoint.reads)
