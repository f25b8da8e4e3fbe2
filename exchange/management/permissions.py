"""Permissions, topic permissions, and the limits of virtual hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from warrener.exchange.access.limits import VirtualHostLimits, limit_fields
from warrener.exchange.access.permissions import Permission, TopicPermission
from warrener.exchange.management.call import Call, done, made
from warrener.exchange.management.fields import check_name
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.users import limit_name, shown_limits, wanted_user
from warrener.exchange.management.vhosts import wanted_vhost
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response

Either = Permission | TopicPermission


def _columns(names: tuple[str, ...]) -> Columns[Any]:
    def column(name: str) -> Callable[[Any], Any]:
        return lambda permission: getattr(permission, name)

    return {name: column(name) for name in names}


LISTING = Listing(_columns(("user", "vhost", "configure", "write", "read")), name="user")
TOPIC_LISTING = Listing(_columns(("user", "vhost", "exchange", "write", "read")), name="user")


def _of(call: Call, permissions: Iterable[Any]) -> list[Any]:
    """Those of the user and the virtual host that the path names, if it does."""
    if "user" in call.path:
        wanted_user(call)
    vhost = call.path.get("vhost")
    if "name" in call.path:
        vhost = wanted_vhost(call).name
    user = call.path.get("user")
    return [
        each for each in permissions if user in (None, each.user) and vhost in (None, each.vhost)
    ]


async def list_permissions(call: Call) -> Response:
    return await LISTING.respond(call, _of(call, call.broker.permissions))


async def list_topic_permissions(call: Call) -> Response:
    return await TOPIC_LISTING.respond(call, _of(call, call.broker.permissions.topics))


def get_permission(call: Call) -> Response:
    return call.show(asdict(_wanted(call)))


def put_permission(call: Call) -> Response:
    fields = call.fields
    expressions = [fields.text(name) for name in ("configure", "write", "read")]
    user, vhost = call.path["user"], call.path["vhost"]
    if user not in call.broker.users:
        raise BadRequest("vhost_or_user_not_found")
    is_new = call.rights_of(user).permission is None
    call.broker.permissions.set(user, vhost, *expressions)
    return made(is_new)


def delete_permission(call: Call) -> Response:
    permission = _wanted(call)
    call.broker.permissions.clear(permission.user, permission.vhost)
    return done()


def get_topic_permissions(call: Call) -> Response:
    return call.show([asdict(each) for each in _wanted_topics(call)])


def put_topic_permission(call: Call) -> Response:
    fields = call.fields
    exchange = check_name(fields.text("exchange"))
    user, vhost = call.path["user"], call.path["vhost"]
    if user not in call.broker.users:
        raise BadRequest("vhost_or_user_not_found")
    known = [each.exchange for each in call.rights_of(user).topic_permissions]
    write, read = fields.text("write"), fields.text("read")
    call.broker.permissions.set_topic(user, vhost, exchange, write, read)
    return made(exchange not in known)


def delete_topic_permissions(call: Call) -> Response:
    _wanted_topics(call)
    exchange = call.path.get("exchange")
    call.broker.permissions.clear_topic(call.path["user"], call.path["vhost"], exchange)
    return done()


def _wanted(call: Call) -> Permission:
    permission = call.rights_of(call.path["user"]).permission
    if permission is None:
        raise TargetNotFound("Not Found")
    return permission


def _wanted_topics(call: Call) -> list[TopicPermission]:
    found = call.rights_of(call.path["user"]).topic_permissions
    if not found:
        raise TargetNotFound("Not Found")
    return found


# Limits of virtual hosts


def list_vhost_limits(call: Call) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    return call.show(
        [
            {"vhost": vhost.name, "value": shown_limits(vhost.limits)}
            for vhost in vhosts
            if limit_fields(vhost.limits)
        ]
    )


def put_vhost_limit(call: Call) -> Response:
    _set_vhost_limit(call, call.fields.number("value"))
    return done()


def delete_vhost_limit(call: Call) -> Response:
    _set_vhost_limit(call, None)
    return done()


def _set_vhost_limit(call: Call, value: int | None) -> None:
    limits = limit_fields(call.vhost.limits)
    name = limit_name(call, ("max-connections", "max-queues"))
    limits.pop(name, None)
    if value is not None:
        limits[name] = value
    call.broker.set_vhost_limits(call.vhost.name, VirtualHostLimits(**limits))
