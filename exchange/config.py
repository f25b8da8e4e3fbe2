"""Configuration: each option once, with its unit, its default and what it does.

A configuration file is TOML with the names of these fields as keys; the command line overrides
it. `warrener serve --help` and the table in docs/configuration.md are checked against this.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class ConfigError(Exception):
    """A configuration that cannot be used; the text says which option and why."""


def option(default: Any, meaning: str, allowed: range | tuple[str, ...] | None = None) -> Any:
    """A field with its meaning, for the help text and the documentation."""
    return field(default=default, metadata={"meaning": meaning, "allowed": allowed})


SHORT = range(1 << 16)
LONG = range(1 << 32)
COUNT = range(1 << 62)


@dataclass(frozen=True, slots=True)
class Config:
    """All options of a broker."""

    host: str = option("127.0.0.1", "address to listen on")
    port: int = option(5672, "AMQP port, 0 for any free one", SHORT)
    http_port: int = option(
        15672, "port of the management API, 0 for any free one, -1 for none", range(-1, 1 << 16)
    )
    https_port: int = option(
        15671,
        "port of the management API over TLS, 0 for any free one, -1 for none",
        range(-1, 1 << 16),
    )
    tls_port: int = option(5671, "port for AMQP over TLS, 0 for any free one", SHORT)
    tls_certificate: str = option(
        "", "PEM file with the broker's certificate; without it there is no TLS"
    )
    tls_key: str = option("", "PEM file with its key, if that is not in the same file")
    tls_authority: str = option("", "PEM file with those who sign certificates of clients")
    tls_client_certificate: str = option(
        "none",
        "whether clients need a certificate: none, optional, required",
        ("none", "optional", "required"),
    )
    proxy_protocol: bool = option(
        False, "expect a PROXY header, version 1 or 2, at the start of every connection"
    )
    data: str = option("warrener-data", "directory of the journal")
    memory: bool = option(False, "keep nothing on disk: messages and topology end with the broker")
    sync: str = option("always", "when a write is safe: always, interval:MS or never")
    node_name: str = option(
        "", "name of this node for tools, NAME@HOST; warrener@ and the host's name if empty"
    )
    topology: str = option(
        "", "topology file or folder that the broker is made to match before it listens"
    )
    topology_strict: bool = option(
        False, "do not start if something in RabbitMQ's definitions would have to be left out"
    )
    log_level: str = option(
        "info",
        "least severe messages to log: debug, info, warning, error",
        ("debug", "info", "warning", "error"),
    )

    heartbeat_s: int = option(60, "heartbeat offered to clients, 0 for none", SHORT)
    channel_max: int = option(2047, "channels a connection may open", SHORT[1:])
    announced_product: str = option(
        "Warrener",
        "product that clients are told: Warrener, or RabbitMQ with the version it is most like",
        ("Warrener", "RabbitMQ"),
    )
    consumer_max: int = option(0, "consumers a channel may have, 0 for any number", COUNT)
    frame_max_bytes: int = option(131072, "largest frame, offered to clients", LONG[4096:])
    message_max_bytes: int = option(128 << 20, "largest message body", range(1, (512 << 20) + 1))
    loopback_users: str = option(
        "guest", "users who may log in from this machine only, separated by commas"
    )
    consumer_timeout_ms: int = option(
        0, "time a delivery may stay unacknowledged, 0 for any; then it is taken back", COUNT
    )
    connections_max: int = option(
        0, "AMQP connections that may be open at once, 0 for as many as descriptors allow", COUNT
    )
    handshakes_per_address_max: int = option(
        1000, "connections of one address that may be open without a login", COUNT[1:]
    )
    handshake_timeout_s: int = option(10, "time a client has to log in", COUNT)
    output_mark_bytes: int = option(
        1 << 20,
        "a connection with more unwritten output than this is given no deliveries",
        COUNT[1:],
    )
    connection_memory_max_bytes: int = option(
        0, "memory a connection may take, else it is closed; 0 for half of memory_mark_bytes", COUNT
    )
    transaction_max_bytes: int = option(
        256 << 20, "messages that a transaction may hold before its commit", COUNT[1:]
    )
    unfinished_max_bytes: int = option(
        256 << 20, "bytes that a connection may have sent of contents not complete", COUNT[1:]
    )
    unread_output_max_bytes: int = option(
        64 << 20,
        "a client with more unread output than this is not read but for what costs nothing",
        COUNT[1:],
    )
    http_host_names: str = option(
        "", "names by which browsers may reach the management API, separated by commas"
    )
    http_connections_max: int = option(500, "HTTP connections that may be open at once", COUNT[1:])
    http_body_max_bytes: int = option(
        20 << 20, "largest body of an HTTP request with definitions or a message", COUNT
    )
    http_idle_timeout_s: int = option(
        60, "time an HTTP connection may be open without a request", COUNT[1:]
    )
    http_request_timeout_s: int = option(
        30,
        "time an HTTP request may take to arrive, and each part of a response to leave",
        COUNT[1:],
    )
    metrics_anonymous: bool = option(
        False, "whether /metrics is answered without a login, as RabbitMQ does on its own port"
    )
    memory_mark_bytes: int = option(
        0, "memory of clients past which publishes have to wait; 0 for 40% of the machine's", COUNT
    )

    disk_free_mark_bytes: int = option(
        192 << 20, "free space on the journal's disk below which publishes have to wait", COUNT
    )

    @property
    def loopback_names(self) -> frozenset[str]:
        return frozenset(name.strip() for name in self.loopback_users.split(","))

    @property
    def http_names(self) -> frozenset[str]:
        names = (name.strip().removesuffix(".") for name in self.http_host_names.split(","))
        return frozenset(name for name in names if name)

    @classmethod
    def load(cls, path: str | None, overrides: dict[str, Any]) -> Config:
        """Options from a file, if there is one, and from the command line over it.

        Raises: ConfigError.
        """
        values = _read(path) if path else {}
        known = {f.name: f for f in fields(cls)}
        for name in values:
            if name not in known:
                raise ConfigError(f"{path}: unknown option '{name}'")
        values.update(overrides)
        for name, value in values.items():
            expected = type(known[name].default)
            if type(value) is not expected:
                raise ConfigError(f"option '{name}' must be of type {expected.__name__}")
            _check(name, value, known[name].metadata["allowed"])
        return cls(**values)


def _check(name: str, value: Any, allowed: range | tuple[str, ...] | None) -> None:
    if allowed is None or value in allowed:
        return
    if isinstance(allowed, range):
        raise ConfigError(f"option '{name}' must be from {allowed[0]} to {allowed[-1]}")
    raise ConfigError(f"option '{name}' must be one of {', '.join(allowed)}")


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
