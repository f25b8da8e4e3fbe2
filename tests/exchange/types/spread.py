"""An exchange that sends each message to one of its queues, in a broker of its own."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.exchange.core_client import Client
from tests.exchange.messages import Properties
from warrener.exchange.broker import Broker
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

KEYS = [f"customer-{number}" for number in range(10_000)]
NO_PROPERTIES = Properties()


class Spread:
    """The exchange `e`, and queues that are declared when they are bound."""

    def __init__(self, exchange_type: str, arguments: Mapping[str, Any] | None = None) -> None:
        self.client = Client(Broker(NullStore(), CODEC))
        self.exchange = self.client.vhost.declare_exchange("e", exchange_type, arguments=arguments)

    def bind(self, queue: str, key: str = "", **arguments: Any) -> None:
        self.client.declare(queue)
        dashed = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.client.bind("e", queue, key, **dashed)

    def unbind(self, queue: str, key: str = "") -> None:
        self.client.vhost.unbind("e", self.client.vhost.queues[queue], key)

    def target(self, key: str = "", properties: Any = NO_PROPERTIES) -> str | None:
        """The queue a message goes to, None if it goes nowhere."""
        queues = self.client.vhost.route("e", key, properties).queues
        assert len(queues) <= 1, f"{key!r} went to {queues}"
        return queues[0].name if queues else None

    def targets(self, keys: Iterable[str] = KEYS) -> dict[str, str | None]:
        return {key: self.target(key) for key in keys}

    def shares(self, keys: Iterable[str] = KEYS) -> dict[str | None, float]:
        """Which part of the keys each queue gets."""
        counts = Counter(self.targets(keys).values())
        return {name: count / counts.total() for name, count in counts.items()}
