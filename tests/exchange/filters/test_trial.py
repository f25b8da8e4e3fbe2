"""A filter tried on a message made of words."""

from decimal import Decimal

import pytest

from warrener.exchange.filters import (
    FilterSyntaxError,
    SampleProperties,
    TrialError,
    sample,
    try_filter,
)
from warrener.exchange.filters.values import is_single


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("region=EU", "region", "EU"),
        ("n=12", "n", 12),
        ("n=-12.5", "n", -12.5),
        ("n='12'", "n", "12"),
        ("b=true", "b", True),
        ("b=FALSE", "b", False),
        ("v=null", "v", None),
        ("empty=", "empty", ""),
        ("q=a=b", "q", "a=b"),
        ("n:string=12", "n", "12"),
        ("n:integer=12", "n", 12),
        ("n:double=12", "n", 12.0),
        ("n:decimal=10.10", "n", Decimal("10.10")),
        ("n:timestamp=1700000000", "n", 1700000000),
        ("b:boolean=true", "b", True),
        ("x:binary=EU", "x", b"EU"),
        ("v:null=", "v", None),
        ("a:b:string=x", "a:b", "x"),
    ],
)
def test_a_word_spells_a_header(word, name, value):
    (found,) = sample([word]).headers.items()
    assert found == (name, value)
    assert type(found[1]) is type(value)


def test_a_single_is_what_the_wire_would_bring():
    headers = sample(["price:single=10.1"]).headers
    assert is_single(headers["price"])
    assert try_filter("price = 10.1", None, SampleProperties(headers=headers)).matches


def test_a_word_spells_a_property():
    properties = sample(properties=["priority=7", "type=car", "expiration=60000"])
    assert properties == SampleProperties(headers={}, priority=7, type="car", expiration="60000")


@pytest.mark.parametrize(
    "word", ["region", "=x", "n:integer=x", "n:decimal=x", "n:boolean=null", "n:word=x"]
)
def test_a_word_that_spells_no_header_is_refused(word):
    with pytest.raises(TrialError):
        sample([word])


@pytest.mark.parametrize("word", ["priority", "headers=1", "colour=red", "priority=high"])
def test_a_word_that_spells_no_property_is_refused(word):
    with pytest.raises(TrialError):
        sample(properties=[word])


@pytest.mark.parametrize(("amount", "verdict"), [("200", "matches"), ("50", "does not match")])
def test_a_trial_ends_in_a_verdict(amount, verdict):
    trial = try_filter("amount > 100", None, sample([f"amount={amount}"]))
    assert (trial.matches, trial.text) == (verdict == "matches", verdict)


def test_an_explained_trial_shows_the_parts_before_the_verdict():
    trial = try_filter("a = 1", "TagA", sample(["a=1", "TAGS=TagA"]), explained=True)
    assert trial.text.split("\n")[-1] == "matches"
    assert len(trial.text.split("\n")) == 5


def test_an_explained_trial_of_no_filter_is_the_verdict_alone():
    assert try_filter(None, None, sample(), explained=True).text == "matches"


def test_a_trial_may_be_told_the_time_and_that_it_is_not_the_first():
    properties = sample(["created=1000"])
    sql = "UTC() - created = 5 AND JMSRedelivered"
    assert try_filter(sql, None, properties, redelivered=True, now=1005).matches


def test_a_filter_that_is_none_is_an_error():
    with pytest.raises(FilterSyntaxError):
        try_filter("a =", None, sample())
