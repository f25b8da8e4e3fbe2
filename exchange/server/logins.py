"""Logins: who is checked when, and who has to wait before.

A check takes longer than any pass may, so it is done in a thread, a few at a time. Who waits for
one is in a `LoginLine`, which goes round the addresses.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from warrener.exchange.access.failed_logins import FailedLogins
from warrener.exchange.access.login_line import LoginLine
from warrener.exchange.access.users import Login, Users, Verdict
from warrener.exchange.errors import Busy

LOGINS_AT_ONCE = 2
"""Logins that are checked at the same time: each takes a core, and 16 MiB, for a while."""
TURNED_AWAY_AFTER_S = 2.0
"""Time after which a client hears that too many logins of its address wait: many clients that try
again at once would be there before any other."""


class Logins:
    """Checks the logins of a server."""

    def __init__(self, users: Users) -> None:
        self.users = users
        self._failed = FailedLogins()
        self._line: LoginLine[trio.Event] = LoginLine()
        self._free = LOGINS_AT_ONCE

    async def check(self, login: Login, address: str) -> Verdict:
        """Find out whether a login from a peer's address is right.

        One that has failed there too often has to wait first. Raises: Busy; OSError if no thread
        can be had.
        """
        await trio.sleep(self._failed.delay_s(address, login.name, trio.current_time()))
        async with self._turn(address, login.name):
            verdict = await self._check(login)
        if verdict.right:
            self._failed.succeeded(address, login.name)
        else:
            self._failed.failed(address, login.name, trio.current_time())
        return verdict

    async def _check(self, login: Login) -> Verdict:
        """Check a login in a thread.

        Whoever has waited for his turn may be known by then: after a restart all clients come at
        once, and most with the same name and password.
        """
        if self.users.again(login) is not None:
            return Verdict(right=True)
        try:
            return await trio.to_thread.run_sync(login.check, abandon_on_cancel=True)
        except RuntimeError as error:
            raise OSError(errno.EAGAIN, f"the login cannot be checked: {error}") from error

    @asynccontextmanager
    async def _turn(self, address: str, name: str) -> AsyncIterator[None]:
        """Wait until it is the turn of a login. Raises: Busy."""
        if self._free:
            self._free -= 1
        else:
            await self._wait_in_line(address, name)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait_in_line(self, address: str, name: str) -> None:
        turn = trio.Event()
        try:
            self._line.join(address, name, turn)
        except Busy:
            await trio.sleep(TURNED_AWAY_AFTER_S)
            raise
        try:
            await turn.wait()
        except trio.Cancelled:
            if turn.is_set():
                self._pass_on()
            else:
                self._line.leave(address, name, turn)
            raise

    def _pass_on(self) -> None:
        """A check has ended: the next one begins."""
        turn = self._line.next()
        if turn is None:
            self._free += 1
        else:
            turn.set()
