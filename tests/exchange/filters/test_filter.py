"""Filters as objects: what they say of themselves, and that equal ones are one."""

import gc
import weakref

import pytest

from warrener.exchange.filters import FilterSyntaxError, SampleProperties, compile_filter
from warrener.exchange.filters.filter import FILTERS_KEPT_MAX


def test_filters_of_the_same_text_are_one_object():
    assert compile_filter("a = 1", "A") is compile_filter("a = 1", "A")
    assert compile_filter(sql="a = 1") is compile_filter("a = 1")
    assert compile_filter("a = 1") is not compile_filter("a = 1", "A")


def test_a_filter_in_use_is_found_again_though_many_came_after_it():
    held = compile_filter(tags="held")
    for number in range(FILTERS_KEPT_MAX + 1):
        compile_filter(tags=f"other {number}")
    assert compile_filter(tags="held") is held


def test_a_filter_that_nobody_holds_is_forgotten():
    forgotten = weakref.ref(compile_filter(tags="forgotten"))
    for number in range(FILTERS_KEPT_MAX + 1):
        compile_filter(tags=f"another {number}")
    gc.collect()
    assert forgotten() is None


def test_an_error_is_raised_each_time():
    for _ in range(2):
        with pytest.raises(FilterSyntaxError):
            compile_filter("a =")


@pytest.mark.parametrize(
    ("sql", "tags", "expected"),
    [
        (None, None, True),
        ("", "", True),
        ("  ", "*", True),
        ("1 = 1", None, True),
        ("a = a", None, False),
        ("a = 1", None, False),
        (None, "A", False),
    ],
)
def test_a_filter_knows_whether_it_matches_everything(sql, tags, expected):
    assert compile_filter(sql, tags).matches_all is expected


@pytest.mark.parametrize(
    ("sql", "tags", "expected"),
    [
        (None, None, set()),
        (None, "A", {"headers"}),
        ("a = 1 AND b = 2", None, {"headers"}),
        ("JMSPriority > 4", None, {"priority"}),
        ("p.content_type = 'x' OR JMSType = a", None, {"content_type", "type", "headers"}),
        ("JMSRedelivered", None, {"redelivered"}),
        ("a < UTC()", None, {"headers", "now"}),
        ("(JMSTimestamp + 1) IN (p.expiration)", None, {"timestamp", "expiration"}),
    ],
)
def test_a_filter_knows_what_it_reads(sql, tags, expected):
    assert compile_filter(sql, tags).reads == expected


def test_a_filter_shows_its_text():
    assert repr(compile_filter("a = 1", "A")) == "compile_filter(sql='a = 1', tags='A')"


def test_headers_may_be_absent():
    assert compile_filter("a IS NULL").matches(SampleProperties(headers=None))
