"""A redrive on disk: a message is in one place, whenever the broker is killed."""

from tests.exchange.durability.test_recovery import contents
from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.queues.redrive import Redrive

BODIES = [b"%d" % number for number in range(6)]


def begin(durable: DurableBroker, **options: int) -> Redrive:
    vhost = durable.broker.vhost("/")
    rights = durable.broker.permissions.rights("guest", "/")
    return Redrive(
        vhost,
        vhost.queues["dead"],
        rights,
        lambda sight: sight.message.content[-2:-1] not in b"13",
        count=10,
        among=10,
        exchange="",
        routing_key="work",
        **options,
    )


def fill(durable: DurableBroker) -> None:
    for name in ("dead", "work"):
        durable.client.declare(name, durable=True)
    durable.client.publish("", "dead", *BODIES, persistent=True)
    durable.broker.end_pass()
    durable.wait_durable()


def bodies(durable: DurableBroker, queue: str) -> list[bytes]:
    return [body for body, _ in contents(durable.client, queue)]


def test_what_was_moved_is_there_and_nowhere_else_after_a_kill(durable: DurableBroker) -> None:
    fill(durable)
    assert begin(durable).step(10) == 4
    durable.broker.end_pass()
    durable.wait_durable()
    durable.kill()
    assert bodies(durable, "work") == [b"0", b"2", b"4", b"5"]
    assert bodies(durable, "dead") == [b"1", b"3"]


def test_what_was_not_committed_is_where_it_was(durable: DurableBroker) -> None:
    fill(durable)
    begin(durable).step(10)
    durable.kill()
    assert bodies(durable, "work") == []
    assert bodies(durable, "dead") == BODIES


def test_a_step_goes_on_where_the_one_before_had_enough(durable: DurableBroker) -> None:
    fill(durable)
    redrive = begin(durable, piece=3)
    steps = []
    while not redrive.over:
        steps.append(redrive.step(1))
    assert sum(steps) == 4
    assert max(steps) == 1
    assert redrive.examined == len(BODIES)
    assert bodies(durable, "work") == [b"0", b"2", b"4", b"5"]
    assert bodies(durable, "dead") == [b"1", b"3"]
