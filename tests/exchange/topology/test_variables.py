"""Variables in strings, and the way back to where a character came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.topology.variables import expand

VALUES = {"A": "one", "EMPTY": ""}


def expanded(text: str) -> str:
    return expand(text, VALUES, fail).text


def fail(offset: int, why: str) -> None:
    raise AssertionError(why)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "one"),
        ("x${A}y${A}", "xoneyone"),
        ("${B:-two}", "two"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY}", ""),
        ("${A:-two}", "one"),
        ("${B:-}", ""),
        ("${A:?must be set}", "one"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("^a$|{username}", "^a$|{username}"),
        ("$A", "$A"),
    ],
)
def test_variables_are_replaced(text, expected):
    assert expanded(text) == expected


@pytest.mark.parametrize(
    ("text", "offset", "why"),
    [
        ("x${B}", 1, "the variable 'B' is not set"),
        ("${B:?say which}", 0, "B: say which"),
        ("${EMPTY:?say which}", 0, "EMPTY: say which"),
        ("ab${B", 2, "expected ${NAME}, ${NAME:-default} or ${NAME:?message}"),
        ("${1}", 0, "expected ${NAME}, ${NAME:-default} or ${NAME:?message}"),
    ],
)
def test_what_cannot_be_replaced_is_told(text, offset, why):
    told = []
    expand(text, VALUES, lambda at, reason: told.append((at, reason)))
    assert told == [(offset, why)]


@given(st.lists(st.sampled_from(["a", "bc", "${A}", "$${", "${B:-default}"])))
def test_every_character_leads_back(parts):
    text = "".join(parts)
    result = expand(text, VALUES, fail)
    for offset, char in enumerate(result.text):
        source = result.original(offset)
        assert text[source] == char or text.startswith(("${", "$${"), source)
    assert result.original(len(result.text)) == len(text)
