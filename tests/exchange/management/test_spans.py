"""Histories, and what is told of a span of time: samples, the mean rate, the mean."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management.node import node_name
from warrener.exchange.management.sampler import HISTORIES_MAX, INTERVAL_S, take_sample
from warrener.exchange.statistics.history import COARSE_S, HISTORY_S, RECENT_S, History
from warrener.exchange.statistics.sample import Sample

READINGS_MAX = 3 + RECENT_S // INTERVAL_S + 2 * (HISTORY_S // COARSE_S + 1)
KINDS = ("msg_rates", "lengths", "data_rates", "node_stats")


class Counted:
    sample: Sample | None = None


def counted(steps: list[int]) -> tuple[Counted, list[int]]:
    """Something that counted this much in each interval, and its count after each of them."""
    thing, total, totals = Counted(), 0, [0]
    for number, step in enumerate(steps, 1):
        total += step
        totals.append(total)
        take_sample(thing, (total,), 0, number * INTERVAL_S, number)
    return thing, totals


def value(thing: Counted, at: float) -> float:
    return thing.sample.value(at, 0) if thing.sample else 0


@given(st.lists(st.sampled_from([0, 0, 1, 50, 1000]), min_size=1, max_size=200))
def test_the_last_minute_is_known_exactly_and_a_history_has_a_bound(steps: list[int]):
    thing, totals = counted(steps)
    for ago in range(min(60 // INTERVAL_S, len(steps)) + 1):
        assert value(thing, (len(steps) - ago) * INTERVAL_S) == totals[-1 - ago]
    if thing.sample and thing.sample.history:
        assert len(thing.sample.history) <= READINGS_MAX


@given(st.lists(st.sampled_from([0, 0, 0, 1, 50]), min_size=20, max_size=200))
def test_older_values_are_between_those_around_them(steps: list[int]):
    thing, totals = counted(steps)
    around = COARSE_S // INTERVAL_S
    for place in range(max(0, len(steps) - HISTORY_S // INTERVAL_S), len(steps)):
        low, high = totals[max(0, place - around)], totals[min(len(steps), place + around)]
        assert low - 1e-6 <= value(thing, place * INTERVAL_S) <= high + 1e-6


def test_a_history_goes_once_nothing_has_changed_for_as_long_as_it_lasts():
    thing, _ = counted([5] + [0] * (HISTORY_S // INTERVAL_S))
    assert thing.sample is not None
    assert thing.sample.history is not None
    thing, _ = counted([5] + [0] * (HISTORY_S // INTERVAL_S + 2))
    assert thing.sample is not None
    assert thing.sample.history is None


def test_without_room_for_a_history_a_thing_has_its_rate():
    thing = Counted()
    take_sample(thing, (5,), 0, 5.0, 5_000, remembers=False)
    assert thing.sample is not None
    assert (thing.sample.history, thing.sample.rates) == (None, (1.0,))


def test_a_reading_older_than_the_newest_is_passed_by():
    history = History(1)
    for at, count in ((10, 1), (5, 9), (10, 7)):
        history.add(at, (count,))
    assert (len(history), history.value(10, 0)) == (1, 1)


async def test_there_are_no_more_histories_than_the_limit():
    async with managed() as broker:
        vhost = broker.broker.vhosts["/"]
        for number in range(HISTORIES_MAX + 50):
            vhost.declare_queue(f"q{number}", object()).counts[0] = 1
        broker.sample(5.0)
        broker.sample(10.0)
        samples = [queue.sample for queue in vhost.queues.values()]
    kept = sum(sample is not None and sample.history is not None for sample in samples)
    assert HISTORIES_MAX - 10 <= kept <= HISTORIES_MAX


async def published(broker: Managed) -> None:
    """A queue that takes 3 messages every five seconds for a minute and more."""
    client = await broker.amqp.login()
    await client.declare("q")
    await client.deliver("q", b"")
    queue = broker.broker.vhosts["/"].queues["q"]
    (session,) = broker.amqp.server.sessions
    channel = session.connection.channels[1].core
    for number in range(1, 14):
        for counts in (queue.counts, channel.counts):
            counts[0] += 3
        broker.sample(number * 5.0)


async def test_a_check_over_a_minute_sees_what_was_published_in_it():
    async with managed() as broker:
        await published(broker)
        broker.sample(70.0)
        for place in ("queues/%2F/q", "overview", "vhosts/%2F"):
            span = "msg_rates_age=60&msg_rates_incr=5"
            found = await broker.api.get(f"/api/{place}?{span}")
            details = found["message_stats"]["publish_details"]
            assert details["rate"] == 0.0
            assert details["avg_rate"] == pytest.approx(33 / 60, abs=0.01), place
            check_samples(details, 13, 5_000)


def check_samples(details: dict[str, Any], count: int, step_ms: int) -> None:
    times = [each["timestamp"] for each in details["samples"]]
    assert times == [times[0] - place * step_ms for place in range(count)]
    assert [set(each) for each in details["samples"]] == [{"sample", "timestamp"}] * count
    values = [each["sample"] for each in details["samples"]]
    assert values == sorted(values, reverse=True)
    assert details["avg"] == pytest.approx(sum(values) / count, abs=0.001)


async def test_each_kind_of_details_has_a_span_of_its_own():
    every = "&".join(f"{kind}_age=60&{kind}_incr=5" for kind in KINDS)
    async with managed() as broker:
        await published(broker)
        (connection,) = await broker.api.get(f"/api/connections?{every}")
        (queue,) = await broker.api.get(f"/api/queues?{every}")
        (channel,) = await broker.api.get(f"/api/channels?{every}")
        overview = await broker.api.get(f"/api/overview?{every}")
        node = await broker.api.get(f"/api/nodes/{node_name()}?{every}")
        (only,) = await broker.api.get("/api/queues?lengths_age=60&lengths_incr=5")
    for details in (
        connection["recv_oct_details"],
        queue["messages_details"],
        queue["message_stats"]["deliver_get_details"],
        channel["message_stats"]["publish_details"],
        overview["queue_totals"]["messages_ready_details"],
        overview["churn_rates"]["queue_created_details"],
        node["mem_used_details"],
        node["io_write_bytes_details"],
    ):
        assert len(details["samples"]) == 13
    assert node["mem_used_details"]["avg"] > 0
    assert "samples" in only["messages_details"]
    assert "samples" not in only["message_stats"]["publish_details"]


@pytest.mark.parametrize(
    ("span", "samples"),
    [
        ("lengths_age=60&lengths_incr=60", 2),
        ("lengths_age=600&lengths_incr=5", 121),
        ("lengths_age=99999999&lengths_incr=1", 121),
        ("lengths_age=5&lengths_incr=60", 2),
        ("lengths_age=5&lengths_incr=99999999", 2),
        ("lengths_age=60", None),
        ("lengths_age=x&lengths_incr=5", None),
    ],
)
async def test_a_span_has_a_bounded_number_of_samples(span: str, samples: int | None):
    async with managed() as broker:
        await published(broker)
        (queue,) = await broker.api.get(f"/api/queues?{span}&columns=messages_details")
        found = queue["messages_details"].get("samples")
    assert (found and len(found)) == samples


@pytest.mark.parametrize("place", ["queues", "overview", f"nodes/{node_name()}", "vhosts"])
async def test_a_span_of_no_time_is_refused(place: str):
    async with managed() as broker:
        for span in ("lengths_age=10&lengths_incr=0", "lengths_age=-10&lengths_incr=5"):
            assert (await broker.api.ask("GET", f"/api/{place}?{span}")).status == 400
