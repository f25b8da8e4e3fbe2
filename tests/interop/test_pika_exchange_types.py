"""pika, unmodified: the exchange types that RabbitMQ has as plugins or newer than AMQP."""

from collections import Counter
from collections.abc import Iterable

import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Fresh
from tests.interop.inbox import get_bodies
from tests.interop.refusal import channel_closed

pytestmark = pytest.mark.slow

KEYS = [f"customer-{number}" for number in range(400)]


class Shares:
    """An exchange, and queues among which it shares out what is published."""

    def __init__(
        self,
        channel: BlockingChannel,
        fresh: Fresh,
        exchange_type: str,
        arguments: dict | None = None,
    ) -> None:
        self.channel = channel
        self.exchange = fresh("exchange")
        self._fresh = fresh
        self._queues: dict[str, str] = {}
        channel.exchange_declare(self.exchange, exchange_type, arguments=arguments)

    def bind(self, label: str, key: str = "", arguments: dict | None = None) -> None:
        self._queues[label] = self._fresh(label)
        self.channel.queue_declare(self._queues[label])
        self.channel.queue_bind(self._queues[label], self.exchange, key, arguments)

    def publish(self, keys: Iterable[str], headers: dict | None = None) -> None:
        for key in keys:
            properties = BasicProperties(headers=headers)
            self.channel.basic_publish(self.exchange, key, key.encode(), properties)

    def take(self) -> dict[str, list[str]]:
        """What each queue got, in order."""
        return {
            label: [body.decode() for body in get_bodies(self.channel, queue)]
            for label, queue in self._queues.items()
        }

    def owners(self) -> dict[str, str]:
        """Which queue got each message; none came twice and none was lost."""
        taken = [(key, label) for label, keys in self.take().items() for key in keys]
        assert len({key for key, _ in taken}) == len(taken)
        return dict(taken)


def test_a_consistent_hash_exchange_keeps_a_key_on_its_queue(
    channel: BlockingChannel, fresh: Fresh
):
    shares = Shares(channel, fresh, "x-consistent-hash")
    shares.bind("small", "1")
    shares.bind("large", "3")
    shares.publish(KEYS)
    before = shares.owners()
    assert set(KEYS) == set(before)
    assert Counter(before.values())["large"] == pytest.approx(300, abs=40)
    shares.bind("new", "4")
    shares.publish(KEYS)
    after = shares.owners()
    assert all(after[key] in (before[key], "new") for key in KEYS)


def test_a_consistent_hash_exchange_can_go_by_a_header(channel: BlockingChannel, fresh: Fresh):
    shares = Shares(channel, fresh, "x-consistent-hash", {"hash-header": "customer"})
    shares.bind("one", "1")
    shares.bind("two", "1")
    shares.publish(KEYS, headers={"customer": "c-1"})
    assert len(set(shares.owners().values())) == 1


def test_a_consistent_hash_exchange_refuses_what_is_no_weight(
    channel: BlockingChannel, fresh: Fresh
):
    shares = Shares(channel, fresh, "x-consistent-hash")
    with channel_closed(406, "The binding key must be an integer"):
        shares.bind("queue", "heavy")


def test_a_modulus_hash_exchange_keeps_a_key_on_its_queue(channel: BlockingChannel, fresh: Fresh):
    shares = Shares(channel, fresh, "x-modulus-hash")
    shares.bind("one")
    shares.bind("two")
    shares.publish(KEYS)
    before = shares.owners()
    assert Counter(before.values())["one"] == pytest.approx(200, abs=50)
    shares.publish(KEYS)
    assert shares.owners() == before


def test_a_random_exchange_gives_each_message_to_one_queue(channel: BlockingChannel, fresh: Fresh):
    shares = Shares(channel, fresh, "x-random")
    shares.bind("one")
    shares.bind("two", "any key")
    shares.publish(["same key"] * 400)
    counts = {label: len(keys) for label, keys in shares.take().items()}
    assert sum(counts.values()) == 400
    assert counts["one"] == pytest.approx(200, abs=50)


def test_a_filter_on_a_binding_takes_its_queue_out_of_the_draw(
    channel: BlockingChannel, fresh: Fresh
):
    shares = Shares(channel, fresh, "x-random")
    shares.bind("all")
    shares.bind("red", arguments={"x-filter-jms-selector": "colour = 'red'"})
    shares.publish(KEYS, headers={"colour": "blue"})
    assert set(shares.owners().values()) == {"all"}
    shares.publish(KEYS, headers={"colour": "red"})
    assert set(shares.owners().values()) == {"all", "red"}


def test_a_local_random_exchange_takes_no_binding_key(channel: BlockingChannel, fresh: Fresh):
    shares = Shares(channel, fresh, "x-local-random")
    shares.bind("one")
    shares.bind("two")
    shares.publish(KEYS)
    assert set(shares.owners().values()) == {"one", "two"}
    with channel_closed(406, "Non empty binding 'key' key not permitted"):
        shares.bind("three", "key")


def test_a_recent_history_exchange_tells_who_comes_later(channel: BlockingChannel, fresh: Fresh):
    shares = Shares(channel, fresh, "x-recent-history", {"x-recent-history-length": 3})
    shares.bind("early")
    shares.publish(["1", "2", "3", "4"])
    shares.publish(["secret"], headers={"x-recent-history-no-store": True})
    shares.bind("late")
    shares.publish(["5"])
    assert shares.take() == {
        "early": ["1", "2", "3", "4", "secret", "5"],
        "late": ["2", "3", "4", "5"],
    }


def test_a_recent_history_exchange_remembers_what_nobody_got(
    channel: BlockingChannel, fresh: Fresh
):
    shares = Shares(channel, fresh, "x-recent-history")
    shares.publish(["1", "2"])
    shares.bind("first")
    assert shares.take() == {"first": ["1", "2"]}


def test_a_history_without_a_length_is_refused(channel: BlockingChannel, fresh: Fresh):
    with channel_closed(406, "'x-recent-history-length' must be a positive integer"):
        Shares(channel, fresh, "x-recent-history", {"x-recent-history-length": 0})
