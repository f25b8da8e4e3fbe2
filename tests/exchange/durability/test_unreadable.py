"""A start with records that cannot be taken up: the rest is restored, and nothing is dropped.

The records are written as another version, or a mistake of ours, might have written them.
"""

import pytest

from tests.exchange.durable_broker import DurableBroker
from warrener.exchange import types
from warrener.exchange.durability.records import Kind
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.placeholders import ExchangePlaceholder, QueuePlaceholder
from warrener.exchange.quarantine import QUARANTINE
from warrener.exchange.queues.deduplicating_queue import DeduplicatingQueue
from warrener.exchange.queues.selection import Selection
from warrener.exchange.types.fanout import FanoutExchange


class OurExchange(FanoutExchange):
    """A type that is registered by one start and not by the next."""

    type = "x-ours"


@pytest.fixture
def our_type(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setitem(types.TYPES, "x-ours", OurExchange)
    return monkeypatch


def owners(durable: DurableBroker) -> list[str]:
    return [str(failure.owner) for failure in durable.broker.failures]


def settle_down(durable: DurableBroker) -> None:
    """What was there before works, and what is kept is kept over another start."""
    durable.client.publish("", "q", b"after", persistent=True)
    assert durable.client.drain("q")[-1] == b"after"


@pytest.fixture
def started(durable: DurableBroker) -> DurableBroker:
    durable.client.declare("q", durable=True)
    return durable


def test_an_exchange_of_an_unknown_type_keeps_its_bindings_until_it_is_known(
    started: DurableBroker, our_type: pytest.MonkeyPatch
) -> None:
    started.client.vhost.declare_exchange("e", "x-ours", durable=True)
    started.client.bind("e", "q")
    our_type.delitem(types.TYPES, "x-ours")
    for _ in range(2):
        started.restart()
        exchange = started.client.vhost.exchanges["e"]
        assert isinstance(exchange, ExchangePlaceholder)
        assert (exchange.type, len(exchange.bindings)) == ("x-ours", 1)
        with pytest.raises(PreconditionFailed, match="could not be restored"):
            started.client.publish("e", "", b"x")
        assert owners(started) == ["exchange 'e' in vhost '/'"]
        settle_down(started)
        started.broker.rewrite_definitions()
    our_type.setitem(types.TYPES, "x-ours", OurExchange)
    started.restart()
    assert started.client.publish("e", "", b"x") == ["q"]


def test_a_dead_letter_to_such_an_exchange_is_not_lost(
    started: DurableBroker, our_type: pytest.MonkeyPatch
) -> None:
    started.client.vhost.declare_exchange("e", "x-ours", durable=True)
    arguments = {"x-dead-letter-exchange": "e"}
    started.client.declare("source", durable=True, arguments=arguments)
    started.client.publish("", "source", b"x", persistent=True)
    our_type.delitem(types.TYPES, "x-ours")
    started.restart()
    started.client.get("source")
    started.client.reject(1, requeue=False)
    started.restart()
    assert started.client.drain(QUARANTINE) == [b"x"]
    assert started.client.drain("source") == []


def test_a_queue_with_an_argument_that_is_refused_now_keeps_its_messages(
    started: DurableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"x-max-length": 5, "other": [1]}
    started.client.declare("limited", durable=True, arguments=arguments)
    started.client.publish("", "limited", b"1", b"2", persistent=True)

    def refuse(*arguments: object) -> None:
        raise PreconditionFailed("refused by this version")

    with monkeypatch.context() as patch:
        patch.setattr("warrener.exchange.vhost.queue_options", refuse)
        for _ in range(2):
            started.restart()
            queue = started.client.vhost.queues["limited"]
            assert isinstance(queue, QueuePlaceholder)
            assert queue.suspended == "PreconditionFailed: refused by this version"
            assert (len(queue.ready), queue.arguments) == (2, arguments)
            settle_down_without_declaring(started)
            started.broker.rewrite_definitions()
    started.restart()
    assert started.client.drain("limited") == [b"1", b"2"]


def settle_down_without_declaring(durable: DurableBroker) -> None:
    durable.client.publish("", "limited", b"3", persistent=False)
    durable.broker.policies.set("/", "p", ".*", {"max-length": 0})
    durable.broker.policies.clear("/", "p")
    with pytest.raises(PreconditionFailed, match="suspended"):
        durable.client.get("limited")


def test_a_placeholder_can_be_deleted(started: DurableBroker, our_type: pytest.MonkeyPatch) -> None:
    started.client.vhost.declare_exchange("e", "x-ours", durable=True)
    started.client.bind("e", "q")
    our_type.delitem(types.TYPES, "x-ours")
    started.restart()
    started.client.vhost.delete_exchange("e")
    started.restart()
    assert "e" not in started.client.vhost.exchanges
    assert owners(started) == []


def test_a_binding_that_makes_no_sense_is_kept_and_reported(started: DurableBroker) -> None:
    fields = {
        "vhost": "/",
        "source": "amq.direct",
        "destination": "q",
        "to_queue": True,
        "key": "k",
        "binding": {"x-filter-jms-selector": "a language of the future ("},
    }
    position = started.broker.ledger.write(Kind.BOUND, fields)
    for _ in range(2):
        started.restart()
        (record,) = started.broker.unreadable
        assert (record.title, record.position, record.fields) == ("BOUND", position, fields)
        assert record.error.startswith("PreconditionFailed")
        assert owners(started) == [f"record 'BOUND at {position}'"]
        started.trim()
        settle_down(started)


def test_a_record_that_was_looked_at_can_be_given_up(started: DurableBroker) -> None:
    fields = {"vhost": "/", "source": "amq.direct", "destination": "q", "to_queue": True}
    started.broker.ledger.write(Kind.BOUND, fields)
    started.restart()
    (record,) = started.broker.unreadable
    assert started.broker.unreadable.drop(record.position)
    assert not started.broker.unreadable.drop(record.position)
    started.restart()
    assert len(started.broker.unreadable) == 0


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Kind.USER_SET, {"name": "u"}),
        (Kind.PERMISSION_SET, {"user": "guest", "vhost": "/", "new": 1}),
        (Kind.POLICY_SET, {"vhost": "/", "name": "p", "operator": False}),
        (Kind.PARAMETER_SET, {"name": "p"}),
        (Kind.BOUND, {"vhost": "nowhere"}),
        (Kind.QUEUE_DECLARED, {}),
        (Kind.EXCHANGE_DECLARED, {"vhost": "/"}),
        (Kind.QUEUE_DELETED, {"number": "x"}),
    ],
)
def test_a_table_with_something_else_in_it_ends_no_start(
    started: DurableBroker, kind: Kind, fields: dict[str, object]
) -> None:
    started.broker.rewrite_definitions()
    started.broker.ledger.write(kind, fields)
    started.restart()
    assert [record.title for record in started.broker.unreadable] == [kind.name]
    settle_down(started)


@pytest.mark.parametrize("kind", [Kind.SETTLED, Kind.SEEN, Kind.RETURNED, Kind.BOUND, 99])
def test_a_record_of_other_bytes_or_of_another_kind_ends_no_start(
    started: DurableBroker, kind: int
) -> None:
    started.client.publish("", "q", b"kept", persistent=True)
    started.store.append(int(kind), b"?", b"", 1)
    started.restart()
    assert [record.kind for record in started.broker.unreadable] == [kind]
    assert started.client.get("q") == b"kept"


def test_a_virtual_host_with_something_else_in_its_record_is_there(
    started: DurableBroker,
) -> None:
    started.broker.rewrite_definitions()
    started.broker.add_vhost("other").declare_queue("q", None, durable=True)
    fields = {"name": "other", "limits": {"max_of_the_future": 1}}
    started.broker.entries.put(Kind.VHOST_SET, "other", fields)
    started.restart()
    assert "q" in started.broker.vhosts["other"].queues
    assert owners(started) == ["virtual host 'other'"]
    started.broker.delete_vhost("other")
    started.restart()
    assert "other" not in started.broker.vhosts


def test_a_topic_permission_that_cannot_be_read_allows_nothing(started: DurableBroker) -> None:
    started.broker.rewrite_definitions()
    fields = {"user": "guest", "vhost": "/", "exchange": "amq.topic", "future": ""}
    started.broker.ledger.write(Kind.TOPIC_PERMISSION_SET, fields)
    started.restart()
    rights = started.broker.permissions.rights("guest", "/")
    (denied,) = rights.topic_permissions
    assert denied.exchange == "amq.topic"
    assert len(started.broker.unreadable) == 1


@pytest.mark.parametrize("arguments", [{"x-max-priority": 5}, {"x-message-deduplication": True}])
def test_a_queue_that_cannot_take_up_its_messages_keeps_them_suspended(
    started: DurableBroker, arguments: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    started.client.declare("broken", durable=True, arguments=arguments)
    started.client.publish("", "broken", b"1", persistent=True, headers={"a": 1})
    started.client.publish("", "broken", b"2", persistent=True, headers={"a": 2})

    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(Selection, "restore", fail)
        patch.setattr(DeduplicatingQueue, "restore", fail)
        started.restart()
    queue = started.client.vhost.queues["broken"]
    assert (len(queue.ready), bool(queue.suspended)) == (2, True)
    settle_down(started)
    queue.resume()
    assert started.client.drain("broken") == [b"1", b"2"]


def test_the_queue_of_a_delayed_exchange_that_is_lost_is_no_queue_for_clients(
    started: DurableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    started.client.vhost.declare_exchange(
        "later", "x-delayed-message", durable=True, arguments={"x-delayed-type": "fanout"}
    )
    started.client.bind("later", "q")
    started.client.publish("later", "", b"x", persistent=True, headers={"x-delay": 50})
    with monkeypatch.context() as patch:
        patch.delitem(types.TYPES, "x-delayed-message")
        started.restart()
        started.client.at(100)
        assert started.client.vhost.queues["amq.delayed.later"].suspended
        assert started.client.drain("q") == []
    started.restart()
    started.client.at(200)
    started.client.at(300)
    assert started.client.drain("q") == [b"x"]
