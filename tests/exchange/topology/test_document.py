"""Documents: YAML 1.2 with places, and what of YAML is refused."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.topology import document as document_module
from warrener.exchange.topology.document import BYTES_MAX, Document
from warrener.exchange.topology.tree import Mapping, Node, Scalar, Sequence, plain_value


def values(node: Node | None) -> object:
    """A tree as values."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [values(item) for item in node.items]
    assert isinstance(node, Mapping)
    return {key.text: values(value) for key, value in node.entries}


def parsed(text: str) -> object:
    document = Document("file", text.encode())
    assert document.problems == []
    return values(document.root)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"),
        ("12:30:45", "12:30:45"),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("+3", 3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("1_000", "1_000"),
        ("~", None),
        ("", None),
        ("null", None),
        ("True", True),
        ("false", False),
        ("tRuE", "tRuE"),
        ("2024-01-01", "2024-01-01"),
        ("1" * 5000, "1" * 5000),
    ],
)
def test_a_plain_scalar_is_what_yaml_1_2_says(text, expected):
    assert plain_value(text) == expected
    assert type(plain_value(text)) is type(expected)


def test_quotes_make_a_string():
    assert parsed("['1', \"true\", 1, true]") == ["1", "true", 1, True]


def test_a_node_knows_where_it_stands():
    document = Document("file", 'a:\n  - b: "ü"\n'.encode())
    assert isinstance(document.root, Mapping)
    ((_, items),) = document.root.entries
    assert isinstance(items, Sequence)
    (item,) = items.items
    assert isinstance(item, Mapping)
    ((_, value),) = item.entries
    place = document.place(value)
    assert (place.line, place.column, place.width, place.source) == (2, 8, 3, '  - b: "ü"')


def test_both_of_two_equal_keys_are_there():
    document = Document("file", b"{a: 1, a: 2}")
    assert isinstance(document.root, Mapping)
    assert [key.text for key, _ in document.root.entries] == ["a", "a"]


def test_an_alias_is_what_its_anchor_is():
    assert parsed("a: &x [1]\nb: *x") == {"a": [1], "b": [1]}


def test_a_mark_of_the_byte_order_and_windows_line_ends_do_no_harm():
    assert Document("file", b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").problems == []


def test_an_empty_file_has_no_root():
    document = Document("file", b"# nothing\n")
    assert (document.root, document.problems) == (None, [])


def test_a_file_beyond_the_limit_is_not_parsed():
    (problem,) = Document("file", b" " * (BYTES_MAX + 1)).problems
    assert problem.code == "T001"


def test_brackets_beyond_the_limit_are_refused_where_it_is_passed():
    (problem,) = Document("file", b"[" * (document_module.DEPTH_MAX + 36)).problems
    assert (problem.code, problem.place.column) == ("T003", document_module.DEPTH_MAX + 1)


def test_a_hundred_thousand_brackets_are_refused_and_not_followed():
    # By our limit, or by that of the parser, which looks ahead: PyYAML 6.0.4 stops at 1,000.
    (problem,) = Document("file", b"[" * 100_000).problems
    assert problem.code == "T003"


def test_many_values_are_refused(monkeypatch):
    monkeypatch.setattr(document_module, "NODES_MAX", 10)
    assert Document("file", b"[1, 2, 3, 4, 5, 6, 7, 8]").problems == []
    (problem,) = Document("file", b"[1, 2, 3, 4, 5, 6, 7, 8, 9]").problems
    assert problem.message == "more than 10 values in one file"


def test_no_tag_builds_anything():
    (problem,) = Document("file", b"!!python/object/apply:os.abort []").problems
    assert problem.code == "T003"


def test_the_parser_in_python_reads_the_same(monkeypatch):
    text = "a: [1, 'x', {b: c}]\nd: |\n  lines\n  more\n"
    fast = parsed(text)
    monkeypatch.setattr(document_module, "LOADER", yaml.SafeLoader)
    assert parsed(text) == fast


strings = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.booleans(), st.sampled_from([None, 2, "\t"]))
def test_json_is_read_as_it_is(value, ascii_only, indent):
    text = json.dumps({"value": value}, ensure_ascii=ascii_only, indent=indent)
    document = Document("file", text.encode())
    assert document.problems == []
    assert values(document.root) == {"value": value}


@given(st.binary(max_size=60) | st.text(alphabet="ab:-[]{}&*!|>'\"\\ \n\t#,?", max_size=60))
def test_whatever_bytes_come_there_is_a_tree_or_a_problem(given_bytes):
    data = given_bytes if isinstance(given_bytes, bytes) else given_bytes.encode()
    document = Document("file", data)
    for problem in document.problems:
        assert problem.place.line >= 1
        assert problem.place.column >= 1
