"""What raises in a pass is put aside, and everything else goes on.

The steps fail because a type, a codec or an outlet of the test's own has a mistake in it.
"""

import dataclasses

import pytest

from tests.exchange.core_client import Client
from tests.exchange.messages import body_of
from tests.exchange.outlet import RecordingOutlet
from warrener.exchange import types
from warrener.exchange.broker import Broker
from warrener.exchange.channel import Channel
from warrener.exchange.consumer import Consumer
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.quarantine import QUARANTINE
from warrener.exchange.server.codec import CODEC
from warrener.exchange.types.fanout import FanoutExchange
from warrener.storage.null import NullStore


class BrokenExchange(FanoutExchange):
    """An exchange type with a mistake."""

    type = "x-broken"
    matches_headers = True

    def match(self, routing_key, properties, now):
        raise ZeroDivisionError("a mistake")


@pytest.fixture
def broken_type(monkeypatch):
    monkeypatch.setitem(types.TYPES, "x-broken", BrokenExchange)


@pytest.fixture
def failing_rewrite():
    """A broker that cannot write headers anew."""

    def rewrite(message, envelope, changes):
        raise ValueError("cannot be encoded")

    return Broker(NullStore(), dataclasses.replace(CODEC, rewrite=rewrite))


def waiting(client: Client, queue: str) -> list[bytes]:
    return client.drain(queue) if queue in client.vhost.queues else []


def owners(broker: Broker) -> list[str]:
    return [str(failure.owner) for failure in broker.failures]


# Messages


@pytest.mark.parametrize("persistent", [True, False])
def test_a_message_whose_dead_letter_fails_is_kept_in_the_quarantine(
    client, broken_type, persistent
):
    client.vhost.declare_exchange("broken", "x-broken", durable=True)
    arguments = {"x-dead-letter-exchange": "broken", "x-message-ttl": 10}
    client.declare("q", durable=True, arguments=arguments)
    client.publish("", "q", b"one", b"two", persistent=persistent, headers={"a": 1})
    client.at(100)
    client.at(200)
    assert waiting(client, "q") == []
    kept = client.vhost.queues[QUARANTINE]
    assert kept.durable
    (message, _), _ = kept.ready.take(2, 1 << 40)[:2]
    assert body_of(message) == b"one"
    headers = dict(message.properties.headers)
    assert headers.pop("x-quarantine-time") == 0
    assert headers == {
        "a": 1,
        "x-quarantine-source": "q",
        "x-quarantine-error": "ZeroDivisionError: a mistake",
    }
    assert owners(client.broker) == ["message of 'q' in vhost '/'"]


def test_a_rejected_message_whose_dead_letter_fails_is_not_lost(client, broken_type):
    client.vhost.declare_exchange("broken", "x-broken")
    client.declare("q", arguments={"x-dead-letter-exchange": "broken"})
    client.publish("", "q", b"one", b"two")
    client.get("q")
    client.reject(1, requeue=False)
    assert waiting(client, QUARANTINE) == [b"one"]
    assert waiting(client, "q") == [b"two"]


def test_a_message_whose_headers_cannot_be_written_goes_there_as_it_is(failing_rewrite):
    client = Client(failing_rewrite)
    client.declare("dead", "q2")
    client.declare(
        "q", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    )
    client.publish("", "q", b"one", headers={"a": 1})
    client.get("q")
    client.reject(1, requeue=False)
    (message,), _, _ = client.vhost.queues[QUARANTINE].ready.take(1, 1 << 40)
    assert (body_of(message), message.properties.headers) == (b"one", {"a": 1})
    assert waiting(client, "dead") == []


def test_a_message_that_cannot_be_released_is_kept_in_the_quarantine(failing_rewrite):
    client = Client(failing_rewrite)
    client.vhost.declare_exchange(
        "later", "x-delayed-message", arguments={"x-delayed-type": "fanout"}
    )
    client.declare("q")
    client.bind("later", "q")
    client.publish("later", "", b"held back", headers={"x-delay": 10})
    client.publish("later", "", b"at once")
    client.at(100)
    assert waiting(client, "q") == [b"at once"]
    assert waiting(client, QUARANTINE) == [b"held back"]
    assert client.vhost.queues["amq.delayed.later"].statistics().messages_ready == 0


def test_a_message_that_comes_back_uncounted_is_delivered_again(failing_rewrite):
    client = Client(failing_rewrite)
    client.declare("q", arguments={"x-delivery-limit": 5})
    client.publish("", "q", b"one")
    client.get("q")
    client.reject(1)
    assert client.get("q") == b"one"


def test_no_policy_drops_what_is_in_the_quarantine(client, broken_type):
    definition = {"max-length": 0, "dead-letter-exchange": "broken"}
    client.broker.policies.set("/", "all", ".*", definition)
    client.vhost.declare_exchange("broken", "x-broken")
    client.declare("q")
    client.publish("", "q", b"one", b"two")
    client.broker.end_pass()
    assert waiting(client, QUARANTINE) == [b"one", b"two"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"durable": True, "exclusive": True},
        {"durable": True, "auto_delete": True},
        {"durable": True, "arguments": {"x-max-length": 0}},
    ],
)
def test_nobody_can_declare_a_quarantine_that_loses_messages(client, options):
    with pytest.raises(PreconditionFailed, match="could not process"):
        client.declare(QUARANTINE, **options)
    client.declare(QUARANTINE, durable=True)


# Queues


def suspend(client: Client, name: str = "q") -> None:
    client.vhost.queues[name].suspend(ZeroDivisionError("a mistake"))


def fail_to_hand_out(client: Client, name: str) -> None:
    """Have the next step of a queue raise."""
    queue = client.vhost.queues[name]
    queue.ready = object()


def test_a_queue_that_fails_is_suspended_and_the_others_go_on(client):
    client.declare("broken", "q")
    for name in ("broken", "q"):
        client.consume(name, name)
    client.publish("", "q", b"one")
    assert client.received() == [b"one"]
    fail_to_hand_out(client, "broken")
    client.broker.pump.wake(client.vhost.queues["broken"])
    client.publish("", "q", b"two")
    assert client.received() == [b"two"]
    assert client.vhost.queues["broken"].suspended.startswith("AttributeError")
    assert owners(client.broker) == ["queue 'broken' in vhost '/'"]


def test_what_is_left_of_a_purge_that_fails_keeps_no_queue_from_its_turn(client):
    class Broken:
        waiting = False

        def pump(self):
            raise ZeroDivisionError("a mistake")

    client.declare("q")
    client.consume("q")
    client.broker.pump.wake(Broken())
    client.publish("", "q", b"one")
    assert client.received() == [b"one"]
    assert owners(client.broker) == ["turn 'Broken'"]


def test_a_deadline_that_fails_suspends_its_queue_and_the_others_are_kept(client):
    client.declare("broken", "q", arguments={"x-message-ttl": 10})
    client.publish("", "broken", b"x")
    client.publish("", "q", b"x")
    fail_to_hand_out(client, "broken")
    client.at(100)
    assert len(client.vhost.queues["q"].ready) == 0
    assert client.vhost.queues["broken"].suspended


def test_a_suspended_queue_takes_messages_and_hands_out_none(client):
    client.declare("q", arguments={"x-message-ttl": 10})
    suspend(client)
    client.consume("q")
    client.publish("", "q", b"one")
    client.at(1000)
    assert client.received() == []
    assert len(client.vhost.queues["q"].ready) == 1
    with pytest.raises(PreconditionFailed, match="suspended: ZeroDivisionError: a mistake"):
        client.get("q")


def test_a_suspended_queue_that_is_resumed_hands_out_what_came_meanwhile(client):
    client.declare("q")
    suspend(client)
    client.consume("q")
    client.publish("", "q", b"one", b"two")
    client.vhost.queues["q"].resume()
    assert client.received() == [b"one", b"two"]


def test_a_suspended_queue_can_be_deleted(client):
    client.declare("q")
    suspend(client)
    client.publish("", "q", b"one")
    assert client.vhost.delete_queue("q", client) == 1
    client.broker.end_pass()


# Clients


class BrokenOutlet(RecordingOutlet):
    """The client's side of a channel, with a mistake."""

    def __init__(self):
        super().__init__()
        self.error = None

    def room(self):
        return 0 if self.error else super().room()

    def deliver(self, consumer, messages, first_tag, redelivered):
        raise ZeroDivisionError("a mistake")

    def break_off(self, error):
        self.error = error


def test_a_client_that_cannot_be_delivered_to_costs_the_others_nothing(client):
    client.declare("q")
    outlet = BrokenOutlet()
    channel = Channel(outlet)
    channel.consume(Consumer(channel, client.vhost.queues["q"], "broken"))
    client.consume("q", "c")
    client.publish("", "q", *[b"%d" % number for number in range(10)])
    client.broker.end_pass()
    assert isinstance(outlet.error, ZeroDivisionError)
    channel.close()
    assert sorted(client.received()) == [b"%d" % number for number in range(10)]
    assert not client.vhost.queues["q"].suspended


def test_a_channel_gives_back_to_all_queues_though_one_of_them_fails(client):
    client.declare("broken", "q")
    for name in ("broken", "q"):
        client.consume(name, name)
        client.publish("", name, name.encode())
    assert sorted(client.received()) == [b"broken", b"q"]
    fail_to_hand_out(client, "broken")
    client.channel.close()
    assert client.vhost.queues["broken"].suspended
    assert len(client.vhost.queues["q"].ready) == 1
