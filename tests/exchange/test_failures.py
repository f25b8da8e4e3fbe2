"""Failures: what is noted of a step that has raised, and how much of it is logged."""

import logging

import pytest

from warrener.exchange.failures import FAILURES_MAX, LINES_MAX, Failures, Owner, describe


def raised(text: str = "broken") -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_a_failure_is_named_with_its_owner_and_counted():
    failures = Failures()
    failures.note(Owner("queue", "q", "/"), raised(), 1000)
    failures.note(Owner("queue", "q", "/"), raised(), 3000)
    (failure,) = failures
    assert str(failure.owner) == "queue 'q' in vhost '/'"
    assert (failure.error, failure.count) == ("ValueError: broken", 2)
    assert (failure.first_ms, failure.last_ms) == (1000, 3000)
    assert failures.total == 2


def test_the_first_of_a_kind_is_logged_with_its_traceback_the_others_in_a_line(caplog):
    failures = Failures()
    with caplog.at_level(logging.ERROR):
        for name in "abc":
            failures.note(Owner("queue", name), raised(), 0)
    assert [record.exc_info is not None for record in caplog.records] == [True, False, False]
    assert "queue 'c'" in caplog.messages[2]


@pytest.mark.parametrize("owners", [1, 10 * LINES_MAX])
def test_a_failure_in_every_pass_does_not_fill_the_log(caplog, owners):
    failures = Failures()
    with caplog.at_level(logging.ERROR):
        for number in range(10 * LINES_MAX):
            failures.note(Owner("queue", str(number % owners)), raised(), 0)
    assert len(caplog.records) < LINES_MAX + 10
    assert failures.total == 10 * LINES_MAX
    assert len(failures) <= FAILURES_MAX


def test_what_happened_last_is_remembered():
    failures = Failures()
    first = Owner("queue", "first")
    failures.note(first, raised(), 0)
    for number in range(FAILURES_MAX - 1):
        failures.note(Owner("queue", str(number)), raised(), 0)
    failures.note(first, raised(), 1)
    failures.note(Owner("queue", "last"), raised(), 2)
    assert [failure.owner.name for failure in failures][-2:] == ["first", "last"]
    assert len(failures) == FAILURES_MAX


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "\ud800", "x" * 10_000, ""])
def test_the_text_of_an_exception_is_one_short_line_whatever_it_quotes(text):
    line = describe(ValueError(text))
    assert line.isprintable()
    assert len(line) < 600
    assert line.startswith("ValueError")
