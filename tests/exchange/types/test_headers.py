from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.types.matching import Matching
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.types.headers import MATCHES, HeadersExchange
from warrener.protocol.tables import ByteArray, Timestamp


@pytest.fixture
def headers() -> Matching:
    return Matching(HeadersExchange("e"))


def test_all_wants_every_argument(headers: Matching) -> None:
    headers.bind("a", x_match="all", colour="red", size=1)
    assert headers.match(colour="red", size=1, shape="round") == ["a"]
    assert headers.match(colour="red") == []
    assert headers.match(colour="red", size=2) == []


def test_any_wants_one_argument(headers: Matching) -> None:
    headers.bind("a", x_match="any", colour="red", size=1)
    assert headers.match(size=1) == headers.match(colour="red", size=2) == ["a"]
    assert headers.match(colour="blue", size=2) == []


def test_without_x_match_it_is_all(headers: Matching) -> None:
    headers.bind("a", colour="red", size=1)
    assert headers.match(colour="red") == []
    assert headers.match(colour="red", size=1) == ["a"]


def test_all_of_nothing_holds_and_any_of_nothing_does_not(headers: Matching) -> None:
    headers.bind("all", x_match="all")
    headers.bind("any", x_match="any")
    assert headers.match() == headers.match(colour="red") == ["all"]


def test_keys_that_begin_with_x_are_left_out(headers: Matching) -> None:
    headers.bind("a", x_match="all", x_trace="on", colour="red")
    assert headers.match(colour="red") == ["a"]
    headers.bind("b", x_match="any", x_trace="on")
    assert headers.match(x_trace="on") == []


def test_with_x_they_are_compared(headers: Matching) -> None:
    headers.bind("a", x_match="all-with-x", x_trace="on", colour="red")
    assert headers.match(colour="red") == []
    assert headers.match(colour="red", x_trace="on") == ["a"]
    headers.bind("b", x_match="any-with-x", x_trace="on", colour="red")
    assert headers.match(x_trace="on") == ["b"]


def test_x_match_itself_is_never_compared(headers: Matching) -> None:
    headers.bind("a", x_match="any-with-x", colour="red")
    assert headers.match(x_match="any-with-x") == []


def test_an_argument_without_a_value_asks_only_that_the_header_is_there(headers: Matching) -> None:
    headers.bind("a", x_match="all", colour=None)
    assert headers.match(colour="red") == headers.match(colour=None) == ["a"]
    assert headers.match() == []


def test_the_routing_key_does_not_matter(headers: Matching) -> None:
    headers.bind("a", "red", colour="red")
    assert headers.match("blue", colour="red") == ["a"]


@pytest.mark.parametrize("unknown", ["some", "ALL", "", 1, None, True, ["all"], {}])
def test_an_unknown_x_match_is_refused_when_bound(headers: Matching, unknown: Any) -> None:
    with pytest.raises(PreconditionFailed, match="invalid x-match field value"):
        headers.bind("a", x_match=unknown)
    assert headers.match() == []


VALUES = [
    *(1, 0, -1, 2**40, True, False, 1.0, 0.0, "1", "", b"1", ByteArray(b"1"), Decimal(1)),
    *([], [1], [True], ["1"], {}, {"a": 1}, {"a": True}, {"a": None}, {"b": 1}, [[]], [{}]),
]


@pytest.mark.parametrize("bound", VALUES, ids=repr)
def test_values_are_equal_only_within_one_class(headers: Matching, bound: Any) -> None:
    headers.bind("a", value=bound)
    matching = [value for value in VALUES if headers.match(value=value)]
    assert list(map(repr, matching)) == [repr(bound)]


def test_a_timestamp_is_not_an_integer(headers: Matching) -> None:
    headers.bind("a", value=Timestamp(1))
    assert headers.match(value=Timestamp(1)) == ["a"]
    assert headers.match(value=1) == []


def test_what_is_unbound_is_not_found(headers: Matching) -> None:
    headers.bind("a", colour="red")
    headers.bind("a", colour="blue")
    assert headers.unbind("a", colour="red")
    assert not headers.unbind("a", colour="red")
    assert headers.match(colour="red") == []
    assert headers.match(colour="blue") == ["a"]


TABLES = st.dictionaries(
    st.sampled_from(["a", "b", "x-c"]), st.sampled_from([None, 1, 2, True, "1"]), max_size=3
)


@given(arguments=TABLES, sent=TABLES, match=st.sampled_from([None, *MATCHES]))
def test_a_condition_is_what_its_words_say(
    arguments: dict[str, Any], sent: dict[str, Any], match: str | None
) -> None:
    compared = {k: v for k, v in arguments.items() if k != "x-c" or "-with-x" in (match or "")}
    held = [
        key in sent and (value is None or (type(sent[key]), sent[key]) == (type(value), value))
        for key, value in compared.items()
    ]
    headers = Matching(HeadersExchange("e"))
    headers.exchange.bind(
        headers.binding("a", "", arguments | ({} if match is None else {"x-match": match}))
    )
    expected = any(held) if match in ("any", "any-with-x") else all(held)
    assert headers.match(**sent) == (["a"] if expected else [])


def test_what_identifies_a_header_is_found_once_for_all_bindings(headers: Matching) -> None:
    """The value counts how often it is walked through."""

    class Counting(list[Any]):
        walks = 0

        def __iter__(self) -> Iterator[Any]:
            Counting.walks += 1
            return super().__iter__()

    for number in range(100):
        headers.bind(str(number), x_match="any", value=[number], other=number)
    value = Counting([7])
    assert headers.match(value=value) == ["7"]
    assert Counting.walks == 1
