"""JSON as the standard has it."""

import json

import pytest

from warrener.exchange import json_text


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", '{"a": [-1e999]}'])
def test_what_is_no_number_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match="infinite, or no number"):
        json_text.read(text)


def test_other_values_are_read_as_they_are() -> None:
    assert json_text.read('{"a": [1, 2.5, null, "NaN"]}') == {"a": [1, 2.5, None, "NaN"]}


@pytest.mark.parametrize(
    ("number", "shown"), [(1.5, 1.5), (float("nan"), "nan"), (float("-inf"), "-inf")]
)
def test_a_number_is_shown_as_json_can_hold_it(number: float, shown: float | str) -> None:
    assert json_text.shown(number) == shown


def test_relayed_bytes_that_are_no_text_are_shown_as_escapes() -> None:
    text = json.dumps({"a\udcff": "\udcc3\udc28é"}, ensure_ascii=False)
    assert json.loads(json_text.encode(text)) == {"a\\xff": "\\xc3\\x28é"}
