"""Where characters are in a text, against looking at each, and how much of it is kept."""

from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.filters.occurrences import KEPT_BYTES_MAX, KEPT_CHARS_MAX, Kept

any_text = st.text("ab") | st.text("aäбш\U0001f600\ud800") | st.text()


@given(any_text, st.characters() | st.sampled_from("aäбш\U0001f600\ud800"))
def test_the_bits_of_a_character_are_the_places_that_have_it(text, character):
    bits = Kept().occurrences(text).of(character)
    assert bits == sum(1 << place for place, each in enumerate(text) if each == character)


@given(st.text("ab\u0141\u0041\u4100", min_size=1))
def test_characters_that_share_a_byte_are_told_apart(text):
    occurrences = Kept().occurrences(text)
    for character in "\u0041\u0141\u4100":
        assert occurrences.of(character).bit_count() == text.count(character)


def test_a_text_is_looked_at_once_for_many_patterns():
    kept = Kept()
    first = kept.occurrences("a" * 1000)
    assert kept.occurrences("a" * 1000) is first


def test_the_headers_of_one_message_are_all_kept():
    kept = Kept()
    texts = [f"{name}" + "a" * 13_000 for name in "0123456789"]
    assert [kept.occurrences(text) for text in texts] == [kept.occurrences(t) for t in texts]


def test_what_is_kept_of_many_texts_has_a_limit():
    kept = Kept()
    for number in range(200):
        kept.occurrences(str(number) + "a" * 10_000).of("a")
        assert kept.chars <= KEPT_CHARS_MAX


def test_what_is_kept_of_many_characters_has_a_limit():
    kept = Kept()
    text = "a" * 100_000
    for number in range(2000):
        kept.occurrences(text).of(chr(number))
        assert kept.bytes <= KEPT_BYTES_MAX
