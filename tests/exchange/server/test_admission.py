"""How many connections there may be, and which one makes room for a new one."""

import logging
from collections import Counter

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.server.served import served
from warrener.exchange.server import admission
from warrener.exchange.server.admission import HANDSHAKE_S, REPORT_S, Admission, Place
from warrener.protocol import methods as m


def entered(place: Place | None) -> Place:
    assert place is not None
    return place


def test_each_connection_has_a_place_until_it_leaves():
    admission = Admission(2, 10)
    first = entered(admission.enter("10.0.0.1", 0))
    entered(admission.enter("10.0.0.1", 0))
    assert admission.enter("10.0.0.2", 0) is None
    first.leave()
    assert admission.enter("10.0.0.2", 0) is not None


def test_a_handshake_that_has_been_idle_makes_room():
    admission = Admission(1, 10)
    idle = entered(admission.enter("10.0.0.1", 0))
    assert admission.enter("10.0.0.2", HANDSHAKE_S) is not None
    assert idle not in admission.places


def test_a_client_that_has_logged_in_keeps_its_place():
    admission = Admission(1, 10)
    client = entered(admission.enter("10.0.0.1", 0))
    client.opened()
    assert admission.enter("10.0.0.2", 1000) is None
    assert client in admission.places


def test_the_address_with_most_handshakes_makes_room():
    admission = Admission(4, 10)
    one = entered(admission.enter("10.0.0.1", 0))
    many = [entered(admission.enter("10.0.0.2", 1)) for _ in range(3)]
    assert admission.enter("10.0.0.3", 10) is not None
    assert many[0] not in admission.places
    assert one in admission.places


def test_an_address_with_too_many_handshakes_makes_room_among_its_own():
    admission = Admission(100, 2)
    other = entered(admission.enter("10.0.0.9", 0))
    first, second = (entered(admission.enter("10.0.0.1", 1)) for _ in range(2))
    assert admission.enter("10.0.0.1", 1) is None
    assert admission.enter("10.0.0.1", 10) is not None
    assert first not in admission.places
    assert second in admission.places
    assert other in admission.places
    assert admission.enter("10.0.0.2", 10) is not None


def test_an_address_may_have_any_number_that_have_logged_in():
    admission = Admission(100, 2)
    for _ in range(50):
        entered(admission.enter("10.0.0.1", 0)).opened()


def test_refusals_are_logged_now_and_then_with_their_number(caplog):
    caplog.set_level(logging.WARNING)
    admission = Admission(1, 10)
    entered(admission.enter("10.0.0.1", 0)).opened()
    for _ in range(5):
        admission.enter("10.0.0.2", 100)
    admission.enter("10.0.0.2", 100 + REPORT_S)
    assert [message.partition(";")[0] for message in caplog.messages] == [
        "too many connections: 1 refused or closed",
        "too many connections: 5 refused or closed",
    ]


ADDRESSES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["enter", "open", "leave"]), ADDRESSES, st.integers(0, 9))
)


@given(STEPS)
def test_limits_hold_and_nobody_who_has_logged_in_makes_room(steps):
    admission = Admission(5, 3)
    living: list[Place] = []
    opened: set[Place] = set()
    left: set[Place] = set()
    for now, (step, address, number) in enumerate(steps):
        if step == "enter":
            place = admission.enter(address, now)
            living += [place] if place else []
        elif living:
            place = living[number % len(living)]
            if step == "open":
                place.opened()
                opened.add(place)
            else:
                place.leave()
                left.add(place)
                living.remove(place)
        living = [place for place in living if place in admission.places]
        assert set(living) == admission.places
        assert {place for place in opened if place not in left} <= admission.places
        assert len(living) <= 5
        handshakes = Counter(place.address for place in living if place not in opened)
        assert max(handshakes.values(), default=0) <= 3


# On sockets


async def test_a_client_beyond_the_limit_is_closed_and_the_others_go_on():
    async with served(connections_max=2) as broker:
        first, second = await broker.login(), await broker.login()
        third = await broker.connect()
        assert await third.until_closed() == []
        for client in (first, second):
            await client.declare("q")
        first.vanish()
        await broker.until(lambda: len(broker.server.sessions) == 1)
        await (await broker.login()).declare("q")


async def test_idle_connections_without_a_login_do_not_keep_others_out(monkeypatch):
    monkeypatch.setattr(admission, "HANDSHAKE_S", 0)
    async with served(connections_max=4) as broker:
        idle = [await broker.connect() for _ in range(20)]
        client = await broker.login()
        await client.declare("q")
        await broker.until(lambda: len(broker.server.sessions) <= 4)
        assert await idle[0].until_closed() == []


async def test_a_login_for_which_no_thread_can_be_started_fails_alone(monkeypatch, caplog):
    caplog.set_level(logging.INFO)

    async def no_thread(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    async with served() as broker:
        client = await broker.login()
        monkeypatch.setattr(trio.to_thread, "run_sync", no_thread)
        unlucky = await broker.connect()
        with pytest.raises(AssertionError, match="the broker closed the socket"):
            await unlucky.login(response=b"\0guest\0wrong")
        assert await client.call(1, m.QueueDeclare(queue="q")) == m.QueueDeclareOk("q")
    assert "the login cannot be checked: can't start new thread" in caplog.text
