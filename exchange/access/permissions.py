"""Permissions: what a user may do in a virtual host.

RabbitMQ's model. A permission belongs to a user and a virtual host and is three regular
expressions over the names of exchanges and queues:

    configure   declare and delete
    write       publish to an exchange; be bound (the destination), take dead letters
    read        consume, get and purge; be bound to (the source)

An expression matches if it is found anywhere in the name (`^` and `$` are the writer's business);
the empty one matches the empty name only, hence nothing. The default exchange goes by the name
`amq.default`. Who has no permission in a virtual host, not even three empty ones, cannot open it.

A topic permission narrows this for one topic exchange: two more expressions, over the routing
keys of publishes (write) and of bindings (read). In them `{username}` and `{vhost}` stand for the
names, taken literally. Without one, every routing key is allowed.

Expressions are compiled when they are set, and a permission is asked when a route is found, not
for each message; so every change makes the routes of its virtual host out of date. No expression
takes long, whoever wrote it (`warrener.exchange.expressions`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from warrener.exchange.durability.entries import Entries
from warrener.exchange.durability.records import Kind
from warrener.exchange.errors import AccessRefused, NotFound, PreconditionFailed
from warrener.exchange.expressions.expression import Expression
from warrener.exchange.expressions.syntax import NotAnExpression, literally

if TYPE_CHECKING:
    from warrener.exchange.access.users import Users
    from warrener.exchange.types import Exchange
    from warrener.exchange.vhost import VirtualHost

logger = logging.getLogger("warrener.permissions")

DEFAULT_EXCHANGE = "amq.default"
NOTHING = Expression("(?!)")


@dataclass(frozen=True, slots=True)
class Permission:
    """Three expressions over names."""

    user: str
    vhost: str
    configure: str
    write: str
    read: str


@dataclass(frozen=True, slots=True)
class TopicPermission:
    """Two expressions over the routing keys of one topic exchange."""

    user: str
    vhost: str
    exchange: str
    write: str
    read: str


class Rights:
    """What one user may do in one virtual host.

    A connection keeps this object, and sees every change of its permissions through it.
    """

    __slots__ = ("_configure", "_read", "_topics", "_write", "permission", "user", "vhost")

    def __init__(self, user: str, vhost: str) -> None:
        self.user = user
        self.vhost = vhost
        self._topics: dict[str, _Topics] = {}
        self.take(None)

    def take(self, permission: Permission | None) -> None:
        """Go by `permission` from now on."""
        self.permission = permission
        self._configure = _compiled(permission.configure) if permission else NOTHING
        self._write = _compiled(permission.write) if permission else NOTHING
        self._read = _compiled(permission.read) if permission else NOTHING

    def take_topic(self, permission: TopicPermission) -> None:
        """Go by `permission` in its exchange from now on."""
        self._topics[permission.exchange] = _Topics(permission)

    def drop_topic(self, exchange: str) -> None:
        """Allow all routing keys in an exchange again."""
        del self._topics[exchange]

    @property
    def topic_permissions(self) -> list[TopicPermission]:
        return [topics.permission for topics in self._topics.values()]

    def require_configure(self, kind: str, name: str) -> None:
        """`kind` is "exchange" or "queue". Raises: AccessRefused."""
        self._require(self._configure, kind, name)

    def require_write(self, kind: str, name: str) -> None:
        """Raises: AccessRefused."""
        self._require(self._write, kind, name)

    def require_read(self, kind: str, name: str) -> None:
        """Raises: AccessRefused."""
        self._require(self._read, kind, name)

    def require_topic_write(self, exchange: Exchange, routing_key: str) -> None:
        """For a publish to `exchange`. Raises: AccessRefused."""
        topics = self._topics_of(exchange)
        if topics is not None:
            self._require_topic(topics.write, exchange, routing_key)

    def require_topic_read(self, exchange: Exchange, routing_key: str) -> None:
        """For a binding to `exchange`. Raises: AccessRefused."""
        topics = self._topics_of(exchange)
        if topics is not None:
            self._require_topic(topics.read, exchange, routing_key)

    def _require(self, expression: Expression, kind: str, name: str) -> None:
        name = name or DEFAULT_EXCHANGE
        if not expression.found_in(name):
            raise AccessRefused(
                f"access to {kind} '{name}' in vhost '{self.vhost}' refused for user '{self.user}'"
            )

    def _topics_of(self, exchange: Exchange) -> _Topics | None:
        return self._topics.get(exchange.name) if exchange.type == "topic" else None

    def _require_topic(self, expression: Expression, exchange: Exchange, routing_key: str) -> None:
        if not expression.found_in(routing_key):
            raise AccessRefused(
                f"access to topic '{routing_key}' in exchange '{exchange.name}' "
                f"in vhost '{self.vhost}' refused for user '{self.user}'"
            )


class _Topics:
    """A topic permission, compiled."""

    __slots__ = ("permission", "read", "write")

    def __init__(self, permission: TopicPermission) -> None:
        self.permission = permission
        self.write = _compiled(_with_names(permission.write, permission))
        self.read = _compiled(_with_names(permission.read, permission))


class Permissions:
    """The permissions of all users in all virtual hosts."""

    def __init__(self, entries: Entries, users: Users, vhosts: Mapping[str, VirtualHost]) -> None:
        self._entries = entries
        self._users = users
        self._vhosts = vhosts
        self._rights: dict[tuple[str, str], Rights] = {}

    def __iter__(self) -> Iterator[Permission]:
        found = [rights.permission for rights in self._rights.values()]
        return iter([permission for permission in found if permission is not None])

    @property
    def topics(self) -> list[TopicPermission]:
        return [each for rights in self._rights.values() for each in rights.topic_permissions]

    def rights(self, user: str, vhost: str) -> Rights:
        """What `user` may do in `vhost`, now and after every change."""
        key = (user, vhost)
        if key not in self._rights:
            self._rights[key] = Rights(user, vhost)
        return self._rights[key]

    # Changes

    def set(self, user: str, vhost: str, configure: str, write: str, read: str) -> None:
        """Give `user` a permission in `vhost`, in place of any it had.

        Raises: NotFound if there is no such user or virtual host; PreconditionFailed for a wrong
        expression, and then nothing has changed.
        """
        self._require_both(user, vhost)
        _check(configure, write, read)
        permission = Permission(user, vhost, configure, write, read)
        self.rights(user, vhost).take(permission)
        self._entries.put(Kind.PERMISSION_SET, (user, vhost), asdict(permission))
        self._changed(vhost)

    def clear(self, user: str, vhost: str) -> None:
        """Take away what `user` may do in `vhost`; topic permissions stay, of no use by now."""
        rights = self._rights.get((user, vhost))
        if rights is None or rights.permission is None:
            return
        rights.take(None)
        self._entries.end(Kind.PERMISSION_SET, (user, vhost))
        self._changed(vhost)

    def set_topic(self, user: str, vhost: str, exchange: str, write: str, read: str) -> None:
        """Narrow what `user` may publish to and bind to a topic exchange; see `set`.

        The exchange need not exist; if it is of another type, this has no effect.
        """
        self._require_both(user, vhost)
        _check(write, read)
        permission = TopicPermission(user, vhost, exchange, write, read)
        self.rights(user, vhost).take_topic(permission)
        key = (user, vhost, exchange)
        self._entries.put(Kind.TOPIC_PERMISSION_SET, key, asdict(permission))
        self._changed(vhost)

    def clear_topic(self, user: str, vhost: str, exchange: str | None = None) -> None:
        """Take a topic permission back, or all of a user in a virtual host."""
        rights = self._rights.get((user, vhost))
        if rights is None:
            return
        for permission in rights.topic_permissions:
            if exchange in (None, permission.exchange):
                rights.drop_topic(permission.exchange)
                key = (user, vhost, permission.exchange)
                self._entries.end(Kind.TOPIC_PERMISSION_SET, key)
        self._changed(vhost)

    def forget(self, *, user: str | None = None, vhost: str | None = None) -> None:
        """A user, or a virtual host, is gone, and with it all its permissions."""
        for key in list(self._rights):
            if user == key[0] or vhost == key[1]:
                self._drop(*key)

    def drop_orphans(self) -> None:
        """After a restart: drop the permissions whose user or virtual host was lost."""
        for user, vhost in list(self._rights):
            if user not in self._users or vhost not in self._vhosts:
                logger.error("a permission of user '%s' in '%s' is dropped", user, vhost)
                self._drop(user, vhost)

    def _drop(self, user: str, vhost: str) -> None:
        self.clear(user, vhost)
        self.clear_topic(user, vhost)
        del self._rights[user, vhost]

    def _require_both(self, user: str, vhost: str) -> None:
        self._users.get(user)
        if vhost not in self._vhosts:
            raise NotFound(f"no virtual host '{vhost}'")

    def _changed(self, vhost: str) -> None:
        if vhost in self._vhosts:
            self._vhosts[vhost].forget_routes()

    # What the ledger keeps

    def assume(self, permission: Permission) -> None:
        """Take a permission as given on a new broker."""
        self.rights(permission.user, permission.vhost).take(permission)
        key = (permission.user, permission.vhost)
        self._entries.assume(Kind.PERMISSION_SET, key, asdict(permission))

    def forget_assumed(self) -> None:
        self._rights.clear()

    def restore(self, position: int, fields: Mapping[str, Any]) -> None:
        permission = Permission(**fields)
        key = (permission.user, permission.vhost)
        self.rights(*key).take(permission)
        self._entries.restored(Kind.PERMISSION_SET, key, fields, position)

    def restore_topic(self, position: int, fields: Mapping[str, Any]) -> None:
        permission = TopicPermission(**fields)
        key = (permission.user, permission.vhost, permission.exchange)
        self.rights(permission.user, permission.vhost).take_topic(permission)
        self._entries.restored(Kind.TOPIC_PERMISSION_SET, key, fields, position)

    def deny_topic(self, user: str, vhost: str, exchange: str) -> None:
        """Allow a user no routing key in an exchange, for as long as this broker runs."""
        denied = TopicPermission(user, vhost, exchange, "(?!)", "(?!)")
        self.rights(user, vhost).take_topic(denied)


def _check(*expressions: str) -> None:
    """Raises: PreconditionFailed for a text that is no regular expression."""
    for text in expressions:
        try:
            Expression(text)
        except NotAnExpression as error:
            raise PreconditionFailed(f"'{text}' is not a regular expression: {error}") from None


def _compiled(text: str) -> Expression:
    """An expression that was checked. If another version did that, and this one does not
    understand it, it matches nothing: who cannot be asked does not say yes."""
    try:
        return Expression(text or "^$")
    except NotAnExpression as error:
        logger.error("the expression '%s' of a permission allows nothing: %s", text, error)
        return NOTHING


def _with_names(expression: str, permission: TopicPermission) -> str:
    return expression.replace("{username}", literally(permission.user)).replace(
        "{vhost}", literally(permission.vhost)
    )
