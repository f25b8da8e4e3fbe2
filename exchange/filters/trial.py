"""A filter tried on a message that is made up from words: what `warrener filter test` does.

A header is spelled `name=value`. The value is taken for what it looks like: `true` and `false`
for a boolean, `12` for an integer, `12.5` for a double, `'12'` and everything else for a string,
`null` for a header without a value. `name:type=value` says it instead, where type is one of the
names in HEADER_TYPES: `price:single=10.1` is what aio-pika sends, `price:decimal=10.1` what pika
sends.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from warrener.exchange.filters.explain import Step, explain, steps_text
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.filters.values import Single, number_spelled, to_single


@dataclass(frozen=True, slots=True)
class SampleProperties:
    """The properties of a message that was never sent."""

    headers: Mapping[str, object] | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    message_id: str | None = None
    timestamp: int | None = None
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    cluster_id: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: the verdict, and the text to print."""

    matches: bool
    text: str
    steps: tuple[Step, ...] = ()
    """The value of each part of the expression, the whole first, if they were asked for."""


class TrialError(ValueError):
    """A header or property that is not spelled as it should be."""


def try_filter(
    sql: str | None,
    tags: str | None,
    properties: SampleProperties,
    redelivered: bool = False,
    now: int | None = None,
    explained: bool = False,
) -> Trial:
    """Tries a filter; arguments as of compile_filter and Filter.matches.

    Raises:
        FilterSyntaxError: there is no such filter.
    """
    filter = compile_filter(sql, tags)
    matches = filter.matches(properties, redelivered, now)
    verdict = "matches" if matches else "does not match"
    if not explained:
        return Trial(matches, verdict)
    steps = tuple(explain(filter, properties, redelivered, now))
    text = steps_text(steps)
    return Trial(matches, f"{text}\n{verdict}" if text else verdict, steps)


def sample(headers: Iterable[str] = (), properties: Iterable[str] = ()) -> SampleProperties:
    """The properties that words spell.

    Args:
        headers: `name=value` or `name:type=value`.
        properties: `name=value`, the name as in AMQP 0-9-1 (`delivery_mode=2`).

    Raises:
        TrialError: a word is not of that form.
    """
    named = dict(_property(word) for word in properties)
    return SampleProperties(headers=dict(_header(word) for word in headers), **named)  # type: ignore[arg-type]


def _header(word: str) -> tuple[str, object]:
    name, equals, spelled = word.partition("=")
    if not equals or not name:
        raise TrialError(f"a header is spelled name=value, not {word!r}")
    name, colon, kind = name.rpartition(":")
    if not colon:
        return kind, _guessed(spelled)
    if kind not in HEADER_TYPES:
        raise TrialError(f"no type {kind!r}: there are {', '.join(HEADER_TYPES)}")
    try:
        return name, HEADER_TYPES[kind](spelled)
    except (ValueError, InvalidOperation):
        raise TrialError(f"{spelled!r} is no {kind}") from None


def _property(word: str) -> tuple[str, object]:
    name, equals, spelled = word.partition("=")
    if not equals or name not in _PROPERTY_TYPES:
        known = ", ".join(_PROPERTY_TYPES)
        raise TrialError(f"a property is spelled name=value with a name of {known}, not {word!r}")
    try:
        return name, _PROPERTY_TYPES[name](spelled)
    except ValueError:
        raise TrialError(f"{name} is an integer, not {spelled!r}") from None


def _guessed(spelled: str) -> object:
    if spelled.lower() in _CONSTANTS:
        return _CONSTANTS[spelled.lower()]
    if len(spelled) >= 2 and spelled[0] == spelled[-1] == "'":
        return spelled[1:-1]
    return number_spelled(spelled)


def _boolean(spelled: str) -> bool:
    value = _CONSTANTS.get(spelled.lower())
    if value is None:
        raise ValueError(spelled)
    return value


_CONSTANTS = {"true": True, "false": False, "null": None}
HEADER_TYPES: dict[str, Callable[[str], object]] = {
    "string": str,
    "boolean": _boolean,
    "integer": int,
    "double": float,
    "single": lambda spelled: Single(to_single(float(spelled))),
    "decimal": Decimal,
    "timestamp": int,
    "binary": str.encode,
    "null": lambda spelled: None,
}
_INTEGERS = ("delivery_mode", "priority", "timestamp")
_PROPERTY_TYPES: dict[str, Callable[[str], object]] = {
    name: int if name in _INTEGERS else str
    for name in SampleProperties.__slots__
    if name != "headers"
}
