"""What the shop's exchanges are bound to, and the same bindings once more in plain Python.

The broker is compared with `expected_ids`, which knows of AMQP no more than the rules of the
three exchange types as a sentence each: direct compares the key, topic compares it word by word,
fanout does not look.
"""

import re
from dataclasses import dataclass

Event = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Binding:
    queue: str
    exchange: str
    key: str


EXCHANGES = {"demo.by-kind": "direct", "demo.by-place": "topic", "demo.to-all": "fanout"}
BINDINGS = (
    Binding("demo.payments", "demo.by-kind", "order.paid"),
    Binding("demo.payments", "demo.by-kind", "refund.requested"),
    Binding("demo.purchasing", "demo.by-kind", "stock.low"),
    Binding("demo.europe", "demo.by-place", "eu.#"),
    Binding("demo.parcels", "demo.by-place", "*.order.shipped"),
    Binding("demo.security", "demo.by-place", "#.login"),
    Binding("demo.archive", "demo.to-all", ""),
    Binding("demo.statistics", "demo.to-all", ""),
)
QUEUES = tuple(dict.fromkeys(binding.queue for binding in BINDINGS))
LEDGER = "demo.ledger"


def expected_ids(queue: str, events: list[Event]) -> list[str]:
    """What the queue must get, computed without the broker: the ids in the order of the stream."""
    bindings = [binding for binding in BINDINGS if binding.queue == queue]
    return [str(e["id"]) for e in events if any(lets_through(binding, e) for binding in bindings)]


def lets_through(binding: Binding, event: Event) -> bool:
    match EXCHANGES[binding.exchange]:
        case "direct":
            return event["kind"] == binding.key
        case "topic":
            return re.fullmatch(as_expression(binding.key), f".{event['routing_key']}") is not None
        case _:
            return True


def as_expression(pattern: str) -> str:
    """`*` stands for one word, `#` for any number of words."""
    wildcards = {"*": r"\.[^.]+", "#": r"(\.[^.]+)*"}
    return "".join(wildcards.get(word, re.escape(f".{word}")) for word in pattern.split("."))


def routing_key(exchange: str, event: Event) -> str:
    return str(event["kind"] if EXCHANGES[exchange] == "direct" else event["routing_key"])
