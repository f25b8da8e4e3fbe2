"""A disk that fails while a broker runs on it: no promise after that, and an end that says why.

The limit on the size of a process's files (RLIMIT_FSIZE) makes every write fail from one moment
on, as a broken disk does.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.blocking_client import BlockingClient
from tests.interop.running_broker import RunningBroker
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit"),
]

PERSISTENT = encode_properties(delivery_mode=2)
FILES_BYTES_MAX = 3_000_000
BATCH = 50
BODY_BYTES = 2000


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    broker = RunningBroker(tmp_path)
    broker.start()
    yield broker
    print(broker.log)
    if broker.running:
        broker.stop()


def publish_until_the_end(client: BlockingClient) -> tuple[dict[int, str], m.ConnectionClose]:
    """Publish numbered messages; returns the answer to each, and the broker's last word."""
    answers: dict[int, str] = {}
    published = 0
    while True:
        if published - len(answers) < 10 * BATCH:
            numbers = range(published + 1, published + BATCH + 1)
            bodies = [b"%d" % number + bytes(BODY_BYTES) for number in numbers]
            client.publish("", "q", *bodies, properties=PERSISTENT)
            published += BATCH
        for item in client.receive():
            if isinstance(item, m.ConnectionClose):
                return answers, item
            assert isinstance(item, m.BasicAck | m.BasicNack)
            first = len(answers) + 1
            assert item.multiple or item.delivery_tag == first, "each has one answer, in order"
            answers |= dict.fromkeys(range(first, item.delivery_tag + 1), item.name)


def everything_in(client: BlockingClient, queue: str) -> list[int]:
    found = []
    while not isinstance(got := client.call(m.BasicGet(queue=queue)), m.BasicGetEmpty):
        found.append(int(got.body.rstrip(b"\0")))
    return found


def the_one_reason(log: str) -> str:
    """The line in which a broker says why it ended."""
    assert "Traceback" not in log
    [why] = [line for line in log.splitlines() if "CRITICAL" in line]
    return why


def test_a_disk_that_fails_under_load_costs_no_confirmed_message(broker: RunningBroker):
    with BlockingClient(broker.url) as client, BlockingClient(broker.url) as idle:
        client.call(m.QueueDeclare(queue="q", durable=True))
        # what goes with its connection is to be written down in the last moments, too
        idle.call(m.QueueDeclare(queue="auto", durable=True, auto_delete=True))
        idle.send(m.BasicConsume(queue="auto", consumer_tag="c"))
        client.call(m.ConfirmSelect())
        broker.limit_files(FILES_BYTES_MAX)
        answers, last_word = publish_until_the_end(client)
        assert [*idle.receive(), *idle.receive()][-1] == last_word
    assert broker.wait() == 1
    assert list(answers) == list(range(1, len(answers) + 1))
    assert set(answers.values()) == {"basic.ack", "basic.nack"}
    assert last_word.reply_code == 320
    assert last_word.reply_text == "CONNECTION_FORCED - the broker's disk failed"
    assert "cannot write to" in the_one_reason(broker.log)
    assert "File too large" in the_one_reason(broker.log)

    broker.start()
    with BlockingClient(broker.url) as client:
        found = everything_in(client, "q")
    confirmed = [number for number, answer in answers.items() if answer == "basic.ack"]
    assert confirmed == list(range(1, len(confirmed) + 1))
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= len(confirmed) > 0


def test_a_disk_that_fails_at_the_very_end_is_no_orderly_end(broker: RunningBroker):
    with BlockingClient(broker.url) as client:
        client.call(m.QueueDeclare(queue="q", durable=True))
        client.call(m.ConfirmSelect())
        client.publish("", "q", bytes(20_000), properties=PERSISTENT)
        assert client.receive() == [m.BasicAck(1)]
        broker.limit_files(10_000)
    assert broker.stop() == 1
    assert "File too large" in the_one_reason(broker.log)
    assert "ended in order" not in broker.log
