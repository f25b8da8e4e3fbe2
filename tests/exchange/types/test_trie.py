"""The trie against the simplest matcher there is, and what is left when all is removed."""

import gc
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.exchange.messages import Properties
from tests.exchange.types.matching import Matching
from warrener.exchange.types.topic import TopicExchange
from warrener.exchange.types.trie import Trie, split_words

WORDS = st.sampled_from(["a", "b", ""])
PATTERNS = st.lists(WORDS | st.sampled_from(["*", "#"]), max_size=5).map(".".join)
KEYS = st.lists(WORDS | st.sampled_from(["*", "#"]), max_size=6).map(".".join)

exchange = Matching(TopicExchange("e"))


@cache
def matches(pattern: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether a pattern matches, as the AMQP specification puts it."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return matches(pattern[1:], words) or (bool(words) and matches(pattern, words[1:]))
    return bool(words) and pattern[0] in ("*", words[0]) and matches(pattern[1:], words[1:])


def expected(patterns: list[str], key: str) -> list[str]:
    words = tuple(split_words(key))
    return sorted(p for p in patterns if matches(tuple(split_words(p)), words))


def filled(patterns: list[str]) -> tuple[Trie, list[Any]]:
    """A trie with one binding per pattern, whose destination is called like the pattern."""
    trie = Trie()
    bindings = [exchange.binding(pattern, pattern) for pattern in patterns]
    for binding in bindings:
        trie.add(binding)
    return trie, bindings


def found(trie: Trie, key: str) -> list[str]:
    buckets = trie.match(key)
    return sorted(b.destination for bucket in buckets for b in bucket.match(Properties(), 0))


def weight(root: object) -> int:
    """How many objects can be reached from one, its class and its code left aside."""
    reached: dict[int, object] = {}
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if id(each) not in reached and not isinstance(each, type | ModuleType | FunctionType):
            reached[id(each)] = each
            waiting.extend(gc.get_referents(each))
    return len(reached)


@given(patterns=st.lists(PATTERNS, max_size=12), key=KEYS)
@example(patterns=["#", "#.#", "", "*", "#.*", "*.#"], key="")
@example(patterns=["#.#.#.a", "#.a.#", "a.#.#.b"], key="a.a.b.a")
@example(patterns=["a.", ".a", ".", "*.*", "#."], key="a.")
def test_the_trie_finds_what_a_plain_matcher_finds(patterns: list[str], key: str) -> None:
    trie, _ = filled(patterns)
    assert found(trie, key) == expected(patterns, key)


@given(data=st.data(), patterns=st.lists(PATTERNS, max_size=12), key=KEYS)
def test_after_removals_it_finds_what_is_left(
    data: st.DataObject, patterns: list[str], key: str
) -> None:
    trie, bindings = filled(patterns)
    removed = data.draw(st.permutations(bindings))[: len(bindings) // 2]
    for binding in removed:
        trie.remove(binding)
    left = [binding.destination for binding in bindings if binding not in removed]
    assert found(trie, key) == expected(left, key)


@given(data=st.data(), patterns=st.lists(PATTERNS, max_size=12))
def test_when_all_is_removed_no_node_is_left(data: st.DataObject, patterns: list[str]) -> None:
    trie, bindings = filled(patterns)
    for binding in data.draw(st.permutations(bindings)):
        trie.remove(binding)
    assert weight(trie) == weight(Trie())


def test_removing_a_long_pattern_leaves_the_short_one_it_passes_through() -> None:
    trie, (short, long) = filled(["a", "a.b.c"])
    trie.remove(long)
    assert found(trie, "a") == ["a"]
    trie.add(long)
    trie.remove(short)
    assert found(trie, "a.b.c") == ["a.b.c"]
    assert found(trie, "a") == []


def test_each_binding_of_a_pattern_is_found_once_however_many_ways_lead_there() -> None:
    trie, _ = filled(["#.#.#", "#.a.#.a.#"])
    assert found(trie, "a.a.a.a.a") == ["#.#.#", "#.a.#.a.#"]


def test_many_hashes_do_not_multiply_the_work() -> None:
    """Ways that lead to a match: more than 10**20. Words times nodes: 8,000."""
    trie, _ = filled([".".join(["#"] * 100 + ["b"])])
    assert found(trie, ".".join(["a"] * 80)) == []


@pytest.mark.parametrize(
    ("key", "words"),
    [("", []), ("a", ["a"]), ("a.b", ["a", "b"]), (".", ["", ""]), ("a..b", ["a", "", "b"])],
)
def test_the_words_of_a_key(key: str, words: list[str]) -> None:
    assert split_words(key) == words
