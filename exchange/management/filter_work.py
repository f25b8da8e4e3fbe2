"""The work of a filter: how often it was asked, how often it said yes, and what asking costs.

What an evaluation takes is found by evaluating once more, for the last message that the filter has
met and when somebody asks: so those who publish pay for two numbers and no clock. It is the least
of several tries, with the headers decoded, as they are once for all filters.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from warrener.exchange.binding import Binding
from warrener.exchange.consumer import Consumer
from warrener.exchange.filters.index import FilterWork, work_done
from warrener.exchange.queues.selection import Selection

TRIES, EVALUATIONS = 3, 10
LONG_NS = 20_000


def work_of(owner: Binding | Consumer) -> Callable[[], FilterWork]:
    """What finds out what a filter has done, also when its owner has gone in between."""
    assert owner.filter is not None, "only those with a filter are listed"
    if isinstance(owner, Binding):
        return partial(owner.source.bucket(owner).work, owner.filter)
    assert isinstance(owner.queue.ready, Selection), "a consumer with a filter made it one"
    return partial(owner.queue.ready.lines.work, owner.filter)


def describe_work(work: FilterWork) -> dict[str, int | None]:
    return {
        "evaluations": work.evaluations,
        "matches": work.matches,
        "cost_ns": cost_ns(work.again),
    }


def cost_ns(again: Callable[[], object] | None) -> int | None:
    """What an evaluation takes; None if there has been none."""
    if again is None:
        return None
    first = _duration_ns(again, 1)
    # One that takes long is measured well enough by a few, and a list has many.
    evaluations = EVALUATIONS if first < LONG_NS else 1
    best = min(_duration_ns(again, evaluations) for _ in range(TRIES))
    return min(first, round(best / evaluations))


def _duration_ns(step: Callable[[], object], count: int) -> int:
    began = time.perf_counter_ns()
    for _ in range(count):
        step()
    return time.perf_counter_ns() - began


def filter_totals() -> dict[str, int]:
    """What all filters of this broker have done, also those that are gone."""
    return asdict(work_done())
