"""Policies at work: which one applies, and what it does to queues and exchanges that are there."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.broker import Broker
from warrener.exchange.budget import SETTLED
from warrener.exchange.durability.records import Kind
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.policies import Policies
from warrener.exchange.policy import Policy
from warrener.exchange.queues import selection
from warrener.exchange.queues.options import PLAIN
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.ready import Ready
from warrener.exchange.queues.selection import Selection


@pytest.fixture
def policies(broker: Broker) -> Policies:
    return broker.policies


@pytest.fixture
def queue(client: Client) -> Queue:
    (queue,) = client.declare("q")
    return queue


def set_policy(client: Client, **definition: Any) -> None:
    """Set the policy `p` for everything, and end the pass."""
    named = {key.replace("_", "-"): value for key, value in definition.items()}
    client.broker.policies.set("/", "p", ".*", named)
    client.broker.end_pass()


def clear_policy(client: Client) -> None:
    client.broker.policies.clear("/", "p")
    client.broker.end_pass()


# Which policy applies


def test_a_policy_applies_to_what_its_pattern_is_found_in(
    client: Client, policies: Policies
) -> None:
    orders, new_orders, payments = client.declare("orders", "new.orders", "payments")
    policies.set("/", "p", "orders", {"max-length": 1})
    assert [q.policy for q in (orders, new_orders, payments)] == ["p", "p", None]
    policies.set("/", "p", "^orders", {"max-length": 1})
    assert [q.policy for q in (orders, new_orders, payments)] == ["p", None, None]


def test_the_highest_priority_applies_and_no_other(policies: Policies, queue: Queue) -> None:
    policies.set("/", "low", ".*", {"max-length": 1, "expires": 1000}, priority=-1)
    policies.set("/", "high", ".*", {"message-ttl": 5}, priority=1)
    policies.set("/", "middle", ".*", {"overflow": "reject-publish"})
    assert (queue.policy, queue.effective_policy) == ("high", {"message-ttl": 5})
    policies.clear("/", "high")
    assert (queue.policy, queue.effective_policy) == ("middle", {"overflow": "reject-publish"})


def test_of_the_same_priority_the_first_by_name_applies(policies: Policies, queue: Queue) -> None:
    for name in ("b", "a", "c"):
        policies.set("/", name, ".*", {"max-length": 1})
    assert queue.policy == "a"


def test_a_policy_that_was_set_again_as_it_was_is_not_forgotten(
    policies: Policies, queue: Queue
) -> None:
    for name in ("a", "a", "b"):
        policies.set("/", name, "", {"max-length": 1})
    assert queue.policy == "a"


def test_a_priority_that_changes_changes_what_applies(policies: Policies, queue: Queue) -> None:
    policies.set("/", "a", ".*", {"max-length": 1})
    policies.set("/", "b", ".*", {"max-length": 2}, priority=1)
    policies.set("/", "b", ".*", {"max-length": 2}, priority=-1)
    assert queue.policy == "a"


@pytest.mark.parametrize(
    ("apply_to", "expected"),
    [
        ("all", {"classic", "quorum", "exchange"}),
        ("queues", {"classic", "quorum"}),
        ("classic_queues", {"classic"}),
        ("quorum_queues", {"quorum"}),
        ("streams", set()),
        ("exchanges", {"exchange"}),
    ],
)
def test_a_policy_applies_to_what_it_is_meant_for(
    client: Client, policies: Policies, apply_to: str, expected: set[str]
) -> None:
    things = [
        *client.declare("classic"),
        *client.declare("quorum", durable=True, arguments={"x-queue-type": "quorum"}),
        client.vhost.declare_exchange("exchange", "fanout"),
    ]
    policies.set("/", "p", "^[a-z]+$", {"max-length": 1}, apply_to=apply_to)
    assert {thing.name for thing in things if thing.policy} == expected


def test_what_is_declared_later_gets_the_policy_too(client: Client, policies: Policies) -> None:
    policies.set("/", "p", "^later", {"max-length": 3, "alternate-exchange": "amq.fanout"})
    (queue,) = client.declare("later")
    exchange = client.vhost.declare_exchange("later", "direct")
    assert (queue.policy, queue.options.max_length) == ("p", 3)
    assert (exchange.policy, exchange.alternate) == ("p", "amq.fanout")


def test_an_operator_policy_applies_beside_a_policy(policies: Policies, queue: Queue) -> None:
    policies.set("/", "p", ".*", {"max-length": 5, "message-ttl": 10, "overflow": "drop-head"})
    limits = {"max-length": 9, "message-ttl": 3, "overflow": "reject-publish", "expires": 1000}
    policies.set("/", "o", ".*", limits, operator=True)
    assert (queue.policy, queue.operator_policy) == ("p", "o")
    assert queue.effective_policy == {
        "max-length": 5,
        "message-ttl": 3,
        "overflow": "reject-publish",
        "expires": 1000,
    }
    policies.clear("/", "p")
    assert queue.effective_policy == limits


def test_a_policy_is_of_its_virtual_host_only(client: Client, policies: Policies) -> None:
    other = client.broker.add_vhost("v").declare_queue("q", client)
    (queue,) = client.declare("q")
    policies.set("v", "p", ".*", {"max-length": 1})
    assert (queue.policy, other.policy) == (None, "p")


def test_some_things_are_nobody_s_business(client: Client, policies: Policies) -> None:
    policies.set("/", "p", ".*", {"message-ttl": 0, "alternate-exchange": "amq.fanout"})
    arguments = {"x-delayed-type": "direct"}
    client.vhost.declare_exchange("later", "x-delayed-message", arguments=arguments)
    ungoverned = [
        client.vhost.exchanges[""],
        client.vhost.queues["amq.delayed.later"],
        client.vhost.add_reply_queue(client),
    ]
    policies.set("/", "p", ".*", {"message-ttl": 1})
    assert {thing.policy for thing in ungoverned} == {None}
    assert client.vhost.exchanges["amq.direct"].policy == "p"


def test_a_redeclaration_compares_arguments_only(client: Client, policies: Policies) -> None:
    (queue,) = client.declare("q", arguments={"x-max-length": 5})
    policies.set("/", "p", ".*", {"max-length": 3, "message-ttl": 10})
    assert client.declare("q", arguments={"x-max-length": 5}) == [queue]
    with pytest.raises(PreconditionFailed, match="inequivalent arg 'x-max-length'"):
        client.declare("q", arguments={"x-max-length": 3})


def test_without_a_policy_a_queue_is_what_its_arguments_say(client: Client, queue: Queue) -> None:
    set_policy(client, max_length=3, message_ttl=10)
    clear_policy(client)
    assert queue.options is PLAIN
    assert (queue.policy, queue.operator_policy, queue.effective_policy) == (None, None, {})


# What it does to a queue: length


def test_a_new_length_drops_the_excess_at_once(client: Client, queue: Queue) -> None:
    client.publish("", "q", *[b"%d" % number for number in range(5)])
    set_policy(client, max_length=2)
    assert client.drain("q") == [b"3", b"4"]


def test_a_new_size_drops_the_excess_at_once(client: Client, queue: Queue) -> None:
    client.publish("", "q", *[b"%d" % number for number in range(5)])
    set_policy(client, max_length_bytes=queue.ready.bytes // 5 * 2)
    assert client.drain("q") == [b"3", b"4"]


def test_the_excess_becomes_dead_letters_by_the_same_policy(client: Client, queue: Queue) -> None:
    client.declare("dead")
    client.publish("", "q", b"1", b"2")
    client.broker.policies.set(
        "/",
        "p",
        "^q$",
        {"max-length": 1, "dead-letter-exchange": "", "dead-letter-routing-key": "dead"},
    )
    client.broker.end_pass()
    assert client.drain("dead") == [b"1"]
    assert client.drain("q") == [b"2"]


def test_a_large_excess_goes_in_slices(client: Client) -> None:
    (queue,) = client.declare("q")
    client.publish("", "q", *[b"x"] * 100)
    client.broker.budget.units = 10 * SETTLED
    client.broker.budget.renew()
    client.broker.policies.set("/", "p", ".*", {"max-length": 5})
    lengths = []
    for _ in range(10):
        client.broker.end_pass()
        lengths.append(len(queue.ready))
    assert lengths == [90, 80, 70, 60, 50, 40, 30, 20, 10, 5]


def test_a_full_queue_that_comes_to_refuse_does_so_on_the_routes_that_are_known(
    client: Client, queue: Queue
) -> None:
    client.publish("", "q", b"1")
    generation = client.vhost.generation
    set_policy(client, max_length=1, overflow="reject-publish")
    assert client.vhost.generation > generation
    client.publish("", "q", b"2")
    assert client.drain("q") == [b"1"]


# Time


def test_a_new_time_to_live_counts_for_what_waits_already(client: Client, queue: Queue) -> None:
    client.publish("", "q", b"1")
    set_policy(client, message_ttl=100)
    client.publish("", "q", b"2")
    client.at(99)
    assert len(queue.ready) == 2
    client.at(100)
    assert len(queue.ready) == 0


def test_a_stored_message_counts_from_its_publication(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.publish("", "q", b"old", persistent=True)
    client.at(50)
    client.publish("", "q", b"new", persistent=True)
    durable.wait_durable()
    client.at(80)
    set_policy(client, message_ttl=60)
    assert client.drain("q") == [b"new"]


def test_a_message_that_was_out_meanwhile_counts_from_its_publication_too(
    durable: DurableBroker,
) -> None:
    client = durable.client
    (queue,) = client.declare("q", durable=True)
    client.publish("", "q", b"1", persistent=True)
    client.publish("", "q", b"2")
    durable.wait_durable()
    assert (client.get("q"), client.get("q")) == (b"1", b"2")
    client.at(80)
    set_policy(client, message_ttl=100)
    client.reject(0, multiple=True)
    client.broker.end_pass()
    client.at(99)
    assert len(queue.ready) == 2
    client.at(100)
    # Nobody knows any more when the other one came in.
    assert client.drain("q") == [b"2"]


def test_a_shorter_and_a_longer_time_to_live_count_from_the_publication(client: Client) -> None:
    (queue,) = client.declare("q", arguments={"x-message-ttl": 1000})
    client.publish("", "q", b"1")
    client.at(40)
    set_policy(client, message_ttl=50)
    client.at(49)
    set_policy(client, message_ttl=60)
    client.at(59)
    assert len(queue.ready) == 1
    client.at(60)
    assert len(queue.ready) == 0


def test_what_has_a_time_of_its_own_keeps_it(client: Client, queue: Queue) -> None:
    client.publish("", "q", b"short", expiration="10")
    client.publish("", "q", b"long", expiration="1000")
    set_policy(client, message_ttl=100)
    client.at(10)
    assert len(queue.ready) == 1
    clear_policy(client)
    client.at(999)
    assert len(queue.ready) == 1
    client.at(1000)
    assert len(queue.ready) == 0


def test_without_the_time_to_live_what_waits_stays(client: Client, queue: Queue) -> None:
    set_policy(client, message_ttl=100)
    client.publish("", "q", b"1")
    clear_policy(client)
    client.at(1000)
    assert client.drain("q") == [b"1"]


def test_what_is_with_a_consumer_when_the_time_is_set_counts_from_its_return(
    client: Client, queue: Queue
) -> None:
    client.publish("", "q", b"1")
    client.get("q")
    set_policy(client, message_ttl=100)
    client.at(50)
    client.reject(1)
    client.at(149)
    assert len(queue.ready) == 1
    client.at(150)
    assert len(queue.ready) == 0


def test_a_long_queue_gets_its_deadlines_in_slices(
    client: Client, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "EXAMINED_MAX", 10)
    client.publish("", "q", *[b"x"] * 35)
    client.broker.policies.set("/", "p", ".*", {"message-ttl": 0})
    lengths = []
    while len(queue.ready):
        client.broker.end_pass()
        client.broker.deadlines.run(0)
        lengths.append(len(queue.ready))
    # Two slices in a pass: before deadlines are looked at, and after.
    assert lengths == [15, 0]


def test_an_unused_queue_begins_to_expire_when_it_is_told_to(client: Client) -> None:
    client.declare("q")
    client.at(1000)
    set_policy(client, expires=100)
    client.at(1099)
    assert "q" in client.vhost.queues
    client.at(1100)
    assert "q" not in client.vhost.queues


def test_a_queue_no_longer_expires_without_its_policy(client: Client, queue: Queue) -> None:
    set_policy(client, expires=100)
    clear_policy(client)
    client.at(1000)
    assert not queue.deleted


# The form of a queue


def test_a_queue_changes_its_form_and_changes_back_when_it_is_empty(
    client: Client, queue: Queue
) -> None:
    client.publish("", "q", b"1", b"2")
    set_policy(client, message_ttl=100)
    assert isinstance(queue.ready, Selection)
    clear_policy(client)
    assert isinstance(queue.ready, Selection)
    client.consume("q", no_ack=True)
    assert client.received() == [b"1", b"2"]
    assert isinstance(queue.ready, Ready)


def test_an_empty_queue_changes_back_at_once(client: Client, queue: Queue) -> None:
    set_policy(client, delivery_limit=1)
    clear_policy(client)
    assert isinstance(queue.ready, Ready)


def test_the_order_stays_when_the_form_changes(client: Client, queue: Queue) -> None:
    client.publish("", "q", b"1", b"2", b"3")
    client.get("q")
    client.get("q")
    client.reject(2)
    set_policy(client, message_ttl=100)
    client.publish("", "q", b"4")
    client.reject(1)
    assert client.drain("q") == [b"1", b"2", b"3", b"4"]


def test_deliveries_are_counted_from_when_there_is_a_limit(client: Client, queue: Queue) -> None:
    client.publish("", "q", b"1")
    set_policy(client, delivery_limit=1)
    client.get("q")
    client.reject(1)
    assert len(queue.ready) == 1
    client.get("q")
    client.reject(2)
    assert len(queue.ready) == 0


def test_a_priority_queue_stays_one(client: Client) -> None:
    client.declare("q", arguments={"x-max-priority": 5})
    client.publish("", "q", b"low", priority=1)
    set_policy(client, message_ttl=100)
    client.publish("", "q", b"high", priority=5)
    clear_policy(client)
    assert client.drain("q") == [b"high", b"low"]


# Exchanges


def test_an_alternate_exchange_comes_and_goes(client: Client, queue: Queue) -> None:
    client.vhost.declare_exchange("x", "direct")
    client.bind("amq.fanout", "q")
    assert client.publish("x", "nowhere", b"1") == []
    set_policy(client, alternate_exchange="amq.fanout")
    assert client.publish("x", "nowhere", b"2") == ["q"]
    clear_policy(client)
    assert client.publish("x", "nowhere", b"3") == []


def test_the_argument_of_an_exchange_wins(client: Client, queue: Queue) -> None:
    arguments = {"alternate-exchange": "amq.topic"}
    exchange = client.vhost.declare_exchange("x", "direct", arguments=arguments)
    set_policy(client, alternate_exchange="amq.fanout")
    assert (exchange.policy, exchange.alternate) == ("p", "amq.topic")


# Restart


@pytest.fixture(params=["restart", "kill"])
def again(request: pytest.FixtureRequest, durable: DurableBroker) -> Iterator[Any]:
    """Starts the broker again, after an end in order or a sudden one."""

    def start() -> None:
        durable.broker.end_pass()
        durable.wait_durable()
        getattr(durable, request.param)()

    return start


def test_policies_are_there_after_a_restart(durable: DurableBroker, again: Any) -> None:
    set_ = durable.broker.policies.set
    definition = {"max-length": 3, "ha-mode": "nodes", "ha-params": ["a"], "overflow": "drop-head"}
    set_("/", "p", r"^q\.", definition, priority=-5, apply_to="queues")
    set_("/", "p", ".*", {"max-length": 9}, operator=True)
    set_("/", "p", ".*", {"max-length": 8}, operator=True)
    set_("/", "gone", ".*", {"max-length": 1})
    durable.broker.policies.clear("/", "gone")
    again()
    policies = durable.broker.policies
    assert policies.of("/") == [Policy("/", "p", r"^q\.", definition, -5, "queues")]
    assert policies.of("/", operator=True) == [
        Policy("/", "p", ".*", {"max-length": 8}, operator=True)
    ]


def test_policies_apply_again_after_a_restart(durable: DurableBroker, again: Any) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.vhost.declare_exchange("x", "direct", durable=True)
    client.publish("", "q", b"1", b"2", persistent=True)
    set_policy(client, message_ttl=100, alternate_exchange="amq.fanout")
    durable.now_ms = 50
    again()
    vhost = durable.client.vhost
    assert vhost.queues["q"].effective_policy == {
        "message-ttl": 100,
        "alternate-exchange": "amq.fanout",
    }
    assert [vhost.exchanges[name].alternate for name in ("x", "amq.topic", "")] == [
        "amq.fanout",
        "amq.fanout",
        None,
    ]
    durable.client.at(99)
    assert len(vhost.queues["q"].ready) == 2
    durable.client.at(100)
    assert len(vhost.queues["q"].ready) == 0


def test_the_record_of_a_policy_is_written_anew_with_the_others(durable: DurableBroker) -> None:
    set_policy(durable.client, max_length=3)
    for _ in range(60):
        durable.client.declare("q", durable=True)
        durable.client.publish("", "q", b"x" * 100, persistent=True)
        durable.client.drain("q")
        durable.broker.tidy()
    durable.restart()
    assert [policy.name for policy in durable.broker.policies.of("/")] == ["p"]


def test_a_virtual_host_takes_its_policies_with_it(durable: DurableBroker, again: Any) -> None:
    durable.broker.add_vhost("v")
    durable.broker.policies.set("v", "p", ".*", {"max-length": 1})
    durable.broker.policies.set("v", "o", ".*", {"max-length": 1}, operator=True)
    durable.broker.delete_vhost("v")
    again()
    durable.broker.add_vhost("v")
    assert durable.broker.policies.of("v") == []
    assert durable.broker.policies.of("v", operator=True) == []


def write_policy(durable: DurableBroker, vhost: str, pattern: str) -> None:
    """Have the ledger say what this broker would not have written, and start again."""
    fields = {"vhost": vhost, "name": "p", "operator": False, "pattern": pattern}
    rest = {"definition": {"max-length": 1}, "priority": 0, "apply_to": "all"}
    durable.broker.ledger.write(Kind.POLICY_SET, fields | rest)
    durable.restart()


def test_a_policy_whose_virtual_host_was_lost_is_dropped(
    durable: DurableBroker, caplog: pytest.LogCaptureFixture
) -> None:
    write_policy(durable, "lost", ".*")
    assert "policy 'p' of the lost virtual host 'lost' is dropped" in caplog.text
    caplog.clear()
    durable.restart()
    assert caplog.text == ""


def test_a_pattern_that_is_not_understood_after_a_restart_applies_to_nothing(
    durable: DurableBroker, caplog: pytest.LogCaptureFixture
) -> None:
    durable.client.declare("q", durable=True)
    write_policy(durable, "/", "(?<!a)q")
    assert "policy 'p' applies to nothing: pattern '(?<!a)q'" in caplog.text
    assert [policy.pattern for policy in durable.broker.policies.of("/")] == ["(?<!a)q"]
    assert durable.client.vhost.queues["q"].policy is None
