"""Giving space back under a broker: what is rewritten away must not change what a restart finds."""

import pytest

from tests.exchange.durable_broker import DurableBroker, lasting_topology
from tests.exchange.messages import body_of
from tests.exchange.queues.stored import stored_positions
from warrener.exchange.access.limits import VirtualHostLimits


def work(durable: DurableBroker, rounds: int = 60) -> None:
    """Messages come and go, so that segments are filled with what nobody needs; then tidy up."""
    durable.client.declare("work", durable=True)
    for _ in range(rounds):
        durable.client.publish("", "work", bytes(200), persistent=True)
        durable.client.drain("work")
    durable.broker.end_pass()
    durable.wait_durable()
    durable.trim()


def bodies(durable: DurableBroker, queue: str) -> list[bytes]:
    ready = durable.client.vhost.queues[queue].ready
    return [body_of(m) for m in durable.broker.ledger.load(stored_positions(ready))]


def rewritten(durable: DurableBroker) -> bool:
    return any(path.name.count(".") == 2 for path in durable.folder.glob("*.segment"))


def test_one_message_that_nobody_takes_does_not_keep_the_journal(durable: DurableBroker) -> None:
    durable.client.declare("q", durable=True)
    durable.client.publish("", "q", b"old", persistent=True)
    for _ in range(5):
        work(durable)
        assert durable.segments < 6
    assert rewritten(durable)
    durable.restart()
    assert bodies(durable, "q") == [b"old"]


def test_a_message_settled_in_one_of_its_queues_does_not_come_back_there(
    durable: DurableBroker,
) -> None:
    client = durable.client
    for queue in client.declare("a", "b", durable=True):
        client.bind("amq.fanout", queue.name)
    client.publish("amq.fanout", "", b"1", b"2", persistent=True)
    client.get("a")
    client.ack(1)
    for _ in range(3):
        work(durable)
        assert rewritten(durable)
        durable.restart()
        assert bodies(durable, "a") == [b"2"]
        assert bodies(durable, "b") == [b"1", b"2"]


def test_what_was_undone_does_not_come_back(durable: DurableBroker) -> None:
    durable.client.declare("keep", durable=True)
    durable.client.publish("", "keep", b"old", persistent=True)
    for number in range(4):
        client = durable.client
        _, other = client.declare("q", "r", durable=True)
        client.vhost.declare_exchange("e", "topic", durable=True)
        client.bind("e", "q", "k")
        client.bind("e", "r", "k")
        client.publish("e", "k", b"gone", persistent=True)
        durable.broker.users.add(f"user{number}", "secret")
        work(durable)
        client.vhost.unbind("e", other, "k")
        client.vhost.delete_queue("q", client)
        durable.broker.users.delete(f"user{number}")
        work(durable)
        client.vhost.delete_exchange("e")
        client.vhost.delete_queue("r", client)
        topology = lasting_topology(durable.broker)
        work(durable)
        durable.restart()
        assert lasting_topology(durable.broker) == topology
        assert [user.name for user in durable.broker.users] == ["guest"]
    assert set(durable.client.vhost.queues) == {"keep", "work"}
    assert durable.segments < 6


def test_entries_that_changed_often_have_their_last_value(durable: DurableBroker) -> None:
    broker = durable.broker
    broker.add_vhost("v")
    for number in range(6):
        broker.set_vhost_limits("v", VirtualHostLimits(max_queues=number))
        work(durable, 20)
    durable.restart()
    assert durable.broker.vhosts["v"].limits == VirtualHostLimits(max_queues=5)
    durable.broker.delete_vhost("v")
    work(durable)
    durable.restart()
    assert set(durable.broker.vhosts) == {"/"}


def test_the_number_of_a_queue_is_not_used_again_while_a_message_of_it_is_in_a_file(
    durable: DurableBroker,
) -> None:
    work(durable)
    client = durable.client
    client.declare("keep", durable=True)
    (queue,) = client.declare("q", durable=True)
    for name in ("keep", "q"):
        client.bind("amq.fanout", name)
    client.publish("amq.fanout", "", b"in both", persistent=True)
    number = queue.number
    client.vhost.delete_queue("q", client)
    work(durable)
    durable.restart()
    (again,) = durable.client.declare("q", durable=True)
    assert again.number > number
    durable.restart()
    assert bodies(durable, "q") == []
    assert bodies(durable, "keep") == [b"in both"]


@pytest.mark.parametrize("way", ["restart", "kill"])
def test_messages_are_delivered_in_order_while_files_are_rewritten_under_them(
    durable: DurableBroker, way: str
) -> None:
    client = durable.client
    client.declare("q", durable=True)
    for number in range(40):
        client.publish("", "q", b"%d" % number, persistent=True)
        work(durable, 5)
    if way == "restart":
        durable.restart()
    else:
        durable.wait_durable()
        durable.kill()
    expected = [b"%d" % number for number in range(40)]
    for number in range(40):
        assert durable.client.get("q", no_ack=True) == expected[number]
        work(durable, 2)


def test_how_often_a_message_came_back_is_known_after_its_segment_is_rewritten(
    durable: DurableBroker,
) -> None:
    limited = {"x-delivery-limit": 3}
    durable.client.declare("q", durable=True, arguments=limited)
    durable.client.publish("", "q", b"poison", persistent=True)
    for _ in range(3):
        durable.client.get("q")
        (tag,) = durable.client.channel.unacked
        durable.client.reject(tag)
        work(durable)
        durable.restart()
        assert rewritten(durable)
    assert durable.client.get("q") == b"poison"
    (tag,) = durable.client.channel.unacked
    durable.client.reject(tag)
    durable.broker.end_pass()
    assert durable.client.get("q") is None


def test_policies_that_were_cleared_do_not_come_back(durable: DurableBroker) -> None:
    policies = durable.broker.policies
    policies.set("/", "p", "^q", {"max-length": 5})
    work(durable, 20)
    policies.set("/", "p", "^q", {"max-length": 7})
    work(durable)
    policies.clear("/", "p")
    work(durable)
    durable.restart()
    durable.client.declare("q", durable=True)
    for number in range(9):
        durable.client.publish("", "q", b"%d" % number)
    durable.broker.end_pass()
    assert len(durable.client.vhost.queues["q"].ready) == 9
