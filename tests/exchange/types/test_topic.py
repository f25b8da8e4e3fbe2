import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.types.matching import Matching
from tests.exchange.types.topic_model import KEYS, LONG_KEYS, LONG_PATTERNS, PATTERNS, expected
from warrener.exchange.types.topic import TopicExchange


@pytest.fixture
def topic() -> Matching:
    return Matching(TopicExchange("e"))


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("eu.order.paid", "eu.order.paid", True),
        ("eu.order.paid", "eu.order", False),
        ("eu.order", "eu.order.paid", False),
        ("*.order.*", "eu.order.paid", True),
        ("*.order.*", "eu.order", False),
        ("*", "eu", True),
        ("*", "", False),
        ("*", "eu.order", False),
        ("#", "", True),
        ("#", "eu.order.paid", True),
        ("eu.#", "eu", True),
        ("eu.#", "eu.order.paid", True),
        ("eu.#", "us.order", False),
        ("#.paid", "paid", True),
        ("#.paid", "eu.order.paid", True),
        ("#.paid", "eu.paid.order", False),
        ("eu.#.paid", "eu.paid", True),
        ("#.order.#", "eu.order.paid", True),
        ("#.order.#", "eu.stock", False),
        ("#.*", "", False),
        ("#.*", "eu", True),
        ("*.#.*", "eu", False),
        ("", "", True),
        ("", "eu", False),
        ("eu..paid", "eu..paid", True),
        ("eu.*.paid", "eu..paid", True),
        ("eu*.order", "eu-west.order", False),
    ],
)
def test_a_pattern_against_a_key(topic: Matching, pattern: str, key: str, matches: bool) -> None:
    topic.bind("a", pattern)
    assert topic.match(key) == (["a"] if matches else [])


def test_all_patterns_that_match_are_found(topic: Matching) -> None:
    for name, pattern in {"a": "eu.#", "b": "*.order.*", "c": "us.#", "d": "#"}.items():
        topic.bind(name, pattern)
    assert topic.match("eu.order.paid") == ["a", "b", "d"]


def test_what_is_unbound_is_not_found(topic: Matching) -> None:
    topic.bind("a", "eu.#")
    topic.bind("b", "eu.#")
    assert topic.unbind("a", "eu.#")
    assert not topic.unbind("a", "eu.#")
    assert not topic.unbind("c", "us.#")
    assert topic.match("eu.order") == ["b"]


def test_two_bindings_of_one_pattern_with_different_arguments_are_two(topic: Matching) -> None:
    topic.bind("a", "eu.#", x=1)
    topic.bind("a", "eu.#", x=True)
    topic.unbind("a", "eu.#", x=1)
    assert topic.match("eu") == ["a"]


@given(patterns=st.lists(PATTERNS | LONG_PATTERNS, max_size=20, unique=True), key=KEYS | LONG_KEYS)
def test_it_finds_what_a_plain_matcher_finds(patterns: list[str], key: str) -> None:
    topic = Matching(TopicExchange("e"))
    for pattern in patterns:
        topic.bind(pattern, pattern)
    assert topic.match(key) == expected(patterns, key)
    for pattern in patterns[::2]:
        topic.unbind(pattern, pattern)
    assert topic.match(key) == expected(patterns[1::2], key)


def test_patterns_that_mean_the_same_are_bound_and_unbound_each_for_itself(topic: Matching) -> None:
    topic.bind("a", "#.*.#")
    topic.bind("a", "*.#")
    topic.bind("b", "#.a.#.#.b.#.*.c")
    topic.bind("c", "#.a.#.b.*.#.c")
    assert topic.match("a.b.x.c") == ["a", "a", "b", "c"]
    topic.unbind("a", "#.*.#")
    topic.unbind("c", "#.a.#.b.*.#.c")
    assert topic.match("a.b.x.c") == ["a", "b"]
