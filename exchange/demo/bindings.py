"""What the shop's exchanges are bound to, and the same bindings once more in plain Python.

The broker is compared with `expected_ids`, which knows of AMQP no more than the rules of the
three exchange types as a sentence each: direct compares the key, topic compares it word by word,
fanout does not look. What a filter lets through is said once more as a condition in Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Event = dict[str, str | int | float]
Condition = Callable[[Event], bool]
SELECTOR, TAGS = "x-filter-jms-selector", "x-filter-tags"


@dataclass(frozen=True, slots=True)
class Binding:
    queue: str
    exchange: str
    key: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    condition: Condition = lambda event: True

    @property
    def filter(self) -> str:
        """Its filter as one would say it; nothing if it has none."""
        return self.arguments.get(SELECTOR) or self.arguments.get(TAGS, "")


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

FILTERED_EXCHANGES = {"demo.filtered": "fanout"}
MONEY = "demo.money"
FILTERED = (
    Binding(
        "demo.large-orders",
        "demo.filtered",
        "",
        {SELECTOR: "kind = 'order.paid' AND region IN ('EU', 'UK') AND amount BETWEEN 100 AND 500"},
        lambda event: (
            event["kind"] == "order.paid"
            and event["region"] in ("EU", "UK")
            and 100 <= float(event["amount"]) <= 500
        ),
    ),
    Binding(
        "demo.far-away",
        "demo.filtered",
        "",
        {SELECTOR: "region LIKE '%A%' AND amount IS NOT NULL"},
        lambda event: "A" in str(event["region"]) and "amount" in event,
    ),
    Binding(
        MONEY,
        "demo.filtered",
        "",
        {TAGS: "order || refund"},
        lambda event: str(event["kind"]).startswith(("order.", "refund.")),
    ),
)
KINDS = EXCHANGES | FILTERED_EXCHANGES
CONSUMER_FILTER = {SELECTOR: "kind = 'refund.requested' OR amount > 400"}
FILTERED_QUEUES = tuple(binding.queue for binding in FILTERED)


def the_consumer_wants(event: Event) -> bool:
    """The filter of the consumer, once more."""
    return event["kind"] == "refund.requested" or float(event.get("amount", 0)) > 400


def expected_ids(queue: str, events: list[Event]) -> list[str]:
    """What the queue must get, computed without the broker: the ids in the order of the stream."""
    bindings = [binding for binding in (*BINDINGS, *FILTERED) if binding.queue == queue]
    return [str(e["id"]) for e in events if any(lets_through(binding, e) for binding in bindings)]


def lets_through(binding: Binding, event: Event) -> bool:
    return follows(binding, event) and binding.condition(event)


def follows(binding: Binding, event: Event) -> bool:
    """Whether the exchange's rule sends it there."""
    match KINDS[binding.exchange]:
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
    return str(event["kind"] if KINDS[exchange] == "direct" else event["routing_key"])
