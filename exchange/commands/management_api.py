"""The management API of a broker, asked by a command: one request after the other, and waiting.

Of Warrener as well as of RabbitMQ. One connection is kept, and made anew when the server has
closed it.
"""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import unquote, urlsplit

from warrener.exchange.commands import CommandError

UNREACHABLE = 69
REFUSED = 77
"""Exit statuses as in sysexits.h: no service, no permission."""
TIMEOUT_S = 60.0
UNAUTHORIZED = 401
PORT = 15672

Connection = http.client.HTTPConnection


class ManagementApi:
    """Asks the API behind one URL, http://USER:PASSWORD@HOST:PORT."""

    def __init__(self, url: str) -> None:
        """Raises: CommandError for what is no such URL."""
        try:
            parts = urlsplit(url)
            port = parts.port or PORT
        except ValueError as error:
            raise CommandError(f"not a URL of a management API: {url}: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandError(f"not a URL of a management API: {url}")
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection: Connection = kind(parts.hostname, port, timeout=TIMEOUT_S)
        self._where = f"{parts.hostname}:{port}"
        self._prefix = parts.path.rstrip("/")
        login = f"{unquote(parts.username or 'guest')}:{unquote(parts.password or 'guest')}"
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(login.encode()).decode(),
            # RabbitMQ refuses some changes to who would have JSON only.
            "Accept": "*/*",
            "Content-Type": "application/json",
        }

    def log_in(self) -> None:
        """Find out whether the broker is there and takes the login. Raises: CommandError."""
        # Later, 401 is the answer also to who lacks a right.
        status, _ = self.ask("GET", "/api/whoami", None)
        if status == UNAUTHORIZED:
            raise CommandError("the management API refuses the login", REFUSED)

    def ask(self, method: str, target: str, document: Any) -> tuple[int, Any]:
        """Send a request; returns the status, and the document in the answer or a line that says
        why there is none. Raises: CommandError if there is no answer."""
        body = None if document is None else json.dumps(document).encode()
        was_open = self._connection.sock is not None
        try:
            status, answer = self._exchange(method, target, body)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if not was_open:
                raise self._unreachable(error) from error
            # The server had closed the connection that was kept.
            try:
                status, answer = self._exchange(method, target, body)
            except (OSError, http.client.HTTPException) as again:
                raise self._unreachable(again) from again
        found = _decoded(answer)
        if status < 400:
            return status, found
        reason = found.get("reason", "") if isinstance(found, dict) else ""
        return status, f"{method} {target}: {status} {reason}"

    def close(self) -> None:
        self._connection.close()

    def _exchange(self, method: str, target: str, body: bytes | None) -> tuple[int, bytes]:
        self._connection.request(method, self._prefix + target, body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def _unreachable(self, error: Exception) -> CommandError:
        return CommandError(f"cannot reach {self._where}: {error}", UNREACHABLE)


def _decoded(body: bytes) -> Any:
    """The document in a body, None without."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
