import pytest

from tests.exchange.types.matching import Matching
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
