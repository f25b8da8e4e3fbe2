"""RocketMQ's tag filter."""

import pytest

from warrener.exchange.filters import SampleProperties, compile_filter


def is_selected(tags, tag):
    return compile_filter(tags=tags).matches(SampleProperties(headers={"TAGS": tag}))


@pytest.mark.parametrize(
    ("tags", "tag", "expected"),
    [
        ("TagA", "TagA", True),
        ("TagA", "TagB", False),
        ("TagA || TagB", "TagB", True),
        ("TagA||TagB", "TagB", True),
        ("  TagA  ||\tTagB\n", "TagB", True),
        ("TagA || TagB", "TagC", False),
        ("TagA || || TagB ||", "TagB", True),
        ("TagA", "taga", False),
        ("TagA", "TagA ", False),
        ("TagA", "TagA || TagB", False),
        ("Tag A || TagB", "Tag A", True),
        ("TagA | TagB", "TagA | TagB", True),
        ("5", 5, False),
        ("TagA", b"TagA", False),
        ("TagA || TagA", "TagA", True),
        ("O'Brien", "O'Brien", True),
    ],
)
def test_a_tag_is_compared_as_it_is(tags, tag, expected):
    assert is_selected(tags, tag) is expected


@pytest.mark.parametrize("tags", ["*", " * ", "", "   ", "||", " || || ", "TagA || *", None])
@pytest.mark.parametrize("headers", [None, {}, {"TAGS": "TagA"}, {"TAGS": None}])
def test_a_star_or_nothing_selects_every_message(tags, headers):
    filter = compile_filter(tags=tags)
    assert filter.matches_all
    assert filter.matches(SampleProperties(headers=headers))


@pytest.mark.parametrize("headers", [None, {}, {"tags": "TagA"}, {"TAGS": None}])
def test_a_message_without_a_tag_is_selected_by_a_star_only(headers):
    assert not compile_filter(tags="TagA").matches(SampleProperties(headers=headers))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"TAGS": "TagA", "a": 1}, True),
        ({"TAGS": "TagB", "a": 1}, False),
        ({"TAGS": "TagA", "a": 2}, False),
    ],
)
def test_tags_and_a_selector_must_both_match(headers, expected):
    assert compile_filter("a = 1", "TagA").matches(SampleProperties(headers=headers)) is expected


def test_the_prefix_of_a_selector_does_not_reach_the_tags():
    filter = compile_filter("convert_string_expressions:a = 1", "5")
    assert not filter.matches(SampleProperties(headers={"TAGS": 5, "a": "1"}))
