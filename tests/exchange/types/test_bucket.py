"""A bucket: bindings with and without a filter, of which a message finds its own."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.messages import Properties
from tests.exchange.watched import WatchedProperties
from warrener.exchange.binding import Binding
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.types import FanoutExchange
from warrener.exchange.types.bucket import Bucket

SOURCE = FanoutExchange("source")


def binding(sql: str | None = None, tags: str | None = None) -> Binding:
    filter = None if sql is None and tags is None else compile_filter(sql, tags)
    return Binding(SOURCE, FanoutExchange("destination"), "", {}, filter)


def bucket_of(*bindings: Binding) -> Bucket:
    bucket = Bucket()
    for each in bindings:
        bucket.add(each)
    return bucket


def matching(bucket: Bucket, now: int = 0, **headers: Any) -> set[Binding]:
    found = list(bucket.match(Properties(headers=headers), now))
    assert len(found) == len(set(found)), "each once"
    return set(found)


def test_an_empty_bucket_is_false_and_matches_nothing() -> None:
    assert not Bucket()
    assert matching(Bucket(), a=1) == set()


def test_a_binding_without_a_filter_matches_whatever_comes() -> None:
    plain = binding()
    bucket = bucket_of(plain)
    assert bucket
    assert matching(bucket) == matching(bucket, a=1) == {plain}


def test_a_binding_with_a_filter_matches_what_the_filter_does() -> None:
    small, large, tagged = binding("a < 5"), binding("a >= 5"), binding(tags="T1 || T2")
    bucket = bucket_of(small, large, tagged)
    assert bucket
    assert matching(bucket, a=1) == {small}
    assert matching(bucket, a=5, TAGS="T2") == {large, tagged}
    assert matching(bucket, TAGS="T3") == set()


def test_both_kinds_stand_side_by_side() -> None:
    plain, filtered = binding(), binding("a = 1")
    bucket = bucket_of(filtered, plain)
    assert matching(bucket, a=1) == {plain, filtered}
    assert matching(bucket, a=2) == {plain}


def test_bindings_with_the_same_filter_all_match() -> None:
    several = {binding("a = 1") for _ in range(3)}
    assert matching(bucket_of(*several), a=1) == several


def test_what_is_removed_matches_no_more() -> None:
    plain, one, other = binding(), binding("a = 1"), binding("a = 1")
    bucket = bucket_of(plain, one, other)
    bucket.remove(one)
    assert matching(bucket, a=1) == {plain, other}
    bucket.remove(plain)
    assert matching(bucket, a=1) == {other}
    bucket.remove(other)
    assert not bucket
    bucket.add(one)
    assert matching(bucket, a=1) == {one}


def test_without_filters_nobody_looks_at_headers() -> None:
    properties = WatchedProperties({"a": 1})
    bucket = bucket_of(binding(), binding())
    assert len(list(bucket.match(properties, 0))) == 2
    filtered = binding("a = 1")
    bucket.add(filtered)
    bucket.remove(filtered)
    assert len(list(bucket.match(properties, 0))) == 2
    assert properties.__dict__["looks"] == 0


def test_a_thousand_filters_cost_one_look_at_the_headers() -> None:
    properties = WatchedProperties({"a": 7})
    bindings = [binding(f"a = {n}") for n in range(1000)]
    assert list(bucket_of(*bindings).match(properties, 0)) == [bindings[7]]
    assert properties.__dict__["looks"] == 1


def test_a_filter_may_ask_what_time_it_is() -> None:
    fresh = binding("best_before > UTC()")
    bucket = bucket_of(fresh)
    assert matching(bucket, now=1000, best_before=1001) == {fresh}
    assert matching(bucket, now=1001, best_before=1001) == set()


SELECTORS = [
    None,
    "a = 1",
    "a > 1",
    "a IS NULL",
    "a = 1 OR b = 'x'",
    "b LIKE 'x%' AND a < 3",
    "NOT (a = 2)",
    "b IN ('x', 'y')",
]


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "add", "remove"]), st.sampled_from(SELECTORS)),
        max_size=15,
    ),
    headers=st.fixed_dictionaries(
        {}, optional={"a": st.integers(0, 4), "b": st.sampled_from(["x", "xy", "z"])}
    ),
)
def test_it_is_a_list_that_is_asked_one_by_one(
    steps: list[tuple[str, str | None]], headers: dict[str, Any]
) -> None:
    bucket, bindings = Bucket(), list[Binding]()
    for what, sql in steps:
        if what == "add":
            bindings.append(binding(sql))
            bucket.add(bindings[-1])
        elif bindings:
            bucket.remove(bindings.pop(len(bindings) // 2))
        expected = {
            each
            for each in bindings
            if each.filter is None or each.filter.matches(Properties(headers=headers))
        }
        assert matching(bucket, **headers) == expected
        assert bool(bucket) == bool(bindings)
