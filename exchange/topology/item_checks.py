"""Checks: what of an item of definitions the broker would refuse, before it is asked.

Each raises `Unusable`, with the code and the part of the item that a problem has to name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from warrener.exchange import policy as policies
from warrener.exchange.access.passwords import (
    NO_PASSWORD,
    SHA256,
    algorithm_of,
    check_hash,
    from_rabbitmq,
)
from warrener.exchange.errors import Refused
from warrener.exchange.expressions.expression import Expression
from warrener.exchange.expressions.syntax import NotAnExpression
from warrener.exchange.filters import FilterSyntaxError, compile_filter
from warrener.exchange.filters.arguments import SELECTOR, TAGS
from warrener.exchange.topology.items import Item, Unusable, described, shown, shown_reason
from warrener.exchange.topology.state import OperatorPolicy, Policy

SCRYPT = "scrypt$"
"""What the hashes that Warrener makes begin with, in place of the name of an algorithm."""
SCRYPT_ALGORITHM = "warrener_password_hashing_scrypt"
QUEUE_TYPES = {
    "rabbit_classic_queue": "classic",
    "rabbit_quorum_queue": "quorum",
    "rabbit_stream_queue": "stream",
}
"""RabbitMQ takes the names of its modules for types of queues, too."""


def hash_of(item: Item) -> str:
    """Raises: NotAHash."""
    text, algorithm = item.text("password_hash"), item.values.get("hashing_algorithm")
    if not text:
        return NO_PASSWORD
    if algorithm == SCRYPT_ALGORITHM or text.startswith(SCRYPT):
        check_hash(text)
        return text
    if algorithm is None:
        # As in exports from before 3.6, when there was one only.
        algorithm = algorithm_of(text) or SHA256
    return from_rabbitmq(text, shown(str(algorithm)))


def expression(item: Item, name: str) -> str:
    text = item.text(name)
    try:
        Expression(text)
    except NotAnExpression as error:
        raise Unusable("T021", f"'{name}' is not a regular expression: {error}", name) from None
    return text


def with_type(arguments: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Arguments with the type of a queue, which newer exports have beside them, too."""
    given = arguments.get("x-queue-type", kind)
    if isinstance(given, str):
        given = QUEUE_TYPES.get(given, given)
        if given == "stream":
            is_argument = "x-queue-type" in arguments
            where = ("arguments", "x-queue-type") if is_argument else ("type",)
            raise Unusable("T040", "streams are not supported", *where)
        if "x-queue-type" in arguments or given == "quorum":
            return {**arguments, "x-queue-type": given}
    return arguments


def check_arguments(
    arguments: Mapping[str, Any], check: Callable[[Mapping[str, Any]], object]
) -> None:
    try:
        check(arguments)
    except Refused as error:
        said = [name for name in arguments if f"'{name}'" in error.text]
        raise Unusable("T023", shown_reason(error.text), "arguments", *said[:1]) from None


def core_policy(policy: Policy) -> policies.Policy:
    """Return a policy of a document as the broker knows policies."""
    return policies.Policy(
        policy.vhost,
        policy.name,
        policy.pattern,
        policy.definition,
        policy.priority,
        policy.apply_to,
        isinstance(policy, OperatorPolicy),
    )


def check_policy(policy: Policy) -> None:
    try:
        policies.check_policy(core_policy(policy))
    except Refused as error:
        said = [key for key in policy.definition if f"'{key}'" in error.text]
        path = ("definition", said[0]) if said else ()
        raise Unusable("T023", shown_reason(error.text), *path) from None


def check_filter(arguments: Mapping[str, Any]) -> None:
    for name, wanted in ((SELECTOR, 0), (TAGS, 1)):
        if name not in arguments:
            continue
        text = arguments[name]
        if not isinstance(text, str):
            raise Unusable(
                "T011", f"'{name}' is {described(text)}, not a string", "arguments", name
            )
        try:
            compile_filter(*((text, None) if not wanted else (None, text)))
        except FilterSyntaxError as error:
            reason = f"not a filter: expected {error.expected}, found {shown(error.found)}"
            raise Unusable("T022", reason, "arguments", name) from None
