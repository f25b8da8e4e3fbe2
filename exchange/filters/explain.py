"""The value of every part of a filter for one message: why it matches or does not.

    FALSE    region = 'EU' AND amount > 100
    TRUE       region = 'EU'
    'EU'         region
    FALSE      amount > 100
    12.5         amount

Each part is compiled by itself and evaluated, also those that an evaluation of the whole would
not have come to. Constants are left out: they are their own value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from warrener.exchange.filters import nodes
from warrener.exchange.filters.compiler import Compiler
from warrener.exchange.filters.fields import NO_HEADERS, Message, MessageProperties
from warrener.exchange.filters.filter import Filter, compiler_of, parse_filter
from warrener.exchange.filters.recursion import room_to_recurse

SHOWN_CHARS_MAX = 40


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a filter, how deep it stands in the whole, and its value.

    The value of a condition is True, False or None for UNKNOWN; that of an operand None for NULL.
    """

    depth: int
    text: str
    value: object
    is_condition: bool

    @property
    def value_text(self) -> str:
        if self.value is None and self.is_condition:
            return "UNKNOWN"
        if isinstance(self.value, Decimal):
            return str(self.value)
        shown = nodes.value_text(self.value)
        return shown if len(shown) <= SHOWN_CHARS_MAX else shown[: SHOWN_CHARS_MAX - 1] + "…"


def explain(
    filter: Filter,
    properties: MessageProperties,
    redelivered: bool = False,
    now: int | None = None,
) -> list[Step]:
    """The steps of a filter from the whole to its parts; arguments as of Filter.matches."""
    message = properties, redelivered, now
    with room_to_recurse():
        return [
            step
            for selector in parse_filter(filter.sql, filter.tags)
            if selector.condition is not None
            for step in _steps(selector.condition, 0, compiler_of(selector), message)
        ]


def steps_text(steps: Sequence[Step]) -> str:
    """The steps as lines, the values in a column before the parts."""
    width = max((len(step.value_text) for step in steps), default=0) + 2
    return "\n".join(f"{step.value_text:<{width}}{'  ' * step.depth}{step.text}" for step in steps)


def _steps(node: nodes.Node, depth: int, compiler: Compiler, message: Message) -> Iterator[Step]:
    if isinstance(node, nodes.Literal):
        return
    value = compiler.read(node)(message[0].headers or NO_HEADERS, message)
    yield Step(depth, str(node), value, isinstance(node, nodes.CONDITIONS))
    for child in nodes.children(node):
        yield from _steps(child, depth + 1, compiler, message)
