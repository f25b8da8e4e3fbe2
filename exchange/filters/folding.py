"""Constant parts of a selector, computed once: `amount > 60 * 60` becomes `amount > 3600`.

A part is constant when nothing in it comes from the message or the clock. It becomes the Literal
of its value, which is None where it is UNKNOWN (`1 / 0`). An AND or OR of which only some
operands are constant stays; the compiler drops those that cannot matter.
"""

from typing import cast

from warrener.exchange.filters import nodes
from warrener.exchange.filters.compiler import Compiler
from warrener.exchange.filters.fields import NO_HEADERS, Message

# A constant reads nothing of it.
_NO_MESSAGE = cast(Message, ())


# An operand that is UNKNOWN makes them UNKNOWN, whatever the others are.
_STRICT = (nodes.Comparison, nodes.Sum, nodes.Product, nodes.Sign)
_UNKNOWN = nodes.Literal(None)


def fold(node: nodes.Node, compiler: Compiler) -> nodes.Node:
    """The same expression with its constant parts computed."""
    if isinstance(node, nodes.LEAVES):
        return node
    folded = nodes.rebuild(node, lambda child: fold(child, compiler))
    parts = list(nodes.children(folded))
    if isinstance(folded, _STRICT) and _UNKNOWN in parts:
        return _UNKNOWN
    if not all(isinstance(part, nodes.Literal) for part in parts):
        return folded
    value = compiler.read(folded)(NO_HEADERS, _NO_MESSAGE)
    assert value is None or isinstance(value, bool | int | float | str)
    return nodes.Literal(value)
