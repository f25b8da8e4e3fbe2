"""Failed logins: who has guessed wrong lately waits before the next guess is looked at.

Failures are counted for each pair of peer address and user name, and for each address. The first
few cost nothing: people mistype, and test suites try wrong passwords. From then on each failure
doubles the wait, up to DELAY_MAX_S. A wait has an end, so nobody is locked out; and it is for one
address, so nobody can have others wait. Whoever succeeds has his own count forgotten, but not
that of the address: a guesser may well have an account. What is quiet for QUIET_S is forgotten.

A user who does not exist is counted like one who does. A right password that is known already
(`Users.login`) is not looked at again and so does not wait.

The counts take bounded memory: the ones unused for the longest go first. Somebody who commands very
many addresses is not slowed down here; that the broker checks but few passwords at a time does it.
"""

from __future__ import annotations

from collections import OrderedDict

FREE_PER_USER = 5
FREE_PER_ADDRESS = 50
"""Failures that cost nothing."""
DELAY_S = 0.25
DELAY_MAX_S = 6.0
"""Less than the time a client has to log in."""
QUIET_S = 300.0
KEPT_MAX = 10_000

Key = tuple[str, str | None]
"""A peer address, and a user name or None for all of them."""


class FailedLogins:
    """Failures by address and user; time is in seconds on any monotonic clock."""

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures: OrderedDict[Key, tuple[int, float]] = OrderedDict()
        """How many, and when the last was; the oldest first."""

    def __len__(self) -> int:
        return len(self._failures)

    def delay_s(self, address: str, user: str, now: float) -> float:
        """How long a login is to wait before it is looked at."""
        excess = max(
            self._count((address, user), now) - FREE_PER_USER,
            self._count((address, None), now) - FREE_PER_ADDRESS,
        )
        return 0.0 if excess < 0 else min(DELAY_MAX_S, DELAY_S * 2.0 ** min(excess, 10))

    def failed(self, address: str, user: str, now: float) -> None:
        """A login was refused."""
        for key in ((address, user), (address, None)):
            count = self._count(key, now) + 1
            self._failures[key] = (count, now)
            self._failures.move_to_end(key)
        while len(self._failures) > KEPT_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, user: str) -> None:
        """A login was right."""
        self._failures.pop((address, user), None)

    def _count(self, key: Key, now: float) -> int:
        count, last = self._failures.get(key, (0, now))
        return 0 if now - last > QUIET_S else count
