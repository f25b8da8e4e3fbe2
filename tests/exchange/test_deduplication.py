"""What messages are recognised by, and how an exchange or a queue is asked to do it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.messages import Properties
from warrener.exchange.arguments import identity
from warrener.exchange.deduplication import (
    NEVER,
    SIZE_MAX,
    Deduplication,
    _canonical,
    exchange_deduplication,
    queue_deduplication,
)
from warrener.exchange.errors import PreconditionFailed

PLUGIN = "x-message-deduplication"
HEADER = "x-deduplication-header"


def key(value: Any) -> bytes | None:
    return Deduplication().key(Properties(headers={HEADER: value}))


values = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False), st.binary()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)


@given(values)
def test_the_same_value_has_the_same_key(value: Any) -> None:
    assert key(value) == key(value)
    assert len(key(value) or b"") == 16


def test_values_of_different_classes_have_different_keys() -> None:
    alike = ["1", 1, 1.0, True, b"1", [1], ["1"], {"1": 1}, {"1": "1"}, [[1]], ""]
    assert len({key(value) for value in alike}) == len(alike)


def test_tables_with_the_same_items_have_the_same_key() -> None:
    assert key({"a": 1, "b": [2]}) == key({"b": [2], "a": 1})


def test_a_message_without_the_header_is_like_no_other() -> None:
    deduplication = Deduplication()
    for headers in (None, {}, {"other": 1}, {HEADER: None}):
        assert deduplication.key(Properties(headers=headers)) is None


def test_another_header_can_be_named() -> None:
    asked = exchange_deduplication("direct", {PLUGIN: True, HEADER: "id"})
    assert asked is not None
    assert asked.key(Properties(headers={HEADER: "x"})) is None
    assert asked.key(Properties(headers={"id": "x"})) == key("x")


def test_nobody_who_does_not_ask_gets_it() -> None:
    for arguments in ({}, {"x-cache-size": 5}, {PLUGIN: False, "x-cache-ttl": 5}):
        assert exchange_deduplication("fanout", arguments) is None
        assert queue_deduplication(arguments) is None


def test_the_type_of_the_plugin_needs_a_size() -> None:
    with pytest.raises(PreconditionFailed, match="'x-cache-size' must be an integer greater than"):
        exchange_deduplication(PLUGIN, {})
    asked = exchange_deduplication(PLUGIN, {"x-cache-size": "5", "x-cache-ttl": 100})
    assert asked == Deduplication(size=5, ttl_ms=100)


def test_other_exchanges_remember_as_much_as_in_lavinmq() -> None:
    assert exchange_deduplication("topic", {PLUGIN: True}) == Deduplication(size=128)


def test_a_queue_goes_by_what_is_in_it_unless_it_says_how_much_or_how_long() -> None:
    assert queue_deduplication({PLUGIN: True}) == Deduplication()
    assert queue_deduplication({PLUGIN: True, "x-cache-size": 9}) == Deduplication(size=9)
    timed = queue_deduplication({PLUGIN: True, "x-cache-ttl": 9})
    assert timed == Deduplication(size=128, ttl_ms=9)


def test_memory_may_be_all_that_is_wanted() -> None:
    for persistence, lasting in (("memory", False), ("disk", True)):
        arguments = {"x-cache-size": 5, "x-cache-persistence": persistence}
        asked = exchange_deduplication(PLUGIN, arguments)
        assert asked == Deduplication(size=5, lasting=lasting)


@pytest.mark.parametrize(
    "wrong",
    [
        {"x-cache-size": 0},
        {"x-cache-size": -1},
        {"x-cache-size": "many"},
        {"x-cache-size": 1.5},
        {"x-cache-size": True},
        {"x-cache-size": SIZE_MAX + 1},
        {"x-cache-ttl": 0},
        {"x-cache-ttl": "-1"},
        {"x-cache-persistence": "paper"},
        {"x-cache-persistence": 1},
        {HEADER: 1},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    for ask in (
        lambda arguments: exchange_deduplication(PLUGIN, {"x-cache-size": 1, **arguments}),
        lambda arguments: exchange_deduplication("direct", {PLUGIN: True, **arguments}),
        lambda arguments: queue_deduplication({PLUGIN: True, **arguments}),
    ):
        with pytest.raises(PreconditionFailed, match=name):
            ask(wrong)


def test_a_question_that_is_neither_yes_nor_no_is_refused() -> None:
    for ask in (queue_deduplication, lambda arguments: exchange_deduplication("topic", arguments)):
        with pytest.raises(PreconditionFailed, match="x-message-deduplication"):
            ask({PLUGIN: "true"})


def test_a_message_may_say_how_long_it_is_remembered() -> None:
    timed, endless = Deduplication(size=1, ttl_ms=100), Deduplication(size=1)
    silent = Properties(headers={HEADER: 1})
    assert (timed.deadline(silent, 1000), endless.deadline(silent, 1000)) == (1100, NEVER)
    for own in (7, "7"):
        outspoken = Properties(headers={"x-cache-ttl": own})
        assert timed.deadline(outspoken, 1000) == endless.deadline(outspoken, 1000) == 1007
    for nonsense in ("soon", 1.5, True, None):
        assert timed.deadline(Properties(headers={"x-cache-ttl": nonsense}), 1000) == 1100


def nested(depth: int, width: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value, *([""] * width)]
    return value


@pytest.mark.parametrize(("depth", "width"), [(31, 0), (200, 0), (20, 3)])
def test_the_text_of_a_nested_value_is_about_as_long_as_the_value(depth: int, width: int) -> None:
    text = _canonical(nested(depth, width))
    assert len(text) < (depth + 1) * (10 + 10 * width)


@given(values, values)
def test_two_values_have_one_text_only_if_they_mean_the_same(one: Any, other: Any) -> None:
    assert (_canonical(one) == _canonical(other)) == (identity(one) == identity(other))


def test_what_is_inside_cannot_be_taken_for_what_is_around_it() -> None:
    alike = [["a", "b"], ["a5:str:b"], [["a"], "b"], [["a", "b"]], ["list[", "b", "]"], {"a": "b"}]
    assert len({_canonical(value) for value in alike}) == len(alike)
