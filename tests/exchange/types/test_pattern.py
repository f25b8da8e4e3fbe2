"""Topic patterns: their words, which of them are the same, and which are for the trie."""

from itertools import pairwise

import pytest
from hypothesis import given

from tests.exchange.types.topic_model import KEYS, PATTERNS, matches
from warrener.exchange.types.pattern import is_selective, pattern_words, split_words


@pytest.mark.parametrize(
    ("key", "words"),
    [("", []), ("a", ["a"]), ("a.b", ["a", "b"]), (".", ["", ""]), ("a..b", ["a", "", "b"])],
)
def test_the_words_of_a_key(key: str, words: list[str]) -> None:
    assert split_words(key) == words


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", ()),
        ("a.#.b", ("a", "#", "b")),
        ("#.#.#", ("#",)),
        ("#.*", ("*", "#")),
        ("a.#.*.#.*.b", ("a", "*", "*", "#", "b")),
        ("#.a.#", ("#", "a", "#")),
    ],
)
def test_neighbouring_wildcards_are_put_in_order(pattern: str, words: tuple[str, ...]) -> None:
    assert pattern_words(pattern) == words


@given(pattern=PATTERNS, key=KEYS)
def test_the_shortest_form_of_a_pattern_matches_what_the_pattern_matches(
    pattern: str, key: str
) -> None:
    words = tuple(split_words(key))
    assert matches(pattern_words(pattern), words) == matches(tuple(split_words(pattern)), words)


@given(pattern=PATTERNS)
def test_no_wildcard_follows_a_hash_in_the_shortest_form(pattern: str) -> None:
    words = pattern_words(pattern)
    for word, following in pairwise(words):
        assert word != "#" or following not in ("*", "#")


@pytest.mark.parametrize(
    "pattern", ["", "#", "a.b.c", "*.*.*.error", "orders.#", "#.error", "#.a.#", "a.#.b", "*.*.*.*"]
)
def test_what_people_write_is_for_the_trie(pattern: str) -> None:
    assert is_selective(pattern_words(pattern))


@pytest.mark.parametrize(
    "pattern", ["#.a.#.b.#.c", ".".join("ab" * 9), "#.a.a.a.a.a.a.a.a", "*.a.*.a.*.a.*.a.*"]
)
def test_what_may_be_in_many_places_at_once_is_for_the_automaton(pattern: str) -> None:
    assert not is_selective(pattern_words(pattern))
