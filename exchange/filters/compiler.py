"""From nodes to closures.

A condition has three values, but a message passes only where the whole is TRUE. So where a
condition decides, it is compiled for one of two questions, "is it TRUE?" or "is it FALSE?", and
UNKNOWN is what answers no to both. The questions pass through the operators by Jakarta
Messaging's tables 3-4 to 3-6:

    x AND y is TRUE  where both are TRUE        x OR y is TRUE  where one is TRUE
    x AND y is FALSE where one is FALSE         x OR y is FALSE where both are FALSE
    NOT x   is TRUE  where x is FALSE           NOT x  is FALSE where x is TRUE

`Compiler.test` compiles for a question, `Compiler.read` for a value: of an operand, or of a
condition that stands as one, `(a > 1) = b`, where UNKNOWN is None.

What depends on one value alone is a predicate (predicates.py), and the commonest of those have
shortcuts (shortcuts.py).

A closure takes the headers and the rest of the message (fields.Message). It calls the closures of
its operands directly, so it needs one frame for each level of nesting, and calls each at most
once, so its time grows with the length of the filter.
"""

from collections.abc import Callable, Iterable
from typing import Any

from warrener.exchange.filters import nodes, values
from warrener.exchange.filters.fields import Headers, Message, field_of
from warrener.exchange.filters.predicates import constant_last, decide, predicate_of
from warrener.exchange.filters.shortcuts import header_is, header_passes, header_test
from warrener.exchange.filters.text_limit import SEARCH_MAX

Test = Callable[[Headers, Message], bool]
Reader = Callable[[Headers, Message], object]
# A value beside something that is read from the message: TRUE, FALSE, or None for UNKNOWN.
Judge = Callable[[object, Headers, Message], bool | None]


def always(headers: Headers, message: Message) -> bool:
    """The test of a condition that folding found to be TRUE."""
    return True


def never(headers: Headers, message: Message) -> bool:
    """The test of a condition that folding found never to be TRUE."""
    return False


class Compiler:
    """Compiles the nodes of one selector; `convert_strings` as in nodes.Selector.

    A text of more than `text_max` characters is not searched (text_limit.py).
    """

    __slots__ = ("_as_number", "_relations", "_text_max")

    def __init__(self, convert_strings: bool = False, text_max: int = SEARCH_MAX) -> None:
        self._text_max = text_max
        self._relations = values.RELATIONS
        self._as_number = values.as_number
        if convert_strings:
            self._relations = values.CONVERTING_RELATIONS
            self._as_number = values.as_number_converting

    def test(self, node: nodes.Node, wanted: bool) -> Test:
        """Whether `node` is `wanted`: TRUE or FALSE."""
        if isinstance(node, nodes.And | nodes.Or):
            tests = [self.test(operand, wanted) for operand in node.operands]
            return all_of(tests) if isinstance(node, nodes.And) is wanted else any_of(tests)
        if isinstance(node, nodes.Not):
            return self.test(node.operand, not wanted)
        if isinstance(node, nodes.Literal):
            return always if node.value is wanted else never
        return self._test_of_header(node, wanted) or self._test_of_value(node, wanted)

    def read(self, node: nodes.Node) -> Reader:
        """The value of `node`; None for NULL and UNKNOWN."""
        about_one = predicate_of(node, self._relations, self._text_max)
        if about_one is None:
            return _READERS[type(node)](self, node)
        operand, predicate = about_one
        read = self.read(operand)
        return lambda headers, message: predicate(read(headers, message))

    # --- tests -------------------------------------------------------------------------------

    def _test_of_value(self, node: nodes.Node, wanted: bool) -> Test:
        # An operand that is no boolean is neither TRUE nor FALSE.
        read = self.read(node)
        return lambda headers, message: read(headers, message) is wanted

    def _test_of_header(self, node: nodes.Node, wanted: bool) -> Test | None:
        name = header_name(node)
        if name is not None:
            return header_is(name, wanted)
        about_one = predicate_of(node, self._relations, self._text_max)
        if about_one is None:
            return None
        operand, predicate = about_one
        name = header_name(operand)
        if name is None:
            return None
        if self._relations is not values.RELATIONS:
            return header_passes(name, predicate, wanted)
        if isinstance(node, nodes.Between):
            return self.test(as_comparisons(node), wanted)
        return header_test(name, node, predicate, wanted)

    # --- readers of conditions with several operands -----------------------------------------

    def _read_and(self, node: nodes.And) -> Reader:
        return _junction([self.read(operand) for operand in node.operands], decisive=False)

    def _read_or(self, node: nodes.Or) -> Reader:
        return _junction([self.read(operand) for operand in node.operands], decisive=True)

    def _read_not(self, node: nodes.Not) -> Reader:
        read = self.read(node.operand)

        def negation(headers: Headers, message: Message) -> bool | None:
            value = read(headers, message)
            return not value if isinstance(value, bool) else None

        return negation

    def _read_comparison(self, node: nodes.Comparison) -> Reader:
        operator, left, right = constant_last(node)
        read, judge = self.read(left), self._judge(operator, right)
        return lambda headers, message: judge(read(headers, message), headers, message)

    def _read_between(self, node: nodes.Between) -> Reader:
        read, negated = self.read(node.operand), node.negated
        judge_low = self._judge("<" if negated else ">=", node.low)
        judge_high = self._judge(">" if negated else "<=", node.high)

        def is_between(headers: Headers, message: Message) -> bool | None:
            value = read(headers, message)
            low = judge_low(value, headers, message)
            return decide(negated, low, judge_high(value, headers, message))

        return is_between

    def _read_in(self, node: nodes.In) -> Reader:
        read, negated = self.read(node.operand), node.negated
        judges = [self._judge("=", choice) for choice in node.choices]

        def is_in(headers: Headers, message: Message) -> bool | None:
            value = read(headers, message)
            unknown = False
            for judge in judges:
                verdict = judge(value, headers, message)
                if verdict:
                    return not negated
                unknown = unknown or verdict is None
            return None if unknown else negated

        return is_in

    def _judge(self, operator: str, right: nodes.Node) -> Judge:
        relation = self._relations[operator]
        if isinstance(right, nodes.Literal):
            related = values.relation_to(right.value, operator, self._relations)
            return lambda value, headers, message: related(value)
        read = self.read(right)
        return lambda value, headers, message: relation(value, read(headers, message))

    # --- readers of operands -----------------------------------------------------------------

    def _read_literal(self, node: nodes.Literal) -> Reader:
        value = node.value
        return lambda headers, message: value

    def _read_identifier(self, node: nodes.Identifier) -> Reader:
        field = field_of(node)
        if field is not None:
            read = field.read
            return lambda headers, message: read(message)
        name = node.name
        return lambda headers, message: headers.get(name)

    def _read_clock(self, node: nodes.Clock) -> Reader:
        def read(headers: Headers, message: Message) -> object:
            assert message[2] is not None, "a filter with UTC() is to be told the time"
            return message[2]

        return read

    def _read_sign(self, node: nodes.Sign) -> Reader:
        as_number, sign = self._as_number, node.operator
        read = self.read(node.operand)

        def signed(headers: Headers, message: Message) -> object:
            value = as_number(read(headers, message))
            return None if value is None else values.signed(sign, value)

        return signed

    def _read_chain(self, node: nodes.Sum | nodes.Product) -> Reader:
        as_number, within_64_bits = self._as_number, values.within_64_bits
        read_first, *others = [self.read(operand) for operand in node.operands]
        calculations = [values.OPERATIONS[sign] for sign in node.operators]
        steps = tuple(zip(calculations, others, strict=True))

        def calculated(headers: Headers, message: Message) -> object:
            result: Any = read_first(headers, message)
            if type(result) not in values.PLAIN_NUMBERS:
                result = as_number(result)
            try:
                for calculate, read in steps:
                    operand: Any = read(headers, message)
                    if type(operand) not in values.PLAIN_NUMBERS:
                        operand = as_number(operand)
                    if result is None or operand is None:
                        return None
                    result = calculate(result, operand)
                    if type(result) is int:
                        result = within_64_bits(result)
            except (ZeroDivisionError, OverflowError):
                return None
            # A NaN on the way is still one at the end.
            return result if result == result else None

        return calculated


def all_of(tests: Iterable[Test]) -> Test:
    """Whether every test passes, asked in order."""
    needed = [test for test in tests if test is not always]
    if never in needed:
        return never
    if len(needed) < 2:
        return needed[0] if needed else always
    if len(needed) == 2:
        first, second = needed
        return lambda headers, message: first(headers, message) and second(headers, message)
    return _every(tuple(needed))


def any_of(tests: Iterable[Test]) -> Test:
    """Whether one test passes, asked in order."""
    needed = [test for test in tests if test is not never]
    if always in needed:
        return always
    if len(needed) < 2:
        return needed[0] if needed else never
    if len(needed) == 2:
        first, second = needed
        return lambda headers, message: first(headers, message) or second(headers, message)
    return _some(tuple(needed))


def _every(tests: tuple[Test, ...]) -> Test:
    # A loop: all() with a generator costs twice as much, and a frame more.
    def test(headers: Headers, message: Message) -> bool:
        for each in tests:  # noqa: SIM110
            if not each(headers, message):
                return False
        return True

    return test


def _some(tests: tuple[Test, ...]) -> Test:
    def test(headers: Headers, message: Message) -> bool:
        for each in tests:  # noqa: SIM110
            if each(headers, message):
                return True
        return False

    return test


def _junction(readers: list[Reader], decisive: bool) -> Reader:
    """AND and OR as values: one operand that is `decisive` decides."""
    other = not decisive

    def junction(headers: Headers, message: Message) -> bool | None:
        unknown = False
        for read in readers:
            value = read(headers, message)
            if value is decisive:
                return decisive
            unknown = unknown or value is not other
        return None if unknown else other

    return junction


def header_name(node: nodes.Node) -> str | None:
    """The header that a node stands for, if it stands for one."""
    if isinstance(node, nodes.Identifier) and field_of(node) is None:
        return node.name
    return None


def as_comparisons(node: nodes.Between) -> nodes.Node:
    """What Jakarta Messaging defines BETWEEN to mean."""
    if node.negated:
        below = nodes.Comparison("<", node.operand, node.low)
        return nodes.Or((below, nodes.Comparison(">", node.operand, node.high)))
    from_low = nodes.Comparison(">=", node.operand, node.low)
    return nodes.And((from_low, nodes.Comparison("<=", node.operand, node.high)))


_READERS: dict[type[nodes.Node], Callable[[Compiler, Any], Reader]] = {
    nodes.And: Compiler._read_and,
    nodes.Or: Compiler._read_or,
    nodes.Not: Compiler._read_not,
    nodes.Comparison: Compiler._read_comparison,
    nodes.Between: Compiler._read_between,
    nodes.In: Compiler._read_in,
    nodes.Literal: Compiler._read_literal,
    nodes.Identifier: Compiler._read_identifier,
    nodes.Clock: Compiler._read_clock,
    nodes.Sign: Compiler._read_sign,
    nodes.Sum: Compiler._read_chain,
    nodes.Product: Compiler._read_chain,
}
