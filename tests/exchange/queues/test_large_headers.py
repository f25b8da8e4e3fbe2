"""What headers are rewritten for costs as much as they are long: large ones use up a pass."""

import pytest

from tests.exchange.core_client import Client

HEADERS = {f"header {number}": True for number in range(6000)}
"""Some 100 KB, which take a hundred times as long as none."""
COUNT = 12


def done_in_one_pass(client: Client, queue: str) -> int:
    """How many messages wait in a queue after one pass with a whole budget."""
    client.broker.budget.renew()
    client.broker.end_pass()
    return len(client.vhost.queues[queue].ready)


@pytest.mark.parametrize(("headers", "all_at_once"), [({"a": 1}, True), (HEADERS, False)])
def test_dead_letters_of_messages_with_large_headers_are_made_in_several_passes(
    client: Client, headers: dict[str, bool], all_at_once: bool
) -> None:
    client.declare("dead")
    to_dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    client.declare("q", arguments={"x-message-ttl": 10, **to_dead})
    for _ in range(COUNT):
        client.publish("", "q", b"", headers=headers)
    client.broker.ledger.set_time(100)
    made = done_in_one_pass(client, "dead")
    assert (made == COUNT) is all_at_once
    for _ in range(COUNT):
        made = done_in_one_pass(client, "dead")
    assert made == COUNT


@pytest.mark.parametrize(("headers", "all_at_once"), [({"a": 1}, True), (HEADERS, False)])
def test_failures_of_messages_with_large_headers_are_counted_in_several_passes(
    client: Client, headers: dict[str, bool], all_at_once: bool
) -> None:
    client.declare("q", arguments={"x-delivery-limit": 5})
    for _ in range(COUNT):
        client.publish("", "q", b"", headers=headers)
        client.get("q")
    client.broker.budget.renew()
    client.reject(0, multiple=True)
    back = len(client.vhost.queues["q"].ready)
    assert (back == COUNT) is all_at_once
    for _ in range(COUNT):
        back = done_in_one_pass(client, "q")
    assert back == COUNT
