"""The words of the selector language: their patterns, and how many a selector may have.

The patterns are used by the grammar to read and by the nodes to print. `check_limits` runs
before the grammar and looks at words only: a selector that is too long, has too many words,
nests too deep or leaves a quote open never reaches the parser, whose time and stack are so
bounded. Nesting counts what stands *inside* something else: an open parenthesis, a sign and a
NOT each add a level to what follows until their operand ends; chains of AND, OR and arithmetic
add none.

The patterns use possessive quantifiers, so a word is read once, whatever it holds.
"""

import re

from warrener.exchange.filters.errors import FilterSyntaxError

# RabbitMQ: 4096 characters and 200 tokens; ActiveMQ, Qpid and RocketMQ have no limit.
SELECTOR_CHARS_MAX = 4096
SELECTOR_TOKENS_MAX = 1000
SELECTOR_NESTING_MAX = 64

# Jakarta Messaging 3.8.1.1 reserves these in any case. CONTAINS, STARTSWITH, ENDSWITH and UTC
# are words only where an operator or a call can stand, so headers may have those names.
RESERVED = ("NULL", "TRUE", "FALSE", "NOT", "AND", "OR", "BETWEEN", "LIKE", "IN", "IS", "ESCAPE")

WHITESPACE = " \t\n\r\f"


def word(pattern: str) -> str:
    """A pattern for the words of `pattern`, in any ASCII case, with nothing glued to them."""
    return rf"(?ai:{pattern})(?![\w$])"


BARE_NAME = r"(?:[^\W\d]|\$)[\w$]*+"
QUOTED_NAME = r'"(?:[^"]++|"")++"'
BRACKETED_NAME = r"\[(?:[^\[\]]++|\[\[|\]\])++\]"
NAME = (
    rf"(?!{word('|'.join(RESERVED))})(?!(?ai:UTC)[{WHITESPACE}]*\()"
    rf"(?:{BARE_NAME}\.)?(?:{BARE_NAME}|{QUOTED_NAME}|{BRACKETED_NAME})"
)
STRING = r"'(?:[^']++|'')*+'"
NUMBER = (
    r"0[xX][0-9a-fA-F]++(?:[lL](?![\w$]))?"
    r"|(?:[0-9]++\.[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?(?:[fFdD](?![\w$]))?"
    r"|[0-9]++(?:[eE][+-]?[0-9]++(?:[fFdD](?![\w$]))?|[fFdDlL](?![\w$]))?"
)

_TOKEN = re.compile(
    rf"(?P<operand>{NUMBER}|{NAME}|{STRING}|{word('TRUE|FALSE|NULL')})"
    rf"|(?P<not>{word('NOT')})"
    r"|(?P<sign>[+-])"
    r"|(?P<open>\()"
    r"|(?P<close>\))"
    r"""|(?P<unclosed>['"\[])"""
    rf"|(?P<other><>|!=|<=|>=|{BARE_NAME}|[^{WHITESPACE}])"
)
_CLOSING = {"'": "a closing '", '"': 'a closing "', "[": "a name and a closing ]"}


def check_limits(text: str) -> None:
    """Raises: FilterSyntaxError where `text` breaks a limit or leaves a quote open."""
    if len(text) > SELECTOR_CHARS_MAX:
        expected = f"at most {SELECTOR_CHARS_MAX} characters"
        raise FilterSyntaxError(text, SELECTOR_CHARS_MAX, expected, f"{len(text)}")
    nesting = _Nesting()
    for count, token in enumerate(_TOKEN.finditer(text), 1):
        kind = token.lastgroup
        assert kind is not None
        if count > SELECTOR_TOKENS_MAX:
            expected = f"at most {SELECTOR_TOKENS_MAX} words and signs"
            raise FilterSyntaxError(text, token.start(), expected, "more")
        if kind == "unclosed":
            raise FilterSyntaxError(text, token.start(), _CLOSING[token.group()], "none")
        if nesting.after(kind) > SELECTOR_NESTING_MAX:
            expected = f"at most {SELECTOR_NESTING_MAX} parentheses, signs and NOTs in each other"
            raise FilterSyntaxError(text, token.start(), expected, "more")


class _Nesting:
    """How deep the next word stands."""

    __slots__ = ("_after_operand", "_depth", "_outer", "_prefixes")

    def __init__(self) -> None:
        self._depth = 0
        self._prefixes = 0
        self._outer: list[int] = []
        self._after_operand = False

    def after(self, kind: str) -> int:
        if kind == "open":
            self._depth += 1
            self._outer.append(self._prefixes)
            self._prefixes = 0
        elif kind == "close" and self._outer:
            self._depth -= 1
            self._prefixes = self._outer.pop()
            self._end_prefixes()
        elif kind == "operand":
            self._end_prefixes()
        elif kind in ("sign", "not") and not self._after_operand:
            self._depth += 1
            self._prefixes += 1
        self._after_operand = kind in ("operand", "close")
        return self._depth

    def _end_prefixes(self) -> None:
        self._depth -= self._prefixes
        self._prefixes = 0
