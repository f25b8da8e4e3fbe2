"""Walking, changing and printing nodes; the round trip through text is in test_grammar.py."""

import dataclasses

import pytest

from warrener.exchange.filters import nodes

A, B, C = (nodes.Identifier(name) for name in "abc")


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (nodes.Identifier("a-b"), '"a-b"'),
        (nodes.Identifier("null"), '"null"'),
        (nodes.Identifier('say "hi"'), '"say ""hi"""'),
        (nodes.Identifier("x-y", "a"), 'a."x-y"'),
        (nodes.Literal("it's"), "'it''s'"),
        (nodes.Literal(True), "TRUE"),
        (nodes.Literal(-1.5), "-1.5"),
        (nodes.And((nodes.Or((A, B)), C)), "(a OR b) AND c"),
        (nodes.Or((nodes.And((A, B)), C)), "a AND b OR c"),
        (nodes.And((nodes.And((A, B)), C)), "(a AND b) AND c"),
        (nodes.Not(nodes.Not(A)), "NOT NOT a"),
        (nodes.Not(nodes.And((A, B))), "NOT (a AND b)"),
        (nodes.Comparison("=", nodes.Comparison("<", A, B), C), "(a < b) = c"),
        (nodes.Sum((A, nodes.Sum((B, C), ("-",))), ("-",)), "a - (b - c)"),
        (nodes.Product((nodes.Sum((A, B), ("+",)), C), ("*",)), "(a + b) * c"),
        (nodes.Sum((A, nodes.Literal(-5)), ("-",)), "a - -5"),
        (nodes.Sign("-", nodes.Sign("-", A)), "--a"),
        (nodes.Sign("-", nodes.Sum((A, B), ("+",))), "-(a + b)"),
        (nodes.Between(A, B, C, True), "a NOT BETWEEN b AND c"),
        (nodes.In(A, (B, nodes.Literal(1))), "a IN (b, 1)"),
        (nodes.IsNull(nodes.Or((A, B)), True), "(a OR b) IS NOT NULL"),
        (nodes.Like(A, "x%", "!", True), "a NOT LIKE 'x%' ESCAPE '!'"),
    ],
)
def test_a_node_prints_with_the_parentheses_it_needs_and_no_more(node, text):
    assert str(node) == text


def test_a_selector_prints_its_prefix():
    assert str(nodes.Selector(A, True)) == "convert_string_expressions:a"


def test_children_come_from_left_to_right():
    assert list(nodes.children(nodes.In(A, (B, C)))) == [A, B, C]
    assert list(nodes.children(A)) == []


def test_rebuilding_changes_the_children():
    node = nodes.In(A, (B, nodes.Literal("x")), True)
    changed = nodes.rebuild(node, lambda child: C if child == B else child)
    assert changed == nodes.In(A, (C, nodes.Literal("x")), True)


def test_rebuilding_without_a_change_gives_the_node_itself():
    node = nodes.Sum((A, B), ("+",))
    assert nodes.rebuild(node, lambda child: child) is node


def test_nodes_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        A.name = "b"
