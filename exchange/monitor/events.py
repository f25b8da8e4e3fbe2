"""Events: what happened, as the broker tells it, or told from the difference between two snapshots.

Warrener has a stream of events with names. RabbitMQ's API has none: it counts what comes and goes,
and alarms are seen in the node. So where nobody tells, there are events, but without names.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from warrener.exchange.monitor.event_reader import HeardEvent
from warrener.exchange.monitor.printing import plain, printable
from warrener.exchange.monitor.snapshot import BrokerState, Document, number

EVENTS_MAX = 500
CHURN = (
    ("connection_created", "connection", "opened"),
    ("connection_closed", "connection", "closed"),
    ("channel_created", "channel", "opened"),
    ("channel_closed", "channel", "closed"),
    ("queue_created", "queue", "made"),
    ("queue_deleted", "queue", "deleted"),
)


class Events:
    """The last events, and what the next one is told from."""

    def __init__(self) -> None:
        self.rows: deque[Document] = deque(maxlen=EVENTS_MAX)
        self.is_told = False
        """Whether the broker tells of what comes and goes itself."""
        self._overview: Any = None
        self._broker: BrokerState | None = None

    def say(self, at: str, what: str) -> None:
        """Something that happened here."""
        self.rows.append({"at": at, "what": what})

    def hear(self, at: str, event: HeardEvent) -> None:
        """The broker tells of something."""
        self.say(at, told(event))

    def observe(self, at: str, overview: Any, broker: BrokerState) -> None:
        """Compare with what was seen before."""
        if self._broker is not None:
            for what in self._changes(overview, self._broker, broker):
                self.say(at, what)
        self._overview, self._broker = overview, broker

    def _changes(self, overview: Any, before: BrokerState, now: BrokerState) -> Iterator[str]:
        if (now.uptime_s or 0) < (before.uptime_s or 0):
            yield "the broker was started again"
            return
        if not self.is_told:
            yield from self._differences(overview, before, now)
        for name, verb in (("unroutable", "went nowhere"), ("redeliver", "delivered again")):
            if now.rates.get(name) and not before.rates.get(name):
                yield f"messages are {verb}" if name == "redeliver" else f"messages {verb}"

    def _differences(self, overview: Any, before: BrokerState, now: BrokerState) -> Iterator[str]:
        for name, thing, verb in CHURN:
            path = f"churn_rates.{name}"
            more = int(number(overview, path) - number(self._overview, path))
            if more > 0:
                yield f"{more} {thing}{'s' * (more > 1)} {verb}"
        for alarm in set(now.alarms) - set(before.alarms):
            yield f"{alarm} alarm: publishers are blocked"
        for alarm in set(before.alarms) - set(now.alarms):
            yield f"{alarm} alarm is over"


def told(event: HeardEvent) -> str:
    """An event in one line: what it is, where, and all that is said of it."""
    words = [event.kind.replace(".", " ")]
    fields = {name: value for name, value in event.fields.items() if name != "at"}
    name, vhost = fields.pop("name", None), fields.pop("vhost", "")
    words += [plain(name)] if name is not None else []
    words += [f"{printable(key)}={plain(value)}" for key, value in fields.items()]
    return "  ".join([*words, *([f"in {printable(str(vhost))}"] if vhost else [])])
