"""Several virtual hosts on one broker: making and deleting them, and what lasts of them."""

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.access.limits import VirtualHostLimits
from warrener.exchange.broker import Broker
from warrener.exchange.durability.records import Kind
from warrener.exchange.durability.recovery import restore
from warrener.exchange.errors import NotFound, PreconditionFailed
from warrener.exchange.server.codec import CODEC


def client_of(broker: Broker, vhost: str) -> Client:
    client = Client(broker)
    client.vhost = broker.vhosts[vhost]
    return client


def test_the_same_names_stand_for_different_things_in_two_virtual_hosts(broker: Broker) -> None:
    broker.add_vhost("v")
    here, there = Client(broker), client_of(broker, "v")
    for client in (here, there):
        client.declare("q")
        client.bind("amq.fanout", "q")
    here.publish("amq.fanout", "", b"here")
    there.publish("amq.fanout", "", b"there")
    assert (here.drain("q"), there.drain("q")) == ([b"here"], [b"there"])


@pytest.mark.parametrize("name", ["", "/"])
def test_a_virtual_host_needs_a_name_that_is_free(broker: Broker, name: str) -> None:
    with pytest.raises(PreconditionFailed):
        broker.add_vhost(name)
    assert list(broker.vhosts) == ["/"]


def test_what_is_not_there_can_neither_be_deleted_nor_limited(broker: Broker) -> None:
    for change in (broker.delete_vhost, lambda name: broker.set_vhost_limits(name, None)):
        with pytest.raises(NotFound, match="no virtual host 'v'"):
            change("v")


def test_a_virtual_host_that_is_deleted_and_made_again_is_empty(broker: Broker) -> None:
    broker.add_vhost("v")
    client = client_of(broker, "v")
    client.declare("q", durable=True)
    client.publish("", "q", b"1", persistent=True)
    broker.delete_vhost("v")
    again = broker.add_vhost("v")
    assert again.queues == {}
    assert set(again.exchanges) == set(broker.vhosts["/"].exchanges)


@pytest.mark.parametrize("auto_delete", [False, True])
def test_a_delayed_exchange_goes_with_its_virtual_host(broker: Broker, auto_delete: bool) -> None:
    broker.add_vhost("v")
    client = client_of(broker, "v")
    arguments = {"x-delayed-type": "direct"}
    client.vhost.declare_exchange(
        "later", "x-delayed-message", auto_delete=auto_delete, arguments=arguments
    )
    client.declare("q")
    client.bind("later", "q")
    client.publish("later", "", b"1", headers={"x-delay": 10})
    broker.delete_vhost("v")
    client.at(10)
    assert list(broker.vhosts) == ["/"]
    assert broker.statistics().queues == ()


def test_exchanges_that_go_with_each_other_go_with_their_virtual_host(broker: Broker) -> None:
    vhost = broker.add_vhost("v")
    for name in ("z", "y", "x"):
        vhost.declare_exchange(name, "fanout", auto_delete=True)
    vhost.bind("x", vhost.exchange("y"), "")
    vhost.bind("y", vhost.exchange("z"), "")
    broker.delete_vhost("v")
    assert "v" not in broker.vhosts


# The limit of queues


def test_a_virtual_host_has_as_many_queues_as_may_be(broker: Broker, client: Client) -> None:
    broker.set_vhost_limits("/", VirtualHostLimits(max_queues=2))
    client.declare("a", "b")
    for name, shown in (("c", "'c'"), ("", "'amq.gen-")):
        with pytest.raises(PreconditionFailed) as refused:
            client.declare(name)
        assert refused.value.text.startswith(f"cannot declare queue {shown}")
        assert refused.value.text.endswith("queue limit in vhost '/' (2) is reached")
    client.declare("a")
    client.vhost.delete_queue("b", client)
    client.declare("c")


def test_queues_that_the_broker_has_for_itself_do_not_count(broker: Broker, client: Client) -> None:
    broker.set_vhost_limits("/", VirtualHostLimits(max_queues=1))
    client.vhost.add_reply_queue(client)
    arguments = {"x-delayed-type": "direct"}
    client.vhost.declare_exchange("later", "x-delayed-message", arguments=arguments)
    client.declare("a")
    with pytest.raises(PreconditionFailed):
        client.declare("b")


# What lasts


def furnish(durable: DurableBroker) -> None:
    """A virtual host with everything that lasts in it."""
    durable.broker.add_vhost("v", VirtualHostLimits(max_connections=3, max_queues=7))
    client = client_of(durable.broker, "v")
    for kind in ("direct", "fanout", "headers", "topic"):
        client.vhost.declare_exchange(f"e.{kind}", kind, durable=True)
    client.declare("q", durable=True)
    client.vhost.bind("e.topic", client.vhost.exchange("amq.direct"), "k")
    client.vhost.bind("amq.topic", client.vhost.exchange("amq.direct"), "k")
    client.bind("amq.direct", "q", "k")
    client.publish("e.topic", "k", b"1", persistent=True)


def test_virtual_hosts_last_with_all_that_is_in_them(durable: DurableBroker) -> None:
    furnish(durable)
    durable.broker.set_vhost_limits("/", VirtualHostLimits(max_queues=0))
    for _ in range(2):
        durable.restart()
        durable.broker.rewrite_definitions()
        assert {name: vhost.limits for name, vhost in durable.broker.vhosts.items()} == {
            "/": VirtualHostLimits(max_queues=0),
            "v": VirtualHostLimits(max_connections=3, max_queues=7),
        }
    client = client_of(durable.broker, "v")
    assert client.publish("amq.topic", "k", b"2", persistent=True) == ["q"]
    assert client.drain("q") == [b"1", b"2"]


@pytest.mark.parametrize("ended", [True, False])
def test_of_a_deleted_virtual_host_nothing_is_left(durable: DurableBroker, ended: bool) -> None:
    furnish(durable)
    if ended:
        durable.restart()
    durable.broker.delete_vhost("v")
    durable.restart()
    assert list(durable.broker.vhosts) == ["/"]
    assert durable.restored.queues == 0
    durable.broker.add_vhost("v")
    durable.restart()
    vhost = durable.broker.vhosts["v"]
    assert vhost.queues == {}
    assert not any(exchange.bindings for name, exchange in vhost.exchanges.items() if name)


def test_the_first_virtual_host_may_go_as_well(durable: DurableBroker) -> None:
    durable.broker.add_vhost("v")
    durable.broker.delete_vhost("/")
    durable.broker.add_vhost("w")
    durable.broker.ledger.commit()
    durable.store.close()
    durable.open()
    broker = Broker(durable.store, CODEC)
    restore(broker, durable.store.recover())
    assert list(broker.vhosts) == ["v", "w"]
    assert list(broker.permissions) == []


def test_what_a_new_broker_assumes_is_written_once(durable: DurableBroker) -> None:
    before = durable.broker.ledger.end
    durable.restart()
    assert durable.broker.ledger.end == before
    assert list(durable.broker.vhosts) == ["/"]
    assert "guest" in durable.broker.users


PERMISSION = {"configure": "", "write": "", "read": ""}
TOPIC_PERMISSION = {"exchange": "e", "write": "", "read": ""}


def test_a_virtual_host_whose_record_is_lost_is_made_again_for_what_is_in_it(
    durable: DurableBroker,
) -> None:
    queue = {"vhost": "v", "name": "q", "number": 1, "auto_delete": False, "arguments": {}}
    durable.broker.ledger.write(Kind.QUEUE_DECLARED, queue)
    for _ in range(2):
        durable.restart()
        assert list(durable.broker.vhosts) == ["/", "v"]
        assert list(durable.broker.vhosts["v"].queues) == ["q"]


def test_a_permission_whose_user_or_virtual_host_is_lost_is_dropped(
    durable: DurableBroker,
) -> None:
    write = durable.broker.ledger.write
    write(Kind.PERMISSION_SET, {"user": "guest", "vhost": "v", **PERMISSION})
    write(Kind.PERMISSION_SET, {"user": "ann", "vhost": "/", **PERMISSION})
    write(Kind.TOPIC_PERMISSION_SET, {"user": "ann", "vhost": "/", **TOPIC_PERMISSION})
    durable.restart()
    durable.broker.users.add("ann", "x")
    durable.broker.add_vhost("v")
    durable.restart()
    permissions = durable.broker.permissions
    assert [(each.user, each.vhost) for each in permissions] == [("guest", "/")]
    assert permissions.topics == []


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_virtual_host_is_traced_until_that_is_ended(durable: DurableBroker, how: str) -> None:
    durable.broker.set_tracing("/", on=True)
    durable.broker.end_pass()
    durable.wait_durable()
    getattr(durable, how)()
    assert durable.broker.vhost("/").tracing
    durable.broker.set_tracing("/", on=False)
    durable.broker.end_pass()
    durable.wait_durable()
    getattr(durable, how)()
    assert not durable.broker.vhost("/").tracing
    with pytest.raises(NotFound):
        durable.broker.set_tracing("nowhere", on=True)
