"""Policies as clients meet them: on routes and queues that are in use."""

from typing import Any

from tests.exchange.server.wire import Channel, Wire
from warrener.protocol import methods as m


def set_policy(wire: Wire, **definition: Any) -> None:
    named = {key.replace("_", "-"): value for key, value in definition.items()}
    wire.broker.policies.set("/", "p", "^q$", named)
    wire.end_pass()


def confirmed(channel: Channel, *bodies: bytes) -> list[Any]:
    """What a publisher hears of messages to the queue `q`."""
    channel.publish("", "q", *bodies)
    return channel.received()


def test_a_publisher_on_a_known_route_meets_a_new_limit_and_its_end() -> None:
    wire = Wire()
    channel = wire.login().channel()
    channel.queue("q")
    channel.call(m.ConfirmSelect())
    assert confirmed(channel, b"1") == [m.BasicAck(1)]
    set_policy(wire, max_length=1, overflow="reject-publish")
    assert confirmed(channel, b"2") == [m.BasicNack(2, requeue=False)]
    wire.broker.policies.clear("/", "p")
    assert confirmed(channel, b"3") == [m.BasicAck(3)]
    assert channel.ready("q") == 2


def test_a_publisher_on_a_known_route_meets_a_new_alternate_exchange() -> None:
    wire = Wire()
    channel = wire.login().channel()
    channel.queue("other")
    channel.call(m.ExchangeDeclare(exchange="q", type="direct"))
    channel.call(m.QueueBind(queue="other", exchange="amq.fanout"))
    channel.publish("q", "nowhere", b"1")
    assert channel.ready("other") == 0
    set_policy(wire, alternate_exchange="amq.fanout")
    channel.publish("q", "nowhere", b"2")
    assert channel.ready("other") == 1


def test_a_declaration_that_repeats_the_arguments_is_right_whatever_policies_say() -> None:
    wire = Wire()
    channel = wire.login().channel()
    channel.queue("q", arguments={"x-max-length": 5})
    set_policy(wire, max_length=3, message_ttl=10, dead_letter_exchange="x")
    channel.queue("q", arguments={"x-max-length": 5})


def test_a_consumer_gets_what_it_would_have_got_in_a_queue_that_changes_its_form() -> None:
    wire = Wire()
    channel = wire.login().channel()
    channel.queue("q")
    channel.call(m.BasicQos(prefetch_count=2))
    channel.consume("q")
    channel.publish("", "q", *[b"%d" % number for number in range(6)])
    set_policy(wire, message_ttl=60_000)
    assert channel.bodies() == [b"0", b"1"]
    channel.send(m.BasicAck(1))
    wire.broker.policies.clear("/", "p")
    channel.send(m.BasicReject(2, requeue=True))
    assert channel.bodies() == [b"2", b"1"]
    channel.send(m.BasicAck(4, multiple=True))
    assert channel.bodies() == [b"3", b"4"]
