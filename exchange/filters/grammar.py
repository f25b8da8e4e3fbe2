"""From selector text to nodes, with pyparsing (and pyparsing nowhere else).

    selector   = [ "convert_string_expressions:" ] condition end
    condition  = test { ( "AND" | "OR" ) test }
    test       = { "NOT" } predicate
    predicate  = sum [ comparison | null_test | [ "NOT" ] search ]
    comparison = ( "=" | "<>" | "!=" | "<=" | ">=" | "<" | ">" ) sum
    null_test  = "IS" [ "NOT" ] "NULL"
    search     = "LIKE" string [ "ESCAPE" string ]
               | "IN" "(" sum { "," sum } ")"
               | "BETWEEN" sum "AND" sum
               | ( "CONTAINS" | "STARTSWITH" | "ENDSWITH" ) string
    sum        = operand { ( "+" | "-" | "*" | "/" | "%" ) operand }
    operand    = name | string | number | "TRUE" | "FALSE" | "UTC" "(" ")"
               | "(" condition ")" | ( "+" | "-" ) operand

AND binds tighter than OR, and `* / %` tighter than `+ -`: the grammar reads such a chain flat and
`_split` orders it, which needs fewer rules in each other than one for each level, and so less time
(about 0.1 ms for each comparison; bench_filters.py) and less stack. The grammar looks one word
ahead and never goes back: once an operator is read, `-` in place of `+` makes what follows it
binding, so the first word that does not fit is the one that is reported.

A filter without SQL does not import this module, nor pyparsing.
"""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pyparsing as pp

from warrener.exchange.filters import nodes
from warrener.exchange.filters.errors import FilterSyntaxError
from warrener.exchange.filters.fields import names_in, section_named
from warrener.exchange.filters.lexicon import (
    BARE_NAME,
    NAME,
    NUMBER,
    STRING,
    WHITESPACE,
    check_limits,
    word,
)
from warrener.exchange.filters.pattern import has_dangling_escape
from warrener.exchange.filters.recursion import room_to_recurse
from warrener.exchange.filters.values import INTEGER_MAX, INTEGER_MIN


def parse(text: str) -> nodes.Selector:
    """The selector that `text` spells; blank text is a selector without a condition.

    Raises:
        FilterSyntaxError: it is no selector, or breaks a limit of lexicon.py.
    """
    check_limits(text)
    blank = _BLANK.fullmatch(text)
    if blank is not None:
        return nodes.Selector(None, blank["prefix"] is not None)
    with room_to_recurse():
        try:
            (selector,) = _SELECTOR.parse_string(text)
        except pp.ParseBaseException as error:
            position = _next_word(text, error.loc)
            raise FilterSyntaxError(text, position, error.msg.removeprefix("Expected ")) from None
    assert isinstance(selector, nodes.Selector)
    return selector


class Located(NamedTuple):
    """A test and where it starts, until it is known whether a condition is wanted there."""

    node: nodes.Node
    position: int


# What stands behind an operand, told the operand and whether NOT stood between, is a predicate.
Tail = Callable[[nodes.Node, bool], nodes.Node]


# --- what each rule builds -------------------------------------------------------------------


def _selector(text: str, position: int, tokens: pp.ParseResults) -> nodes.Selector:
    *prefix, test = tokens
    return nodes.Selector(_as_condition(text, test), bool(prefix))


def _condition(text: str, position: int, tokens: pp.ParseResults) -> Located:
    if len(tokens) == 1:
        test: Located = tokens[0]
        return test
    alternatives, _ = _split(tokens, ("OR",))
    conjunctions = [_conjunction(text, alternative) for alternative in alternatives]
    if len(conjunctions) == 1:
        return Located(conjunctions[0], position)
    return Located(nodes.Or(tuple(conjunctions)), position)


def _conjunction(text: str, chain: list[Any]) -> nodes.Node:
    operands = tuple(_as_condition(text, test) for test in chain[::2])
    return operands[0] if len(operands) == 1 else nodes.And(operands)


def _test(text: str, position: int, tokens: pp.ParseResults) -> Located:
    test: Located = tokens[-1]
    if len(tokens) == 1:
        return test
    node = _as_condition(text, test)
    for _ in tokens[:-1]:
        node = nodes.Not(node)
    return Located(node, position)


def _as_condition(text: str, test: Located) -> nodes.Node:
    """The test's node, unless it is a number or a string whatever the message holds."""
    node = test.node
    constant = isinstance(node, nodes.Literal) and not isinstance(node.value, bool)
    if constant or isinstance(node, nodes.NUMBERS):
        raise FilterSyntaxError(text, test.position, "a condition")
    return node


def _predicate(text: str, position: int, tokens: pp.ParseResults) -> Located:
    if len(tokens) == 1:
        return Located(tokens[0], position)
    operand, *negation, tail = tokens
    return Located(tail(operand, bool(negation)), position)


def _comparison(tokens: pp.ParseResults) -> Tail:
    operator, right = tokens
    operator = "<>" if operator == "!=" else operator
    return lambda left, negated: nodes.Comparison(operator, left, right)


def _null_test(tokens: pp.ParseResults) -> Tail:
    is_not = len(tokens) > 0
    return lambda operand, negated: nodes.IsNull(operand, is_not)


def _like(text: str, position: int, tokens: pp.ParseResults) -> Tail:
    pattern, *escapes = tokens
    escape = escapes[0].node.value if escapes else None
    if escape is not None and len(escape) != 1:
        raise FilterSyntaxError(text, escapes[0].position, "one character to escape with")
    if has_dangling_escape(pattern.node.value, escape):
        expected = "a pattern that goes on behind its last escape"
        raise FilterSyntaxError(text, pattern.position, expected)
    return lambda operand, negated: nodes.Like(operand, pattern.node.value, escape, negated)


def _in(tokens: pp.ParseResults) -> Tail:
    choices = tuple(tokens)
    return lambda operand, negated: nodes.In(operand, choices, negated)


def _between(tokens: pp.ParseResults) -> Tail:
    low, high = tokens
    return lambda operand, negated: nodes.Between(operand, low, high, negated)


def _text_match(tokens: pp.ParseResults) -> Tail:
    operator, text = tokens
    operator = operator.upper()
    return lambda operand, negated: nodes.TextMatch(operand, operator, text.node.value, negated)


def _sum(tokens: pp.ParseResults) -> nodes.Node:
    terms, operators = _split(tokens, ("+", "-"))
    operands = tuple(_product(term) for term in terms)
    return nodes.Sum(operands, operators) if operators else operands[0]


def _product(chain: list[Any]) -> nodes.Node:
    first: nodes.Node = chain[0]
    return first if len(chain) == 1 else nodes.Product(tuple(chain[::2]), tuple(chain[1::2]))


def _signed(tokens: pp.ParseResults) -> nodes.Node:
    sign, operand = tokens
    value = operand.value if isinstance(operand, nodes.Literal) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return nodes.Sign(sign, operand)
    value = -value if sign == "-" else value
    # -(-2**63) can be computed, but there is no literal that spells it.
    return nodes.Literal(value) if value <= INTEGER_MAX else nodes.Sign(sign, operand)


def _group(tokens: pp.ParseResults) -> nodes.Node:
    test: Located = tokens[0]
    return test.node


def _identifier(text: str, position: int, tokens: pp.ParseResults) -> nodes.Identifier:
    parts = _NAME_PARTS.fullmatch(tokens[0])
    assert parts is not None
    name, section = _spelled_name(parts), parts["section"]
    if section is None:
        return nodes.Identifier(name)
    short = section_named(section)
    if short is None:
        expected = f'h., p. or a. as section, or the whole name in quotes: "{section}.{name}"'
        raise FilterSyntaxError(text, position, expected)
    known = names_in(short)
    if known is not None and name not in known:
        position += len(section) + 1
        raise FilterSyntaxError(text, position, f"one of {', '.join(sorted(known))}")
    return nodes.Identifier(name, short)


def _spelled_name(parts: re.Match[str]) -> str:
    if parts["quoted"] is not None:
        return parts["quoted"].replace('""', '"')
    if parts["bracketed"] is not None:
        return parts["bracketed"].replace("[[", "[").replace("]]", "]")
    return parts["bare"]


def _string(tokens: pp.ParseResults) -> nodes.Literal:
    return nodes.Literal(tokens[0][1:-1].replace("''", "'"))


def _located_string(text: str, position: int, tokens: pp.ParseResults) -> Located:
    return Located(_string(tokens), position)


def _number(text: str, position: int, tokens: pp.ParseResults) -> nodes.Literal:
    spelled = tokens[0].lower()
    if spelled.startswith("0x"):
        return nodes.Literal(_integer(text, position, spelled.removesuffix("l"), 16))
    digits = spelled.removesuffix("l")
    if not digits.isdigit():
        return nodes.Literal(_float(text, position, spelled.rstrip("fd")))
    if len(digits) == 1 or digits[0] != "0":
        return nodes.Literal(_integer(text, position, digits, 10))
    if "8" in digits or "9" in digits:
        raise FilterSyntaxError(text, position, "octal digits behind a leading 0")
    return nodes.Literal(_integer(text, position, digits, 8))


def _integer(text: str, position: int, digits: str, base: int) -> int:
    value = int(digits, base)
    if value > INTEGER_MAX:
        raise FilterSyntaxError(text, position, "an integer of at most 64 bits")
    return value


def _float(text: str, position: int, spelled: str) -> float:
    value = float(spelled)
    if math.isinf(value):
        raise FilterSyntaxError(text, position, "a number that a double can hold")
    return value


def _split(chain: Any, loosest: tuple[str, ...]) -> tuple[list[list[Any]], tuple[str, ...]]:
    """A chain `x op y op z` cut at its loosest operators; the parts are chains again."""
    parts, operators = [[chain[0]]], []
    for operator, operand in zip(chain[1::2], chain[2::2], strict=True):
        if operator in loosest:
            operators.append(operator)
            parts.append([operand])
        else:
            parts[-1] += (operator, operand)
    return parts, tuple(operators)


def _next_word(text: str, position: int) -> int:
    return position + len(text[position:]) - len(text[position:].lstrip(WHITESPACE))


# --- the rules -------------------------------------------------------------------------------


def _keyword(name: str) -> pp.ParserElement:
    return pp.Regex(word(name)).set_name(name)


def _silent(name: str) -> pp.ParserElement:
    return pp.Suppress(_keyword(name)).set_name(name)


def _one_of(pattern: str) -> pp.ParserElement:
    return pp.Regex(pattern).add_parse_action(lambda tokens: tokens[0].upper())


def _build_selector() -> pp.ParserElement:
    condition = pp.Forward()
    sum_ = _build_sum(condition)
    negation = _keyword("NOT")
    predicate = (sum_ + pp.Opt(_build_tail(sum_, negation))).add_parse_action(_predicate)
    test = (negation[...] + predicate).add_parse_action(_test)
    condition <<= (test + (_one_of(word("AND|OR")) - test)[...]).add_parse_action(_condition)
    prefix = pp.Opt(pp.Literal(nodes.CONVERT_PREFIX))
    end = pp.StringEnd().set_name("an operator or the end")
    return (prefix + condition + end).add_parse_action(_selector).parse_with_tabs()


def _build_sum(condition: pp.ParserElement) -> pp.ParserElement:
    operand = pp.Forward()
    operand.set_name("a name, a value or '('")
    close = pp.Suppress(")").set_name("an operator or ')'")
    call = pp.Suppress("(") - pp.Suppress(")")
    operand <<= (
        pp.Regex(NAME).add_parse_action(_identifier)
        | pp.Regex(STRING).add_parse_action(_string)
        | pp.Regex(NUMBER).add_parse_action(_number)
        | pp.Regex(word("TRUE")).add_parse_action(lambda: nodes.Literal(True))
        | pp.Regex(word("FALSE")).add_parse_action(lambda: nodes.Literal(False))
        | (pp.Suppress("(") - condition - close).add_parse_action(_group)
        | pp.Regex(_LEAST_INTEGER).add_parse_action(lambda: nodes.Literal(INTEGER_MIN))
        | (pp.Regex("[+-]") - operand).add_parse_action(_signed)
        | (pp.Regex(word("UTC")) - call).add_parse_action(lambda: nodes.Clock())
    ).set_name(operand.name)
    step = pp.Regex("[-+*/%]") - operand
    return pp.And([operand, pp.ZeroOrMore(step)]).add_parse_action(_sum)


def _build_tail(sum_: pp.ParserElement, negation: pp.ParserElement) -> pp.ParserElement:
    text = pp.Regex(STRING).add_parse_action(_located_string).set_name("a string in quotes")
    comparison = (pp.Regex("<>|!=|<=|>=|[=<>]") - sum_).add_parse_action(_comparison)
    null_test = _silent("IS") - pp.Opt(negation) - _silent("NULL")
    like = _silent("LIKE") - text - pp.Opt(_silent("ESCAPE") - text)
    close = pp.Suppress(")").set_name("',' or ')'")
    in_ = _silent("IN") - pp.Suppress("(") - sum_ - (pp.Suppress(",") - sum_)[...] - close
    between = _silent("BETWEEN") - sum_ - _silent("AND") - sum_
    text_match = _one_of(word("CONTAINS|STARTSWITH|ENDSWITH")) - text
    search = pp.MatchFirst(
        [
            like.add_parse_action(_like),
            in_.add_parse_action(_in),
            between.add_parse_action(_between),
            text_match.add_parse_action(_text_match),
        ]
    ).set_name("LIKE, IN, BETWEEN, CONTAINS, STARTSWITH or ENDSWITH")
    null_test.add_parse_action(_null_test)
    return pp.MatchFirst([comparison, null_test, negation - search, search])


_BLANK = re.compile(rf"[{WHITESPACE}]*(?P<prefix>{nodes.CONVERT_PREFIX})?[{WHITESPACE}]*")
_NAME_PARTS = re.compile(
    rf"(?:(?P<section>{BARE_NAME})\.)?"
    r"(?:(?P<bare>[^\"\[].*)|\"(?P<quoted>.*)\"|\[(?P<bracketed>.*)\])",
    re.DOTALL,
)
# -2**63 is an integer of 64 bits although 2**63 is none.
_LEAST_INTEGER = (
    rf"-[{WHITESPACE}]*(?:9223372036854775808|0[xX]8000000000000000|01000000000000000000000)"
    r"[lL]?(?![\w$.])"
)

# An element takes over the default of the moment it is made in; other users of pyparsing in
# this process keep theirs.
_their_whitespace = pp.ParserElement.DEFAULT_WHITE_CHARS
pp.ParserElement.set_default_whitespace_chars(WHITESPACE)
_SELECTOR = _build_selector()
pp.ParserElement.set_default_whitespace_chars(_their_whitespace)
