"""How a syntax error reads."""

import pickle

import pytest

from warrener.exchange.filters import FilterSyntaxError, compile_filter


def error_of(text):
    with pytest.raises(FilterSyntaxError) as caught:
        compile_filter(text)
    return caught.value


def test_an_error_shows_the_line_with_a_caret_below():
    assert str(error_of("price AND 3 + 5")) == (
        "column 11: expected a condition, found '3'\nprice AND 3 + 5\n          ^"
    )


def test_the_reason_is_one_line():
    assert error_of("a = ").reason == "column 5: expected a name, a value or '(', found the end"


def test_of_several_lines_the_one_with_the_error_is_named_and_shown():
    error = error_of("a = 1\nAND b =\nAND c")
    assert error.reason.startswith("line 3, column 1:")
    assert error.line == "AND c\n^"


def test_of_a_long_line_the_part_around_the_error_is_shown():
    text = "a = 1 AND " * 50 + ")" + " AND b = 2" * 50
    shown, caret = error_of(text).line.split("\n")
    assert len(shown) <= 72
    assert shown[caret.index("^")] == ")"


def test_a_control_character_does_not_move_the_caret():
    shown, caret = error_of("a\t=\t)").line.split("\n")
    assert shown[caret.index("^")] == ")"


def test_a_long_word_is_cut_short_in_the_reason():
    assert len(error_of("a = 1 " + "x" * 3000).reason) < 100


def test_an_error_survives_being_sent_to_another_process():
    error = error_of("a = ")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_error_of_a_tag_filter_holds_its_text():
    with pytest.raises(FilterSyntaxError) as caught:
        compile_filter("a = 1", tags="x" * 4097)
    assert caught.value.text == "x" * 4097
