"""A step of the server that raises costs its owner the connection, and nobody else anything."""

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.served import served
from warrener.protocol import methods as m

INTERNAL_ERROR = 541


def fail(*arguments):
    raise ZeroDivisionError("a mistake")


def owners(broker):
    return [failure.owner for failure in broker.broker.failures]


async def check(client):
    """Publish, have it confirmed, and take it."""
    await client.declare("check", exclusive=True)
    await client.deliver("check", b"hello")
    got = await client.call(1, m.BasicGet(queue="check", no_ack=True))
    assert isinstance(got, Content)
    assert got.body == b"hello"


async def connection_of(broker):
    """The broker's end of the latest connection."""
    return broker.server.sessions[-1].connection


@pytest.mark.parametrize("step", ["tick", "receive"])
async def test_a_connection_whose_step_fails_is_closed_with_541(step):
    async with served() as broker:
        witness, broken = await broker.login(), await broker.login()
        connection = await connection_of(broker)
        setattr(connection, step, fail)
        if step == "receive":
            await broken.send(1, m.BasicQos())
        _, close = await broken.next()
        assert isinstance(close, m.ConnectionClose)
        assert close.reply_code == INTERNAL_ERROR
        await check(witness)
        assert [owner.kind for owner in owners(broker)] == ["connection"]


async def test_a_connection_that_cannot_be_ended_in_order_is_dropped():
    async with served() as broker:
        witness, broken = await broker.login(), await broker.login()
        connection = await connection_of(broker)
        connection.receive = connection.fail = fail
        await broken.send(1, m.BasicQos())
        await broken.until_closed()
        await check(witness)


async def test_the_end_of_a_connection_that_fails_ends_nothing_else():
    async with served() as broker:
        witness, broken = await broker.login(), await broker.login()
        (await connection_of(broker)).lost = fail
        broken.vanish()
        await broker.until(lambda: owners(broker))
        await check(witness)


async def test_a_channel_that_cannot_be_ended_keeps_no_other_from_giving_back():
    async with served() as broker:
        witness, broken = await broker.login(), await broker.login()
        await witness.declare("q")
        await witness.deliver("q", b"one")
        assert await broken.call(2, m.ChannelOpen()) == m.ChannelOpenOk()
        assert isinstance(await broken.call(2, m.BasicGet(queue="q")), Content)
        (await connection_of(broker)).channels[1].end = fail
        broken.vanish()
        await broker.until(lambda: broker.ready("q") == 1)
        await check(witness)


async def test_a_client_to_which_nothing_can_be_written_ends_nothing_else():
    async with served() as broker:
        witness, broken = await broker.login(), await broker.login()
        broker.server.sessions[-1]._write = fail
        await broken.send(1, m.BasicQos())
        await broken.until_closed()
        await check(witness)


@pytest.mark.parametrize("step", ["_watch_resources", "_write_out"])
async def test_a_step_of_the_server_itself_that_fails_is_noted(step):
    async with served() as broker:
        witness = await broker.login()
        setattr(broker.server, step, fail)
        await broker.until(lambda: owners(broker))
        delattr(broker.server, step)
        await check(witness)


async def test_a_task_that_fails_ends_nothing_else():
    async with served() as broker:
        witness = await broker.login()

        async def task():
            raise ZeroDivisionError("a mistake")

        broker.server.start(task)
        await broker.until(lambda: owners(broker))
        await check(witness)
        assert [owner.kind for owner in owners(broker)] == ["task"]


async def test_news_from_the_disk_that_cannot_be_passed_on_end_nothing():
    async with served() as broker:
        witness = await broker.login()
        broker.broker.watch_disk = fail
        broker.server.stored()
        del broker.broker.watch_disk
        await check(witness)


async def test_a_confirm_that_cannot_be_sent_closes_its_connection_and_the_others_are_answered():
    async with served() as broker:
        witness, broken = await broker.login(), await broker.login()
        await broken.declare("q")
        assert await broken.call(1, m.ConfirmSelect()) == m.ConfirmSelectOk()
        (await connection_of(broker)).channels[1].confirm = fail
        await broken.publish("q", b"one")
        _, close = await broken.next()
        assert isinstance(close, m.ConnectionClose)
        assert close.reply_code == INTERNAL_ERROR
        await check(witness)


async def test_a_commit_that_fails_is_made_up_for_by_the_next():
    async with served() as broker:
        witness = await broker.login()
        ledger = broker.broker.ledger
        broker.broker.commit = fail
        await witness.declare("q", durable=True)
        await broker.until(lambda: owners(broker))
        assert ledger.committed < ledger.end
        del broker.broker.commit
        await check(witness)


async def test_a_client_that_cannot_be_let_in_keeps_nobody_out():
    async with served() as broker:
        admit, broker.server._admit = broker.server._admit, fail
        await broker.connect()
        await broker.until(lambda: owners(broker))
        broker.server._admit = admit
        await check(await broker.login())


async def test_a_connection_that_cannot_be_closed_keeps_no_broker_from_ending():
    async with served() as broker:
        witness, _ = await broker.login(), await broker.login()
        (await connection_of(broker)).close = fail
        broker.server.start(lambda: broker.server.shut_down("the end"))
        _, close = await witness.next()
        assert isinstance(close, m.ConnectionClose)
        assert close.reply_text == "CONNECTION_FORCED - the end"
