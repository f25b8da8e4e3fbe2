"""The trie against the simplest matcher there is, and what is left when all is removed."""

import gc
from collections.abc import Iterable
from itertools import product
from types import FunctionType, ModuleType
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.exchange.messages import Properties
from tests.exchange.types.matching import Matching
from tests.exchange.types.topic_model import KEYS, PATTERNS, expected
from warrener.exchange.types.pattern import is_selective, pattern_words, split_words
from warrener.exchange.types.topic import TopicExchange
from warrener.exchange.types.trie import Trie

exchange = Matching(TopicExchange("e"))


def add(trie: Trie, binding: Any) -> None:
    trie.bucket(pattern_words(binding.routing_key)).add(binding)


def remove(trie: Trie, binding: Any) -> None:
    words = pattern_words(binding.routing_key)
    trie.bucket(words).remove(binding)
    if not trie.bucket(words):
        trie.discard(words)


def filled(patterns: Iterable[str]) -> tuple[Trie, list[Any]]:
    """A trie with one binding per pattern, whose destination is called like the pattern."""
    trie = Trie()
    bindings = [exchange.binding(pattern, pattern) for pattern in patterns]
    for binding in bindings:
        add(trie, binding)
    return trie, bindings


def found(trie: Trie, key: str) -> list[str]:
    buckets = trie.match(split_words(key))
    return sorted(b.destination for bucket in buckets for b in bucket.match(Properties(), 0))


def work(trie: Trie, words: list[str]) -> int:
    """How many nodes the words of a key are held against."""
    return sum(trie.reached(words[:count]) for count in range(len(words)))


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
        remove(trie, binding)
    left = [binding.destination for binding in bindings if binding not in removed]
    assert found(trie, key) == expected(left, key)


@given(data=st.data(), patterns=st.lists(PATTERNS, max_size=12))
def test_when_all_is_removed_no_node_is_left(data: st.DataObject, patterns: list[str]) -> None:
    trie, bindings = filled(patterns)
    for binding in data.draw(st.permutations(bindings)):
        remove(trie, binding)
    assert weight(trie) == weight(Trie())


def test_removing_a_long_pattern_leaves_the_short_one_it_passes_through() -> None:
    trie, (short, long) = filled(["a", "a.b.c"])
    remove(trie, long)
    assert found(trie, "a") == ["a"]
    add(trie, long)
    remove(trie, short)
    assert found(trie, "a.b.c") == ["a.b.c"]
    assert found(trie, "a") == []


def test_each_binding_of_a_pattern_is_found_once_however_many_ways_lead_there() -> None:
    trie, _ = filled(["#.#.#", "#.a.#.a.#"])
    assert found(trie, "a.a.a.a.a") == ["#.#.#", "#.a.#.a.#"]


def test_a_pattern_that_ends_with_a_hash_is_not_looked_at_for_each_further_word() -> None:
    trie, _ = filled(f"a.{i}.#" for i in range(1000))
    assert work(trie, ["a", "7", *"bcdefgh"]) == 3


def test_the_patterns_of_the_trie_are_in_few_places_at_once_whatever_the_key() -> None:
    """All that may be in it of eight words, 6,000 of them, against the key that fits most."""
    every = (words for size in range(9) for words in product("a*#", repeat=size))
    selective = [words for words in every if is_selective(words) and pattern_words(".".join(words))]
    trie, _ = filled(map(".".join, selective))
    assert work(trie, ["a"] * 127) < 127 * 300
