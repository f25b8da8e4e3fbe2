"""Connections: who is connected to which virtual host, and whether one more may be.

The broker knows of a connection from `open` to `leave`. It is kept by its user and by its virtual
host, because that is how connections are counted against limits, and closed when the user or the
virtual host is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from warrener.exchange.access.limits import reached
from warrener.exchange.errors import NotAllowed

if TYPE_CHECKING:
    from warrener.exchange.access.permissions import Permissions, Rights
    from warrener.exchange.access.users import Users
    from warrener.exchange.statistics.events import Events
    from warrener.exchange.vhost import VirtualHost


class Connected(Protocol):
    """A connection, as the broker sees it."""

    name: str

    @property
    def channel_count(self) -> int: ...

    def force_close(self, text: str) -> None:
        """End the connection, whatever it does; tell the client why."""


Group = dict[Connected, None]
"""Connections in the order in which they came."""


class Connections:
    """The open connections of all users to all virtual hosts."""

    __slots__ = (
        "_by_user",
        "_by_vhost",
        "_events",
        "_permissions",
        "_users",
        "_vhosts",
        "_where",
        "closed",
        "opened",
    )

    def __init__(
        self,
        users: Users,
        permissions: Permissions,
        vhosts: Mapping[str, VirtualHost],
        events: Events,
    ) -> None:
        self._events = events
        self._users = users
        self._permissions = permissions
        self._vhosts = vhosts
        self._by_user: dict[str, Group] = {}
        self._by_vhost: dict[str, Group] = {}
        self._where: dict[Connected, tuple[str, str]] = {}
        self.opened = 0
        """Connections there have been since the start, and those of them that are gone."""
        self.closed = 0

    def __len__(self) -> int:
        return len(self._where)

    def open(self, connection: Connected, user: str, vhost: str) -> tuple[VirtualHost, Rights]:
        """Take in a connection of `user`, who has logged in, to `vhost`.

        Raises: NotAllowed if there is no such virtual host, if the user has no permission there,
        or if a limit is reached.
        """
        opened = self._vhosts.get(vhost)
        if opened is None:
            raise NotAllowed(f"vhost {vhost} not found")
        self._require_room(user, opened)
        rights = self._permissions.rights(user, vhost)
        if rights.permission is None:
            raise NotAllowed(f"access to vhost '{vhost}' refused for user '{user}'")
        self._by_user.setdefault(user, {})[connection] = None
        self._by_vhost.setdefault(vhost, {})[connection] = None
        self._where[connection] = (user, vhost)
        self.opened += 1
        self._events.tell("connection.created", vhost, name=connection.name, user=user)
        return opened, rights

    def leave(self, connection: Connected) -> bool:
        """A connection is at its end; returns whether it was here until now."""
        where = self._where.pop(connection, None)
        if where is None:
            return False
        self.closed += 1
        user, vhost = where
        self._events.tell("connection.closed", vhost, name=connection.name, user=user)
        for groups, name in zip((self._by_user, self._by_vhost), where, strict=True):
            del groups[name][connection]
            if not groups[name]:
                del groups[name]
        return True

    def require_channel(self, user: str) -> None:
        """Raises: NotAllowed if `user` has as many channels open as may be."""
        if user not in self._users:
            return
        limit = self._users.get(user).limits.max_channels
        if limit is not None and reached(limit, self._channels_of(user)):
            raise NotAllowed(
                f"number of channels opened for user '{user}' has reached the maximum allowed "
                f"user limit of ({limit})"
            )

    def of_user(self, user: str) -> list[Connected]:
        return list(self._by_user.get(user, ()))

    def of_vhost(self, vhost: str) -> list[Connected]:
        return list(self._by_vhost.get(vhost, ()))

    def _require_room(self, user: str, vhost: VirtualHost) -> None:
        limit = vhost.limits.max_connections
        if reached(limit, len(self._by_vhost.get(vhost.name, ()))):
            raise NotAllowed(
                f"access to vhost '{vhost.name}' refused for user '{user}': "
                f"connection limit ({limit}) is reached"
            )
        if user not in self._users:
            raise NotAllowed(f"access to vhost '{vhost.name}' refused for user '{user}'")
        limit = self._users.get(user).limits.max_connections
        if reached(limit, len(self._by_user.get(user, ()))):
            raise NotAllowed(
                f"connection refused for user '{user}': user connection limit ({limit}) is reached"
            )

    def _channels_of(self, user: str) -> int:
        return sum(connection.channel_count for connection in self.of_user(user))
