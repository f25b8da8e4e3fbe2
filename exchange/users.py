"""Users: who may connect, from where."""

from __future__ import annotations

import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """Someone who may connect; with `loopback_only`, only from this machine."""

    name: str
    password: str
    loopback_only: bool = False

    def __repr__(self) -> str:
        return f"<User {self.name!r}>"


class Users:
    """All users, by name."""

    def __init__(self) -> None:
        self._users = {"guest": User("guest", "guest", loopback_only=True)}

    def authenticate(self, name: str, password: str, from_loopback: bool) -> User | None:
        """The user, or None: whoever is refused does not learn why."""
        user = self._users.get(name)
        expected = user.password if user else ""
        matches = hmac.compare_digest(password.encode(), expected.encode())
        if user is None or not matches or (user.loopback_only and not from_loopback):
            return None
        return user
