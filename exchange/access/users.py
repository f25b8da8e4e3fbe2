"""Users: who may connect.

To find out whether a password is right takes tens of milliseconds (passwords.py), and nothing may
wait that long within a pass. So a login has three steps, of which the middle one is
pure and may run in a thread:

    login = users.login(name, password)
    if login.user is None:               # not known from an earlier login
        user = users.finish(login, login.check())

A password that was right is remembered, as a keyed hash of which the key is forgotten with the
process; so a burst of connections of one user costs one check. A check takes the same time
whether or not there is such a user.

Changes are written down, and made here; what follows from the end of a user (its permissions go,
its connections are closed) is left to `on_deleted`.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from warrener.exchange.access.limits import UserLimits, limit_fields
from warrener.exchange.access.passwords import (
    NO_PASSWORD,
    NotAHash,
    check_hash,
    fits,
    hash_password,
    is_outdated,
)
from warrener.exchange.durability.entries import Entries
from warrener.exchange.durability.records import Kind
from warrener.exchange.errors import NotFound, PreconditionFailed

ADMINISTRATOR = "administrator"
IMPERSONATOR = "impersonator"
"""May publish messages that bear the name of another user."""

GUEST_HASH = (
    "scrypt$16384$8$1$GvVc4kMZk10YCgQRQY/dfA==$Y9qgJWivCKa61Cs4TgTFGOreFOTU1o7Q1URLkQo9sHQ="
)
"""Of the password "guest", which everybody knows; made once, so that no start has to wait."""


@dataclass(frozen=True, slots=True)
class User:
    """Someone who may connect. What `tags` mean is up to the shells; they give no permission."""

    name: str
    password_hash: str = field(repr=False)
    tags: tuple[str, ...] = ()
    limits: UserLimits = field(default_factory=UserLimits)


GUEST = User("guest", GUEST_HASH, (ADMINISTRATOR,))
"""Whom a new broker knows."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check; `new_hash` is to replace one of an outdated kind."""

    right: bool
    new_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who says who he is. `user` is set if that is known to be true already."""

    name: str
    password: str = field(repr=False)
    password_hash: str = field(repr=False)
    user: User | None = None

    def check(self) -> Verdict:
        """Find out whether the password is right. Slow, and safe to call in a thread."""
        right = fits(self.password, self.password_hash)
        if is_outdated(self.password_hash):
            # Also if it is wrong: how long this takes must not tell what is known of the user.
            new_hash = hash_password(self.password)
            return Verdict(right, new_hash if right else None)
        return Verdict(right)


class Users:
    """All users, by name."""

    def __init__(self, entries: Entries, on_deleted: Callable[[User], None]) -> None:
        self._entries = entries
        self._on_deleted = on_deleted
        self._users: dict[str, User] = {}
        self._key = secrets.token_bytes(32)
        self._right: dict[str, tuple[str, bytes]] = {}
        """By name: the hash that a password was right for, and the keyed hash of the password."""

    def __iter__(self) -> Iterator[User]:
        return iter(list(self._users.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._users

    def get(self, name: str) -> User:
        """Raises: NotFound."""
        try:
            return self._users[name]
        except KeyError:
            raise NotFound(f"no user '{name}'") from None

    # Changes

    def add(
        self,
        name: str,
        password: str = "",
        tags: Iterable[str] = (),
        *,
        password_hash: str | None = None,
    ) -> User:
        """Make a user, who has no permission yet.

        Instead of the password its hash may be given: `passwords.hash_password` made in a thread,
        `passwords.from_rabbitmq`, or `passwords.NO_PASSWORD` for a user who cannot log in by one.

        Raises: PreconditionFailed if there is such a user, or without a name or a password.
        """
        if name in self._users:
            raise PreconditionFailed(f"user '{name}' already exists")
        if not name:
            raise PreconditionFailed("a user needs a name")
        given = _hash_of(password) if password_hash is None else _checked(password_hash)
        return self._put(User(name, given, tuple(dict.fromkeys(tags))))

    def delete(self, name: str) -> None:
        """Remove a user. Raises: NotFound."""
        user = self.get(name)
        del self._users[name]
        self._right.pop(name, None)
        self._entries.end(Kind.USER_SET, name)
        self._on_deleted(user)

    def change_password(
        self, name: str, password: str = "", *, password_hash: str | None = None
    ) -> None:
        """Give a user another password; see `add`. Connections that are open stay.

        Raises: NotFound; PreconditionFailed.
        """
        user = self.get(name)
        given = _hash_of(password) if password_hash is None else _checked(password_hash)
        self._put(replace(user, password_hash=given))

    def set_tags(self, name: str, tags: Iterable[str]) -> None:
        """Raises: NotFound."""
        self._put(replace(self.get(name), tags=tuple(dict.fromkeys(tags))))

    def set_limits(self, name: str, limits: UserLimits) -> None:
        """Raises: NotFound."""
        self._put(replace(self.get(name), limits=limits))

    # Logging in

    def login(self, name: str, password: str, *, admitted: bool = True) -> Login:
        """Begin a login. One that is not `admitted` is checked like all others, and refused."""
        user = self._users.get(name) if admitted else None
        if user is None:
            return Login(name, password, NO_PASSWORD)
        known = self._right.get(name)
        is_known = (
            known is not None
            and known[0] == user.password_hash
            and hmac.compare_digest(known[1], self._keyed(password))
        )
        return Login(name, password, user.password_hash, user if is_known else None)

    def vouched(self, name: str, *, admitted: bool = True) -> Login:
        """A login of somebody whose identity was proved by other means, such as a certificate."""
        return Login(name, "", NO_PASSWORD, self._users.get(name) if admitted else None)

    def again(self, login: Login) -> User | None:
        """The user, if that is known by now from another login with the same password."""
        if login.password_hash == NO_PASSWORD:
            return None
        return self.login(login.name, login.password).user

    def finish(self, login: Login, verdict: Verdict) -> User | None:
        """End a login; None for whoever is refused, who does not learn why.

        A user who was deleted or got another password during the check is refused.
        """
        user = self._users.get(login.name)
        if user is None or not verdict.right:
            return None
        if user.password_hash != login.password_hash:
            # Another login with the same password may have replaced an outdated hash meanwhile.
            return self.again(login)
        if verdict.new_hash is not None:
            user = self._put(replace(user, password_hash=verdict.new_hash))
        self._right[user.name] = (user.password_hash, self._keyed(login.password))
        return user

    def _keyed(self, password: str) -> bytes:
        return hmac.digest(self._key, password.encode(), "sha256")

    # What the ledger keeps

    def assume(self, user: User) -> None:
        """Take a user as given on a new broker."""
        self._users[user.name] = user
        self._entries.assume(Kind.USER_SET, user.name, describe(user))

    def forget_assumed(self) -> None:
        self._users.clear()

    def restore(self, position: int, fields: Mapping[str, Any]) -> None:
        user = User(
            fields["name"],
            fields["password_hash"],
            tuple(fields["tags"]),
            UserLimits(**fields["limits"]),
        )
        self._users[user.name] = user
        self._entries.restored(Kind.USER_SET, user.name, describe(user), position)

    def _put(self, user: User) -> User:
        self._users[user.name] = user
        self._entries.put(Kind.USER_SET, user.name, describe(user))
        return user


def describe(user: User) -> dict[str, Any]:
    """The fields of the record of a user."""
    return {
        "name": user.name,
        "password_hash": user.password_hash,
        "tags": list(user.tags),
        "limits": limit_fields(user.limits),
    }


def _hash_of(password: str) -> str:
    """Raises: PreconditionFailed for the empty password, which is nobody's."""
    if not password:
        raise PreconditionFailed("a password must not be empty")
    return hash_password(password)


def _checked(password_hash: str) -> str:
    """Raises: PreconditionFailed."""
    try:
        check_hash(password_hash)
    except NotAHash as error:
        raise PreconditionFailed(str(error)) from None
    return password_hash
