"""Positions inside scalars, in every style in which YAML can write them."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.topology.document import Document
from warrener.exchange.topology.position import index_in_file
from warrener.exchange.topology.tree import Mapping, Scalar

STYLES = [None, "'", '"', "|", ">"]
VISIBLE = "abcxyz'\"\\=()é"


def scalar_of(text: str) -> tuple[Document, Scalar]:
    document = Document("file", text.encode())
    assert document.problems == []
    assert isinstance(document.root, Mapping)
    ((_, value),) = document.root.entries
    assert isinstance(value, Scalar)
    return document, value


def found(text: str, offset: int) -> str:
    """The character of the file that a character of the value is found at."""
    document, value = scalar_of(text)
    start, end = value.start.index, value.end.index
    return document.text[index_in_file(document.text, start, end, value.text, offset)]


@given(st.text(alphabet=VISIBLE + "  \n", min_size=1), st.sampled_from(STYLES), st.booleans())
def test_every_visible_character_is_found(value, style, narrow):
    width = 20 if narrow else 10_000
    text = yaml.safe_dump({"k": value}, default_style=style, width=width, allow_unicode=True)
    document, node = scalar_of(text)
    assert node.text == value
    for offset, char in enumerate(value):
        if char.isspace():
            continue
        at = index_in_file(document.text, node.start.index, node.end.index, value, offset)
        # An escape is found at its backslash.
        assert document.text[at] in (char, "\\")


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("k: abc", 1, "b"),
        ("k: 'it''s'", 3, "s"),
        ('k: "a\\u00fcb"', 2, "b"),
        ('k: "a\\\n    b"', 1, "b"),
        ("k: |\n  a\n    b\n", 4, "b"),
        ("k: >-\n  a\n  b\n\n  c\n", 4, "c"),
        ("k: a\n  b", 2, "b"),
    ],
)
def test_a_character_is_found_in_each_style(text, offset, expected):
    assert found(text, offset) == expected


def test_the_end_of_a_value_is_at_its_end():
    assert found("k: 'abc'", 3) == "'"
    assert found("k: ''", 0) == "'"
    assert found("k: abc", 3) == "c"
