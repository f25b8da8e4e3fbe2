"""Users: list, make, change, delete; who somebody is.

A password is hashed in a thread, for that takes longer than any pass may. Its hash is shown to
administrators in RabbitMQ's form if it is of RabbitMQ's kind, and else in ours, under a name of
the algorithm that says so: either can be put into another broker of the same kind.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import fields as dataclass_fields
from typing import Any, TypeVar

import trio

from warrener.exchange.access.limits import UserLimits, VirtualHostLimits, limit_fields
from warrener.exchange.access.passwords import NO_PASSWORD, NotAHash, from_rabbitmq, hash_password
from warrener.exchange.access.users import User
from warrener.exchange.management.call import Call, done, made
from warrener.exchange.management.fields import Fields, check_name
from warrener.exchange.management.listing import Columns, Listing
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response

Limits = TypeVar("Limits", UserLimits, VirtualHostLimits)
OURS = "warrener_password_hashing_scrypt"
SHA256 = "rabbit_password_hashing_sha256"
SALT_BYTES = 4


def shown_limits(limits: Any) -> dict[str, int]:
    """Limits under RabbitMQ's names."""
    return {name.replace("_", "-"): value for name, value in limit_fields(limits).items()}


def hash_fields(user: User) -> dict[str, str]:
    """The hash of a password, and the name of what made it."""
    algorithm, _, rest = user.password_hash.partition("$")
    if algorithm == "scrypt":
        return {"password_hash": user.password_hash, "hashing_algorithm": OURS}
    return {"password_hash": rest, "hashing_algorithm": algorithm or SHA256}


def describe(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        **hash_fields(user),
        "tags": list(user.tags),
        "limits": shown_limits(user.limits),
    }


COLUMNS: Columns[User] = {
    "name": lambda user: user.name,
    "password_hash": lambda user: hash_fields(user)["password_hash"],
    "hashing_algorithm": lambda user: hash_fields(user)["hashing_algorithm"],
    "tags": lambda user: list(user.tags),
    "limits": lambda user: shown_limits(user.limits),
}
LISTING = Listing(COLUMNS)


def users_by_name(users: Iterable[User]) -> list[User]:
    return sorted(users, key=lambda user: user.name)


async def list_users(call: Call) -> Response:
    return await LISTING.respond(call, users_by_name(call.broker.users))


async def list_users_without_permissions(call: Call) -> Response:
    known = {permission.user for permission in call.broker.permissions}
    lonely = [user for user in call.broker.users if user.name not in known]
    return await LISTING.respond(call, users_by_name(lonely))


def wanted_user(call: Call) -> User:
    """The user that the path names. Raises: TargetNotFound."""
    if call.path["user"] not in call.broker.users:
        raise TargetNotFound("Not Found")
    return call.broker.users.get(call.path["user"])


def get_user(call: Call) -> Response:
    return call.show(describe(wanted_user(call)))


def whoami(call: Call) -> Response:
    return call.show(
        {
            "name": call.user.name,
            "tags": list(call.user.tags),
            "auth_backend": "rabbit_auth_backend_internal",
        }
    )


async def put_user(call: Call) -> Response:
    name, fields = call.path["user"], call.fields
    tags = fields.texts("tags") if "tags" in fields.values else None
    if tags is None:
        raise BadRequest("tags_not_present")
    password_hash = await read_hash(fields)
    return call.within_pass(lambda: made(put(call, name, password_hash, tags)))


def put(call: Call, name: str, password_hash: str, tags: Iterable[str]) -> bool:
    """Make a user, or change one; returns whether it is new."""
    users = call.broker.users
    if name in users:
        users.change_password(name, password_hash=password_hash)
        users.set_tags(name, tags)
        return False
    users.add(check_name(name), password_hash=password_hash, tags=tags)
    return True


async def read_hash(fields: Fields) -> str:
    """The hash of the password that fields set. Raises: BadRequest."""
    if fields.values.get("password"):
        password = fields.text("password")
        return await trio.to_thread.run_sync(hash_password, password)
    if "password_hash" not in fields.values:
        return NO_PASSWORD
    given = fields.text("password_hash")
    algorithm = fields.text("hashing_algorithm", SHA256)
    if algorithm == OURS:
        return given
    try:
        return from_rabbitmq(given, algorithm)
    except NotAHash as error:
        raise BadRequest(str(error)) from None


def delete_user(call: Call) -> Response:
    call.broker.users.delete(wanted_user(call).name)
    return done()


def delete_users(call: Call) -> Response:
    """Delete several at once: all of them, or none if one is not there."""
    names = call.fields.texts("users")
    for name in names:
        if name not in call.broker.users:
            raise BadRequest(f"no_such_user: {name}")
    for name in dict.fromkeys(names):
        call.broker.users.delete(name)
    return done()


def hash_a_password(call: Call) -> Response:
    """RabbitMQ's hash of a password, for definitions."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.sha256(salt + call.path["password"].encode()).digest()
    return call.show({"ok": base64.b64encode(salt + digest).decode()})


# Limits of users


def list_user_limits(call: Call) -> Response:
    users = [wanted_user(call)] if "user" in call.path else users_by_name(call.broker.users)
    return call.show(
        [
            {"user": user.name, "value": shown_limits(user.limits)}
            for user in users
            if limit_fields(user.limits)
        ]
    )


def put_user_limit(call: Call) -> Response:
    _set_user_limit(call, call.fields.number("value"))
    return done()


def delete_user_limit(call: Call) -> Response:
    _set_user_limit(call, None)
    return done()


def read_limits(values: Any, kind: type[Limits]) -> Limits:
    """Limits under RabbitMQ's names. Raises: BadRequest."""
    fields = Fields(values or {})
    known = {each.name.replace("_", "-"): each.name for each in dataclass_fields(kind)}
    for name in fields.values:
        if name not in known:
            raise BadRequest(f"unknown limit: {name}; there are {', '.join(known)}")
    return kind(**{known[name]: fields.number(name) for name in fields.values})


def _set_user_limit(call: Call, value: int | None) -> None:
    user = wanted_user(call)
    limits = limit_fields(user.limits)
    name = limit_name(call, ("max-connections", "max-channels"))
    limits.pop(name, None)
    if value is not None:
        limits[name] = value
    call.broker.users.set_limits(user.name, UserLimits(**limits))


def limit_name(call: Call, known: tuple[str, ...]) -> str:
    """The limit that the path names, as it is called here. Raises: BadRequest."""
    name = call.path["limit"]
    if name not in known:
        raise BadRequest(f"unknown limit: {name}; there are {', '.join(known)}")
    return name.replace("-", "_")
