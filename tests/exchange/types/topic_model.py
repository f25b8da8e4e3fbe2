"""The simplest matcher of topic patterns, and words and patterns to hold others against it."""

from functools import cache

from hypothesis import strategies as st

from warrener.exchange.types.pattern import split_words

WORDS = st.sampled_from(["a", "b", ""])
SYMBOLS = WORDS | st.sampled_from(["*", "#"])
PATTERNS = st.lists(SYMBOLS, max_size=6).map(".".join)
LONG_PATTERNS = st.lists(st.sampled_from("ab**###"), max_size=40).map(".".join)
KEYS = st.lists(SYMBOLS, max_size=7).map(".".join)
LONG_KEYS = st.lists(st.sampled_from("aaaab"), max_size=40).map(".".join)


@cache
def matches(pattern: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether a pattern matches, as the AMQP specification puts it."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return matches(pattern[1:], words) or (bool(words) and matches(pattern, words[1:]))
    return bool(words) and pattern[0] in ("*", words[0]) and matches(pattern[1:], words[1:])


def expected(patterns: list[str], key: str) -> list[str]:
    """Those of some patterns that match, sorted."""
    words = tuple(split_words(key))
    return sorted(p for p in patterns if matches(tuple(split_words(p)), words))
