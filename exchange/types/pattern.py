"""Topic patterns: words between dots, `*` for exactly one word, `#` for any number, none included.

Patterns that mean the same are one: of neighbouring wildcards the `*` come first, and several `#`
are one, so that `#.*.#` is `*.#`. Two `#` are then never next to each other, which the automaton
relies on.

A trie (trie.py) finds the patterns that people write faster than anything else, as those with equal
beginnings are looked at together. With many wildcards there is nothing to share: a routing key of
127 words can be in sixty places of each pattern at once. Those patterns are for the automaton
(automaton.py), whose work depends on their length alone. `is_selective` tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence

ONE = "*"
ANY = "#"
SELECTIVE_WORDS_MAX = 16
"""Words of a pattern in the trie."""
WILDCARDS_MAX = 4
"""Wildcards of a pattern in the trie, a `#` at its end not counted."""
FLOATING_WORDS_MAX = 8
FLOATING_WILDCARDS_MAX = 2
"""The same for a pattern with a `#` before its end: what follows may begin at every word."""


def split_words(key: str) -> list[str]:
    """The words of a key; the empty key has none."""
    return key.split(".") if key else []


def pattern_words(pattern: str) -> tuple[str, ...]:
    """The words of a pattern, the same for all patterns that mean the same."""
    words = split_words(pattern)
    if ANY not in words:
        return tuple(words)
    found: list[str] = []
    for word in words:
        if found and found[-1] == ANY and word in (ONE, ANY):
            # `#.*` is `*.#`, and `#.#` is `#`.
            if word == ONE:
                found.insert(-1, ONE)
            continue
        found.append(word)
    return tuple(found)


def is_selective(words: Sequence[str]) -> bool:
    """Whether a pattern is one for the trie."""
    fixed = words[:-1] if words and words[-1] == ANY else words
    wildcards = fixed.count(ONE) + fixed.count(ANY)
    if ANY in fixed:
        return len(words) <= FLOATING_WORDS_MAX and wildcards <= FLOATING_WILDCARDS_MAX
    return len(words) <= SELECTIVE_WORDS_MAX and wildcards <= WILDCARDS_MAX
