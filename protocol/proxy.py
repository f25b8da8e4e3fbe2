"""The PROXY protocol: a proxy says, before anything else, for whom it speaks.

    version 1   PROXY TCP4 192.0.2.7 192.0.2.1 49152 5672 CR LF          (or TCP6, or UNKNOWN)
    version 2   twelve bytes that no other protocol begins with, version and command, family and
                transport, length, addresses, and further fields that are passed over

The specification is HAProxy's (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). A
header of which the proxy says that it speaks for itself (`LOCAL`, `UNKNOWN`) names nobody.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1_MAX = 107
"""Bytes of the longest header of version 1, its line end included."""

_V2 = struct.Struct(">12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6 = 0x00, 0x11, 0x21


class NotProxied(Exception):
    """The bytes are not a PROXY header."""


class Proxied(NamedTuple):
    """A header that is complete."""

    size: int
    """How many bytes it takes."""
    source: tuple[str, int] | None
    """Address and port of the client; None if the proxy speaks for itself."""


def read_proxy_header(data: bytes | bytearray) -> Proxied | None:
    """The header that `data` begins with; None as long as more bytes are needed.

    Raises: NotProxied.
    """
    if data[: len(SIGNATURE)] == SIGNATURE[: len(data)]:
        return _read_v2(data) if len(data) >= _V2.size else None
    if data[:6] == b"PROXY "[: len(data)]:
        return _read_v1(data)
    raise NotProxied("no PROXY header")


def _read_v1(data: bytes | bytearray) -> Proxied | None:
    line, found, _ = data[:V1_MAX].partition(b"\r\n")
    if not found:
        if len(data) >= V1_MAX:
            raise NotProxied("the PROXY header has no end")
        return None
    size = len(line) + 2
    words = line.decode("ascii", "replace").split(" ")
    if words[1] == "UNKNOWN":
        return Proxied(size, None)
    try:
        family, source, _, source_port, _ = words[1:]
        address = {"TCP4": ipaddress.IPv4Address, "TCP6": ipaddress.IPv6Address}[family](source)
        return Proxied(size, (str(address), _port(source_port)))
    except (ValueError, KeyError):
        raise NotProxied("the PROXY header cannot be read") from None


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 0xFFFF:
        raise ValueError(text)
    return int(text)


def _read_v2(data: bytes | bytearray) -> Proxied | None:
    _, command, family, length = _V2.unpack_from(data)
    size = _V2.size + length
    if command not in (_LOCAL, _PROXY):
        raise NotProxied("the PROXY header has an unknown version or command")
    if len(data) < size:
        return None
    if command == _LOCAL or family == _UNSPECIFIED:
        return Proxied(size, None)
    addresses = bytes(data[_V2.size : size])
    if family == _TCP4 and length >= 12:
        return Proxied(size, (str(ipaddress.IPv4Address(addresses[:4])), _u16(addresses, 8)))
    if family == _TCP6 and length >= 36:
        return Proxied(size, (str(ipaddress.IPv6Address(addresses[:16])), _u16(addresses, 32)))
    raise NotProxied("the PROXY header is not about TCP")


def _u16(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "big")
