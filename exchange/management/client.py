"""A client of the management API for commands: blocking, and of Warrener as well as of RabbitMQ.

    api = ManagementClient("http://guest:guest@127.0.0.1:15672")
    for queue in api.get("/api/queues"): ...

One connection is kept and made anew when the server has closed it. What goes wrong is a
ManagementError whose text a person can act on.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from warrener.protocol.http.client import BrokenResponse, ClientConnection, Head

READ_BYTES = 64 * 1024
TIMEOUT_S = 30.0
PORTS = {"http": 15672, "https": 15671}
PEEKED_BYTES = 16 << 20
"""The most that a peek shows of one body."""


class ManagementError(Exception):
    """The API cannot be reached, or refuses; `status` is 0 if it was not reached."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status

    @property
    def has_no_such_path(self) -> bool:
        """Whether the broker may not know what it was asked for: RabbitMQ answers with 400, and
        without a reason, where it looks for a file of that name."""
        return self.status in (404, 405) or str(self).endswith(": 400 ")


@dataclass(frozen=True, slots=True)
class Peeked:
    """The first messages of a queue."""

    messages: Sequence[dict[str, Any]]
    untouched: bool
    """Whether they are as they were. If not they were taken and put back to where they were: they
    are marked as delivered before, which also counts for a delivery limit."""


class ManagementClient:
    """Asks the API behind one URL."""

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, context: ssl.SSLContext | None = None
    ) -> None:
        """Raises: ManagementError for what is no URL of HTTP."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ManagementError(f"not a URL of a management API: {url}: {error}") from error
        if parts.scheme not in PORTS or not parts.hostname:
            raise ManagementError(f"not a URL of a management API: {url}")
        self._host = parts.hostname
        self._port = port or PORTS[parts.scheme]
        self._prefix = parts.path.rstrip("/")
        self._context = context
        if parts.scheme == "https" and context is None:
            self._context = ssl.create_default_context()
        self._timeout_s = timeout_s
        login = f"{unquote(parts.username or 'guest')}:{unquote(parts.password or 'guest')}"
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(login.encode()).decode(),
            # RabbitMQ has nothing in JSON for what is only done, and refuses then (purge).
            "Accept": "application/json, */*;q=0.1",
        }
        self._socket: socket.socket | None = None
        self._wire = ClientConnection(self._host)

    def get(self, target: str) -> Any:
        """The document at a target. Raises: ManagementError."""
        return self.ask("GET", target)

    def ask(
        self,
        method: str,
        target: str,
        document: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request, with a document if there is one, as a value or in bytes; returns the one
        in the answer, None without. Raises: ManagementError."""
        head = self._send(method, target, document, headers or {})
        body = b"".join(self._parts())
        found = _decode(body)
        if head.status >= 400:
            reason = found.get("reason", "") if isinstance(found, dict) else ""
            raise ManagementError(f"{method} {target}: {head.status} {reason}", head.status)
        return found

    def stream(self, target: str) -> Iterator[bytes]:
        """The parts of an answer that goes on. Raises: ManagementError."""
        head = self._send("GET", target, None, {})
        if head.status != 200:
            raise ManagementError(f"GET {target}: {head.status}", head.status)
        yield from self._parts()

    def peek(
        self,
        vhost: str,
        queue: str,
        count: int,
        *,
        truncate: int = PEEKED_BYTES,
        may_take: bool = True,
    ) -> Peeked:
        """Look at the first messages of a queue, of each body at most `truncate` bytes.

        A broker that cannot just look (RabbitMQ) is asked for messages that it is to put back,
        unless `may_take` says no. Raises: ManagementError.
        """
        place = f"{quote(vhost, safe='')}/{quote(queue, safe='')}"
        try:
            found = self.get(f"/api/x/queues/{place}/peek?count={count}&truncate={truncate}")
        except ManagementError as error:
            if not error.has_no_such_path or not may_take:
                raise
        else:
            return Peeked(found["items"], True)
        wanted = {
            "count": count,
            "ackmode": "ack_requeue_true",
            "encoding": "auto",
            "truncate": truncate,
        }
        return Peeked(self.ask("POST", f"/api/queues/{place}/get", wanted), False)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(
        self, method: str, target: str, document: Any, more_headers: Mapping[str, str]
    ) -> Head:
        """Raises: ManagementError."""
        body = document if isinstance(document, bytes) else b""
        if document is not None and not isinstance(document, bytes):
            body = json.dumps(document).encode()
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        headers |= more_headers
        kept = self._socket is not None and not self._wire.is_over
        while True:
            try:
                return self._try(method, self._prefix + target, headers, body, kept)
            except (OSError, BrokenResponse) as error:
                self.close()
                if not kept:
                    where = f"{self._host}:{self._port}"
                    raise ManagementError(f"cannot reach {where}: {error}") from error
            # The server had closed the connection that was kept.
            kept = False

    def _try(
        self, method: str, target: str, headers: dict[str, str], body: bytes, kept: bool
    ) -> Head:
        """Raises: OSError; BrokenResponse."""
        if not kept:
            self._connect()
        assert self._socket is not None, "it is connected by now"
        self._socket.sendall(self._wire.ask(method, target, headers, body))
        while (head := self._wire.next_head()) is None:
            self._wire.receive(self._socket.recv(READ_BYTES))
        return head

    def _connect(self) -> None:
        """Raises: OSError."""
        self.close()
        sock = socket.create_connection((self._host, self._port), self._timeout_s)
        if self._context is not None:
            sock = self._context.wrap_socket(sock, server_hostname=self._host)
        self._socket = sock
        self._wire = ClientConnection(self._host)

    def _parts(self) -> Iterator[bytes]:
        """Raises: ManagementError."""
        assert self._socket is not None, "a head has come"
        try:
            while (part := self._wire.next_part()) != b"":
                if part is None:
                    self._wire.receive(self._socket.recv(READ_BYTES))
                else:
                    yield part
        except (OSError, BrokenResponse) as error:
            self.close()
            raise ManagementError(f"the answer breaks off: {error}") from error


def _decode(body: bytes) -> Any:
    """The document in a body, None without."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
