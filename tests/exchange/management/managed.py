"""A broker with its management API behind real sockets, in this process.

async with managed() as broker:
    answer = await broker.api.put("/api/queues/%2F/q", {"durable": True})
    assert answer.status == 201
"""

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from tests.exchange.server.served import PATIENCE_S, Served, served
from warrener.exchange.access.users import Verdict
from warrener.exchange.config import Config
from warrener.exchange.management.application import Application, Endpoint
from warrener.exchange.management.routes import ENDPOINTS
from warrener.exchange.management.server import HttpServer
from warrener.exchange.server.entrance import Listener
from warrener.exchange.server.server import open_listeners
from warrener.exchange.server.tls import Certificates
from warrener.protocol.http.client import ClientConnection


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body) if self.body else None


class Api:
    """A client of the API who logs in as somebody, or as nobody."""

    tls: ssl.SSLContext | None = None
    """What it trusts, if it is to speak TLS."""
    host = "localhost"
    """What it calls the broker."""
    first = b""
    """What it sends before all else on each connection."""

    def __init__(self, port: int, login: str | None = "guest:guest") -> None:
        self.port = port
        self.login = login

    def as_(self, login: str | None) -> "Api":
        return Api(self.port, login)

    async def ask(self, method: str, target: str, document: Any = None, **headers: str) -> Answer:
        """One request on a connection of its own; a document of bytes is sent as it is."""
        body = document if isinstance(document, bytes) else b""
        if document is not None and not isinstance(document, bytes):
            body = json.dumps(document).encode()
        if self.login is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(self.login.encode()).decode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with trio.fail_after(PATIENCE_S):
            async with await self.connect() as stream:
                wire = ClientConnection(self.host)
                return await exchange(stream, wire, method, target, named, body)

    async def connect(self) -> trio.abc.Stream:
        stream: trio.abc.Stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        if self.first:
            await stream.send_all(self.first)
        if self.tls is not None:
            stream = trio.SSLStream(
                stream, self.tls, server_hostname="localhost", https_compatible=True
            )
        return stream

    async def get(self, target: str, **headers: str) -> Any:
        """The document at a target, which must be there."""
        answer = await self.ask("GET", target, **headers)
        assert answer.status == 200, answer
        return answer.document

    async def put(self, target: str, document: Any = None) -> Answer:
        return await self.ask("PUT", target, document)

    async def post(self, target: str, document: Any = None) -> Answer:
        return await self.ask("POST", target, document)

    async def delete(self, target: str, **headers: str) -> Answer:
        return await self.ask("DELETE", target, **headers)


async def exchange(
    stream: trio.abc.Stream,
    wire: ClientConnection,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes = b"",
) -> Answer:
    """One request and its answer on a connection."""
    await stream.send_all(wire.ask(method, target, headers, body))
    while (head := wire.next_head()) is None:
        wire.receive(bytes(await stream.receive_some()))
    parts = []
    while (part := wire.next_part()) != b"":
        if part is None:
            wire.receive(bytes(await stream.receive_some()))
        else:
            parts.append(part)
    return Answer(head.status, dict(head.headers), b"".join(parts))


class Managed:
    """A broker, and its API."""

    def __init__(self, amqp: Served, application: Application, http: HttpServer, port: int) -> None:
        self.amqp = amqp
        self.application = application
        self.http = http
        self.api = Api(port)

    @property
    def broker(self) -> Any:
        return self.amqp.broker

    def sample(self, now: float) -> None:
        """A whole round of the sampler, at this time."""
        for _ in self.application.sampler.round(now):
            pass


@asynccontextmanager
async def managed(
    store: Any = None,
    endpoints: tuple[Endpoint, ...] = ENDPOINTS,
    *,
    certificates: Certificates | None = None,
    **options: Any,
) -> AsyncIterator[Managed]:
    """A broker until the block ends; with certificates its API is under TLS."""
    async with served(store, **options) as amqp, trio.open_nursery() as nursery:
        config = Config(**options)
        users = amqp.broker.users
        # As if guest had logged in before: no test has to wait for a hash.
        users.finish(users.login("guest", "guest"), Verdict(right=True))
        application = Application(amqp.server, config, endpoints)
        http = HttpServer(application, config)
        (listener,) = open_listeners("127.0.0.1", 0)
        port = listener.getsockname()[1]
        listeners = {"amqp": [Listener(amqp.listener)], "http": [Listener(listener, certificates)]}
        application.show_listeners(listeners)
        await nursery.start(http.serve, listeners["http"])
        yield Managed(amqp, application, http, port)
        nursery.cancel_scope.cancel()
