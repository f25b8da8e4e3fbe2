"""Hosts: the names by which this broker may be called.

A browser lets a page talk to the host that it came from, and goes by the name. So a page of
evil.example may have its name lead to 127.0.0.1 once it is loaded, and from then on whatever is
served there is, to the browser, its own: it may read and change all that a guessed password opens.
Where only this machine comes in, guest's password is usually the one that everybody knows.

The browser still says the name that it was given, in `Host`. An address in its place was not looked
up, so nobody can have turned it; nor `localhost`, nor what this machine calls itself, nor the
names that the operator has given. Others are

- refused where only this machine can come in, and wherever the operator has given names: 421
- taken elsewhere, for who comes from afar uses names that are not known here; but whoever may log
  in from this machine only (`loopback_users`) may not do so under such a name

A request without a `Host` is not from a browser.
"""

from __future__ import annotations

import ipaddress
import re
import socket

from warrener.exchange.management.errors import Misdirected

LOCALHOST = "localhost"
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@]*)(:[0-9]*)?")


class Hosts:
    """The names of one broker.

    Args:
        given: what the operator calls it.
    """

    def __init__(self, given: frozenset[str]) -> None:
        self._are_given = bool(given)
        self._names = {LOCALHOST, socket.gethostname().lower(), *map(str.lower, given)}

    def knows(self, host: str) -> bool:
        """Whether what stands in `Host` cannot be anybody else."""
        match = _HOST.fullmatch(host.lower())
        if match is None:
            return False
        name = match[1].removesuffix(".")
        return not host or name in self._names or _is_address(name.strip("[]"))

    def require(self, host: str, nearby: bool) -> None:
        """Raises: Misdirected for the name of somebody else.

        Args:
            nearby: whether only this machine can come in where this was asked.
        """
        if (nearby or self._are_given) and not self.knows(host):
            raise Misdirected(
                "this broker is not known by the name in Host; "
                "the option http_host_names can give it more names"
            )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
