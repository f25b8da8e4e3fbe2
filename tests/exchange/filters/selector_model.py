"""What a selector means, as plainly as it can be said: the model that the compiler is held to.

One function for each kind of node, three values (True, False, None), no preparation, no shortcut,
and nothing shared with the compiler but the nodes and the names of the fields.
"""

import math
import re
import struct
from decimal import Decimal

from warrener.exchange.filters import nodes
from warrener.exchange.filters.fields import field_of


def evaluate(selector, properties, redelivered=False, now=None):
    """The value of a whole selector; one without a condition is TRUE."""
    if selector.condition is None:
        return True
    return Evaluation(properties, redelivered, now, selector.convert_strings).value(
        selector.condition
    )


class Evaluation:
    def __init__(self, properties, redelivered, now, convert_strings):
        self.message = properties, redelivered, now
        self.convert_strings = convert_strings

    def value(self, node):
        return getattr(self, type(node).__name__)(node)

    def Literal(self, node):
        return node.value

    def Identifier(self, node):
        field = field_of(node)
        if field is not None:
            return field.read(self.message)
        return (self.message[0].headers or {}).get(node.name)

    def Clock(self, node):
        return self.message[2]

    def Sign(self, node):
        value = self.number(self.value(node.operand))
        if value is None or node.operator == "+":
            return value
        return in_64_bits(type(value)(-value))

    def Sum(self, node):
        return self.chain(node)

    def Product(self, node):
        return self.chain(node)

    def chain(self, node):
        result, *others = [self.number(self.value(operand)) for operand in node.operands]
        for sign, other in zip(node.operators, others, strict=True):
            if result is None or other is None:
                return None
            result = calculated(sign, result, other)
        return result

    def Comparison(self, node):
        return self.compared(node.operator, node.left, node.right)

    def In(self, node):
        found = disjunction([self.compared("=", node.operand, each) for each in node.choices])
        return negation(found) if node.negated else found

    def Between(self, node):
        if node.negated:
            below = self.compared("<", node.operand, node.low)
            return disjunction([below, self.compared(">", node.operand, node.high)])
        from_low = self.compared(">=", node.operand, node.low)
        return conjunction([from_low, self.compared("<=", node.operand, node.high)])

    def IsNull(self, node):
        return (self.value(node.operand) is None) is not node.negated

    def Like(self, node):
        value = self.value(node.operand)
        if not isinstance(value, str):
            return None
        return (as_regex(node.pattern, node.escape).fullmatch(value) is not None) != node.negated

    def TextMatch(self, node):
        value = self.value(node.operand)
        if value is None:
            return None
        if not isinstance(value, str) or node.text == "":
            return False
        found = {
            "CONTAINS": node.text in value,
            "STARTSWITH": value.startswith(node.text),
            "ENDSWITH": value.endswith(node.text),
        }
        return found[node.operator] != node.negated

    def Not(self, node):
        return negation(truth(self.value(node.operand)))

    def And(self, node):
        return conjunction([truth(self.value(operand)) for operand in node.operands])

    def Or(self, node):
        return disjunction([truth(self.value(operand)) for operand in node.operands])

    def compared(self, operator, left_node, right_node):
        left, right = self.value(left_node), self.value(right_node)
        if is_unknown(left) or is_unknown(right):
            return None
        if self.convert_strings and kind(left) != kind(right):
            left = spelled(left) if kind(right) == "number" else left
            right = spelled(right) if kind(left) == "number" else right
        if operator == "<>":
            return not equals(left, right, left_node, right_node)
        if operator == "=":
            return equals(left, right, left_node, right_node)
        if kind(left) != kind(right) or kind(left) not in ("number", "string"):
            return False
        if kind(left) == "number":
            left, right = alike(left, right, left_node, right_node)
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[
            operator
        ]

    def number(self, value):
        if self.convert_strings and isinstance(value, str):
            value = spelled(value)
        if kind(value) != "number" or is_unknown(value):
            return None
        return float(value) if isinstance(value, Decimal) else value


def equals(left, right, left_node, right_node):
    if kind(left) != kind(right) or kind(left) == "structure":
        return False
    if kind(left) == "number":
        left, right = alike(left, right, left_node, right_node)
    return left == right


def kind(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    if isinstance(value, str):
        return "string"
    return "binary" if isinstance(value, bytes) else "structure"


def is_unknown(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def alike(left, right, left_node, right_node):
    """Both numbers at the precision at which they are compared."""
    if is_constant(right_node) and is_single(left):
        right = rounded(right)
    if is_constant(left_node) and is_single(right):
        left = rounded(left)
    if isinstance(left, Decimal) and isinstance(right, float):
        left = rounded(left) if is_single(right) else float(left)
    if isinstance(right, Decimal) and isinstance(left, float):
        right = rounded(right) if is_single(left) else float(right)
    return left, right


def is_constant(node):
    if isinstance(node, nodes.Identifier | nodes.Clock):
        return False
    return all(is_constant(child) for child in nodes.children(node))


def is_single(value):
    return isinstance(value, float) and type(value) is not float


def rounded(value):
    try:
        return struct.unpack(">f", struct.pack(">f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def spelled(value):
    if not isinstance(value, str) or len(value) > 1000:
        return value
    if re.fullmatch("[-+]?[0-9]+", value):
        return int(value)
    if re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", value):
        return float(value)
    return value


def calculated(sign, left, right):
    try:
        if sign == "%":
            result = remainder(left, right)
        else:
            result = {
                "+": lambda: left + right,
                "-": lambda: left - right,
                "*": lambda: left * right,
                "/": lambda: left / right,
            }[sign]()
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return None if is_unknown(result) else in_64_bits(result)


def in_64_bits(number):
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        return float(number)
    return number


def remainder(left, right):
    if isinstance(left, int) and isinstance(right, int):
        return left - right * (abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1))
    return math.fmod(left, right)


def as_regex(pattern, escape):
    parts = []
    characters = iter(pattern)
    for each in characters:
        if each == escape:
            parts.append(re.escape(next(characters)))
        else:
            parts.append({"%": ".*", "_": "."}.get(each) or re.escape(each))
    return re.compile("".join(parts), re.DOTALL)


def truth(value):
    return value if isinstance(value, bool) else None


def negation(value):
    return None if value is None else not value


def conjunction(verdicts):
    if False in verdicts:
        return False
    return None if None in verdicts else True


def disjunction(verdicts):
    if True in verdicts:
        return True
    return None if None in verdicts else False
