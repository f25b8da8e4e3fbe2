"""JSON as people write it, with places for every value."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.topology.json_document import (
    JsonDocument,
    NotJson,
    Path,
    doubled_keys,
    json_path,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def paths(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    found = [(path, value)]
    if isinstance(value, dict):
        inside: Any = value.items()
    else:
        inside = enumerate(value) if isinstance(value, list) else ()
    for step, item in inside:
        found += paths(item, (*path, step))
    return found


@given(values, st.sampled_from([None, 0, 2]))
def test_each_value_is_found_where_it_is_written(value, indent):
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    document = JsonDocument("d", text.encode())
    assert document.value == value
    lines = text.split("\n")
    for path, expected in paths(value):
        place = document.place(path)
        rest = "\n".join(lines[place.line - 1 :])[place.column - 1 :]
        assert json.JSONDecoder().raw_decode(rest)[0] == expected
        assert place.path == json_path(path)


@pytest.mark.parametrize(
    "text",
    [
        '{"queues": [1, 2,],}',
        '{"queues": [1, /* a ] , */ 2]} // the end',
        '// "first\n{"queues": [1,\n// the last one\n2, // "\n]}',
        '\ufeff{"queues": [1, 2]}',
        '{"queues": "x", "queues": [1, 2]}',
    ],
)
def test_what_rabbitmq_takes_beyond_the_standard_is_taken(text):
    document = JsonDocument("d", text.encode())
    assert document.value == {"queues": [1, 2]}


def test_commas_and_comments_in_strings_are_left_alone():
    text = '{"a": ",]", "b": "// c", "d": "\\", ]", "e": [1,]}'
    assert JsonDocument("d", text.encode()).value == {"a": ",]", "b": "// c", "d": '", ]', "e": [1]}


def test_a_value_keeps_its_place_beside_what_the_standard_does_not_have():
    document = JsonDocument("d", b'{"a": [1,\n /* b */ {"c": "d", }, ]}')
    place = document.place(("a", 1, "c"))
    assert (place.line, place.column, place.path) == (2, 16, "$.a[1].c")


def test_of_a_key_that_is_given_twice_the_last_one_counts_and_it_is_known():
    document = JsonDocument("d", b'{"q": [{"name": 1, "n": {"x": 1, "x": 2}, "name": 3}]}')
    assert document.value == {"q": [{"name": 3, "n": {"x": 2}}]}
    assert document.doubled
    assert list(doubled_keys(document.value)) == [("q", 0, "name"), ("q", 0, "n", "x")]
    assert document.place(("q", 0, "name")).column == 51


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (b"nothing", 1, 1),
        (b'{"a": 1,\n "b" 2}', 2, 6),
        (b'{"a": NaN}', 1, 7),
        (b'{"NaN": [-Infinity]}', 1, 10),
        (b"[" * 100_000, 1, 1),
        (b'{"a": "', 1, 7),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text, line, column):
    with pytest.raises(NotJson) as refused:
        JsonDocument("d", text)
    assert (refused.value.place.line, refused.value.place.column) == (line, column)


def test_a_number_of_thousands_of_digits_is_infinite():
    document = JsonDocument("d", b'{"a": ' + b"9" * 5000 + b', "b": -' + b"9" * 5000 + b"}")
    assert document.value == {"a": float("inf"), "b": float("-inf")}


@pytest.mark.parametrize("piece", [b"/*", b",//\n", b",/**/", b'\\"', b", ", b'"', b"{"])
def test_no_text_takes_more_than_a_time_in_proportion_to_it(piece):
    def cpu_s(times: int) -> float:
        before = time.process_time()
        with pytest.raises(NotJson):
            JsonDocument("d", b'["' + piece * times)
        return time.process_time() - before

    cpu_s(1000)
    assert cpu_s(200_000) < 100 * max(cpu_s(20_000), 0.01)
    assert cpu_s(200_000) < 10


def test_passwords_are_not_shown_with_a_place():
    document = JsonDocument("d", b'{"users": [\n{"name": 5, "password_hash": "secret"}]}')
    assert "secret" not in document.place(("users", 0, "name")).source
    long = JsonDocument("d", b'{"a": "' + b"x" * 5000 + b'"}')
    assert long.place(("a",)).source == ""


def test_a_path_is_written_so_that_it_can_be_read():
    assert json_path(("queues", 3, "arguments", "x-a'b")) == """$.queues[3].arguments["x-a'b"]"""
    assert json_path(("n" * 500,)).endswith("...']")
