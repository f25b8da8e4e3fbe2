"""File descriptors: as many as the system allows, and some of them reserved for the journal."""

import resource

import pytest

from warrener.exchange.server.descriptors import (
    DESCRIPTORS_MAX,
    RESERVED,
    connections_possible,
    descriptor_limit,
    raise_limit,
)


@pytest.fixture
def limits(monkeypatch):
    """The limits of this process, which a test may set: soft and hard."""
    state = {"now": (1024, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: state["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: state.update(now=pair))
    return state


def test_the_soft_limit_is_raised_to_the_hard_one(limits):
    raise_limit()
    assert limits["now"] == (4096, 4096)
    assert descriptor_limit() == 4096


@pytest.mark.parametrize("hard", [resource.RLIM_INFINITY, 1 << 30])
def test_where_there_is_no_limit_there_are_enough(limits, hard):
    limits["now"] = (1024, hard)
    raise_limit()
    assert limits["now"] == (DESCRIPTORS_MAX, hard)


@pytest.mark.parametrize("soft", [4096, resource.RLIM_INFINITY])
def test_a_limit_that_is_high_enough_is_left_alone(limits, soft):
    limits["now"] = (soft, 4096)
    raise_limit()
    assert limits["now"] == (soft, 4096)


def test_a_system_that_allows_no_more_is_taken_as_it_is(limits, monkeypatch):
    def refuse(kind, pair):
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_limit()
    assert descriptor_limit() == 1024


@pytest.mark.parametrize("limit", [10, 64, 256, 1024, 65536])
def test_some_are_left_for_the_journal(limits, limit):
    limits["now"] = (limit, limit)
    amqp, http = connections_possible(0, 500)
    assert amqp + http <= limit - min(RESERVED, limit // 4)
    assert amqp > http


def test_fewer_connections_may_be_asked_for_but_not_more(limits):
    limits["now"] = (1024, 1024)
    most, _ = connections_possible(0, 500)
    assert connections_possible(10, 20) == (10, 20)
    assert connections_possible(100_000, 500) == (most, 224)
