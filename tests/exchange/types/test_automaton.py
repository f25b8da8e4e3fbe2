"""The automaton against the simplest matcher there is, and how little it does."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.types.topic_model import KEYS, LONG_KEYS, LONG_PATTERNS, PATTERNS, expected
from warrener.exchange.types import automaton as module
from warrener.exchange.types.automaton import BLOCK_BITS, DISSOLVED_SHARE, Automaton
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.pattern import pattern_words, split_words


def found(automaton: Automaton, buckets: dict[str, Bucket], key: str) -> list[str]:
    """The patterns whose buckets match a key; each bucket at most once."""
    matching = list(automaton.match(split_words(key)))
    assert len(matching) == len(set(map(id, matching)))
    return sorted(
        pattern for pattern, bucket in buckets.items() if any(bucket is each for each in matching)
    )


def hostile(count: int, seed: int = 1) -> list[str]:
    """Patterns of 127 words of which most match in very many ways."""
    draw = random.Random(seed)
    return [".".join(draw.choices("aaa*###", k=127)) for _ in range(count)]


@given(patterns=st.lists(PATTERNS | LONG_PATTERNS, max_size=12), key=KEYS | LONG_KEYS)
def test_it_finds_what_a_plain_matcher_finds(patterns: list[str], key: str) -> None:
    automaton = Automaton()
    buckets = {pattern: automaton.bucket(pattern_words(pattern)) for pattern in patterns}
    assert found(automaton, buckets, key) == expected(list(buckets), key)


@given(
    changes=st.lists(st.tuples(st.booleans(), LONG_PATTERNS.map(pattern_words)), max_size=40),
    key=LONG_KEYS,
)
def test_with_patterns_that_come_and_go_it_finds_those_that_are_there(
    changes: list[tuple[bool, tuple[str, ...]]], key: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BITS", 64)
        automaton = Automaton()
        buckets: dict[str, Bucket] = {}
        for comes, words in changes:
            if comes:
                buckets[".".join(words)] = automaton.bucket(words)
            elif buckets:
                gone = min(buckets)
                del buckets[gone]
                automaton.discard(pattern_words(gone))
        assert found(automaton, buckets, key) == expected(list(buckets), key)
        assert len(automaton) == len(buckets)


def test_a_pattern_has_one_bucket() -> None:
    automaton = Automaton()
    words = pattern_words("#.a.#.b")
    assert automaton.bucket(words) is automaton.bucket(words)


def test_each_word_of_a_key_costs_one_step_for_each_block_however_many_ways_match() -> None:
    automaton = Automaton()
    for pattern in hostile(1000):
        automaton.bucket(pattern_words(pattern))
    assert automaton.blocks <= 1000 * 128 // BLOCK_BITS + 1


def test_blocks_of_which_little_is_left_are_dissolved() -> None:
    automaton = Automaton()
    patterns = [pattern_words(pattern) for pattern in hostile(1000)]
    for words in patterns:
        automaton.bucket(words)
    left = patterns[::20]
    for words in set(patterns) - set(left):
        automaton.discard(words)
    bits = sum(len(words) + 1 for words in left)
    assert automaton.blocks <= bits * DISSOLVED_SHARE // BLOCK_BITS + 1
    for words in left:
        automaton.discard(words)
    assert automaton.blocks == 0


def test_binding_and_unbinding_in_turn_leaves_one_block() -> None:
    automaton = Automaton()
    for pattern in hostile(500):
        automaton.bucket(pattern_words(pattern))
        automaton.discard(pattern_words(pattern))
    automaton.bucket(("a",))
    assert automaton.blocks == 1
