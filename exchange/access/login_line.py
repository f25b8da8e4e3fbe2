"""The line of logins that wait to be checked: in turn by address, and by name within an address.

To check a password takes a core for tens of milliseconds, so only a few are checked at once. Who
opens many connections to guess passwords must not have everybody else wait for them: the next
login is of the address that was served longest ago, and of the names it tries, the one that was
served longest ago. Addresses of IPv6 count by their first 64 bits, as a single host has all those.

No more than WAITING_MAX logins of one address wait. Every step takes constant time.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Generic, TypeVar

from warrener.exchange.errors import Busy

WAITING_MAX = 50
"""Logins of one address that wait to be checked, a few seconds of work."""
NETWORK_BITS = 64

T = TypeVar("T")

Names = OrderedDict[str, OrderedDict[T, None]]
"""By user name: what waits for it. The first name is next."""


class LoginLine(Generic[T]):
    """What waits, by address and user name; the entries are hashable, and different."""

    __slots__ = ("_counts", "_names")

    def __init__(self) -> None:
        self._names: OrderedDict[str, Names[T]] = OrderedDict()
        """By address: the first is next."""
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(self._counts.values())

    def join(self, address: str, name: str, entry: T) -> None:
        """Have a login wait. Raises: Busy if as many wait as may."""
        source = source_of(address)
        count = self._counts.get(source, 0)
        if count >= WAITING_MAX:
            raise Busy(f"{count} logins from {source} wait to be checked, try again later")
        self._counts[source] = count + 1
        names = self._names.setdefault(source, OrderedDict())
        names.setdefault(name, OrderedDict())[entry] = None

    def leave(self, address: str, name: str, entry: T) -> None:
        """A login that waits is not to be checked any more."""
        self._remove(source_of(address), name, entry)

    def next(self) -> T | None:
        """Take out the login whose turn it is; None if none waits."""
        if not self._names:
            return None
        source, names = next(iter(self._names.items()))
        name, entries = next(iter(names.items()))
        entry = next(iter(entries))
        names.move_to_end(name)
        self._names.move_to_end(source)
        self._remove(source, name, entry)
        return entry

    def _remove(self, source: str, name: str, entry: T) -> None:
        names = self._names[source]
        entries = names[name]
        del entries[entry]
        if not entries:
            del names[name]
        self._counts[source] -= 1
        if not names:
            del self._names[source], self._counts[source]


def source_of(address: str) -> str:
    """What a peer's address counts as: itself, or its network."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, NETWORK_BITS), strict=False))
