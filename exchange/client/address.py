"""An address: what a URL of AMQP says, `amqp://user:password@host:port/vhost`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from warrener.exchange.client.errors import ClientError

PORTS = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is, and who one is there."""

    host: str
    port: int
    user: str
    password: str
    vhost: str
    tls: bool

    @property
    def shown(self) -> str:
        """Without the password."""
        return f"{'amqps' if self.tls else 'amqp'}://{self.host}:{self.port}"


def read_url(url: str) -> Address:
    """Raises: ClientError for what is no such URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
        host = parts.hostname or "127.0.0.1"
    except (ValueError, KeyError):
        raise ClientError("not a URL of AMQP: write amqp://user:password@host:5672/vhost") from None
    return Address(
        host,
        port,
        unquote(parts.username or "guest"),
        unquote(parts.password or "guest"),
        unquote(parts.path.removeprefix("/")) or "/",
        parts.scheme == "amqps",
    )
