"""Arguments: the table that comes with a declaration or a binding.

Two tables mean the same if they have the same keys and values of the same class: AMQP knows
nine widths of integer, which are one class here, while true is not 1 and 1.0 is not 1.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from warrener.exchange.errors import PreconditionFailed

DIGITS_MAX = 18
"""So many always fit 64 bits."""


def identity(value: Any) -> Hashable:
    """A hashable that is equal for tables and values that mean the same."""
    if isinstance(value, Mapping):
        return frozenset((key, identity(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(identity(item) for item in value)
    if value != value:
        # NaN, which equals nothing: what was declared with it could not be found again.
        return (kind(value), "NaN")
    return (kind(value), bytes(value) if isinstance(value, bytearray) else value)


def kind(value: Any) -> str:
    """The class of a wire value, within which values are compared; a float has two precisions."""
    return "float" if isinstance(value, float) else type(value).__name__


def whole_number(value: object) -> int | None:
    """The number that a value is, or spells in digits as some clients do; None if it is none."""
    if kind(value) == "int":
        assert isinstance(value, int), "that is what the kind says"
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= DIGITS_MAX:
        return int(value)
    return None


def show(value: Any) -> str:
    """A value as it stands in the text of a refusal."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"'{str(value).lower()}'"
    return f"'{value}'"


def require_equivalent(what: str, asked: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Compare what a declaration asks for with what is there.

    Raises: PreconditionFailed naming the first difference.
    """
    for key in sorted(asked.keys() | current.keys()):
        ours, theirs = current.get(key), asked.get(key)
        if identity(ours) != identity(theirs):
            raise PreconditionFailed(
                f"inequivalent arg '{key}' for {what}: "
                f"received {show(theirs)} but current is {show(ours)}"
            )


def check_exchange_arguments(arguments: Mapping[str, Any]) -> None:
    """Raises: PreconditionFailed for an alternate exchange that is not given by its name."""
    alternate = arguments.get("alternate-exchange", "")
    if not isinstance(alternate, str):
        raise PreconditionFailed(f"invalid arg 'alternate-exchange': {show(alternate)}")


def consumer_priority(arguments: Mapping[str, Any]) -> int:
    """The `x-priority` of a consumer, 0 if there is none. Raises: PreconditionFailed."""
    priority = arguments.get("x-priority", 0)
    if kind(priority) != "int":
        raise PreconditionFailed(f"invalid arg 'x-priority': expected a number, not {priority!r}")
    return int(priority)
