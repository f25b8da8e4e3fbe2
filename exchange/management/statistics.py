"""Statistics: counts and rates in the form in which RabbitMQ's tools look for them.

    {"publish": 12, "publish_details": {"rate": 2.4}, ...}

All names are always there, zero if nothing was counted: tools fail at what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add
from typing import Any

from warrener.exchange.statistics.counts import (
    DELIVER,
    DELIVER_NO_ACK,
    GET,
    GET_NO_ACK,
    NAMES,
    Counts,
    no_counts,
)
from warrener.exchange.statistics.sample import Sample

QUEUE_NAMES = tuple(
    name for name in NAMES if name not in ("confirm", "return_unroutable", "drop_unroutable")
)
"""What a queue counts; the other names are of channels."""
DELIVERIES = (DELIVER, DELIVER_NO_ACK, GET, GET_NO_ACK)
_NO_RATES = (0.0,) * 32
"""As many as any sample may have values."""


def rates_of(sample: Sample | None) -> Sequence[float]:
    return _NO_RATES if sample is None else sample.rates


def with_rate(document: dict[str, Any], name: str, value: float, rate: float) -> None:
    document[name] = value
    document[f"{name}_details"] = {"rate": round(rate, 2)}


def named(names: Iterable[str], values: Sequence[float], rates: Sequence[float]) -> dict[str, Any]:
    """Values under their names, each with its rate."""
    document: dict[str, Any] = {}
    for name, value, rate in zip(names, values, rates, strict=False):
        with_rate(document, name, value, rate)
    return document


def message_stats(
    counts: Counts, rates: Sequence[float], names: Sequence[str] = NAMES
) -> dict[str, Any]:
    """Counts of messages, with the sum of all deliveries."""
    document = {
        key: value
        for key, value in named(NAMES, counts, rates).items()
        if key.removesuffix("_details") in names
    }
    delivered = sum(counts[kind] for kind in DELIVERIES)
    with_rate(document, "deliver_get", delivered, sum(rates[kind] for kind in DELIVERIES))
    return document


def added(several: Iterable[tuple[Counts, Sample | None]]) -> tuple[Counts, list[float]]:
    """Counts and rates of several things together."""
    counts: Counts = no_counts()
    rates = [0.0] * len(NAMES)
    for each, sample in several:
        counts = list(map(add, counts, each))
        rates = list(map(add, rates, rates_of(sample)))
    return counts, rates


def disk_stats() -> dict[str, Any]:
    """Counts of RabbitMQ's message store: here a message is written once, in one journal."""
    return named(("disk_reads", "disk_writes"), (0, 0), (0.0, 0.0))
