"""Which queues belong to which connection."""

from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from warrener.exchange.broker import Broker
from warrener.exchange.exclusive import ExclusiveQueues
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

STEPS = st.lists(st.tuples(st.sampled_from(["declare", "delete"]), st.integers(0, 2)), max_size=20)


@given(STEPS)
def test_it_knows_the_queues_of_each_connection(steps: list[tuple[str, int]]) -> None:
    broker = Broker(NullStore(), CODEC)
    clients = [Client(broker) for _ in range(3)]
    exclusive = ExclusiveQueues()
    model: dict[Client, list[object]] = {client: [] for client in clients}
    for number, (step, who) in enumerate(steps):
        client = clients[who]
        if step == "declare":
            (queue,) = client.declare(f"q{number}", exclusive=True)
            exclusive.add(queue)
            model[client].append(queue)
        elif model[client]:
            exclusive.discard(model[client].pop(0))  # type: ignore[arg-type]
    assert {client: list(exclusive.of(client)) for client in clients} == model


def test_queues_that_belong_to_nobody_are_not_kept(client: Client) -> None:
    exclusive = ExclusiveQueues()
    (queue,) = client.declare("q")
    exclusive.add(queue)
    exclusive.discard(queue)
    assert exclusive.of(None) == ()
