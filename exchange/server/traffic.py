"""Traffic: who is at the other end of a socket, since when, and how much went each way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.statistics.sample import Sample

Address = tuple[str, int]


class Traffic:
    """Addresses and counts of one TCP connection, raised once a system call."""

    __slots__ = (
        "connected_ms",
        "local",
        "peer",
        "reads",
        "received_bytes",
        "sample",
        "sent_bytes",
        "tls",
        "writes",
    )

    def __init__(
        self, peer: Address, local: Address, connected_ms: int, tls: tuple[str, str] | None = None
    ) -> None:
        self.peer = peer
        self.local = local
        self.connected_ms = connected_ms
        self.tls = tls
        """The protocol and the cipher, if there is TLS."""
        self.reads = 0
        self.received_bytes = 0
        self.writes = 0
        self.sent_bytes = 0
        self.sample: Sample | None = None
        """Belongs to whoever samples these numbers."""

    @property
    def name(self) -> str:
        """What the connection is called, in the log and everywhere else."""
        return f"{show_address(self.peer)} -> {show_address(self.local)}"


def show_address(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
