"""Sugar: short forms for dead letters and retries, and what they stand for.

`dead-letter: {queue: Q}` sends what a queue gives up to Q, through the default exchange.

`retry: [10s, 1m]`, together with it, is for consumers that reject a message to have it again
later: after 10 seconds the first time, after a minute the second time, and into the dead-letter
queue the third time. For a queue `q` it stands for

    q --rejected--> q.retry (direct) --key q.retry.1--> queue q.retry.2 (1m) --+
                       |             --key q.retry.2--> the dead-letter queue  |
                       | any other key, by the alternate exchange              |
                    q.retry.first (fanout) --> queue q.retry.1 (10s) ----------+
                                                                               v
    q <--------------------------------------------------------- q.retry.again (fanout)

A message comes back from the queue q.retry.N with the routing key `q.retry.N`, which is how the
next rejection finds the queue N + 1. So it loses the routing key that it was published with; the
header `x-death` still has it. No part of this is more than RabbitMQ can do.
"""

from __future__ import annotations

from typing import Any

from warrener.exchange.topology.reading import Entry
from warrener.exchange.topology.schema import POLICY
from warrener.exchange.topology.shapes import Record
from warrener.exchange.topology.state import EXCHANGE, QUEUE, Binding, Exchange, Queue, Thing

DLX = "x-dead-letter-exchange"
DLX_KEY = "x-dead-letter-routing-key"
TTL = "x-message-ttl"

OPERATOR_POLICY = Record(
    "an operator policy", *(field for field in POLICY.fields if field.name not in ("name", "vhost"))
)
"""The value of RabbitMQ's parameter for one."""


def dead_letters(entry: Entry, vhost: str, arguments: dict[str, Any]) -> list[Thing]:
    """Set the arguments that `dead-letter` and `retry` of a queue stand for.

    Returns what has to be there besides.
    """
    target: Entry | None = entry.get("dead-letter")
    if target is None:
        if "retry" in entry:
            entry.problem("T013", "retry", "'retry' needs 'dead-letter' with a 'queue'")
        return []
    if DLX in arguments or DLX_KEY in arguments:
        entry.problem("T017", "dead-letter", f"'{DLX.removeprefix('x-')}' is given as well")
        return []
    queue, exchange = target.get(QUEUE), target.get(EXCHANGE)
    if (queue is None) == (exchange is None):
        what = "dead letters go to one 'queue' or one 'exchange'"
        entry.problem("T013" if queue is None else "T017", "dead-letter", what)
        return []
    if entry.get("retry"):
        if queue is None:
            entry.problem("T013", "dead-letter", "'retry' needs a 'queue' for what is given up")
            return []
        arguments[DLX] = f"{entry.get('name')}.retry"
        return [Queue(vhost, queue), *_ladder(vhost, entry.get("name"), entry.get("retry"), queue)]
    arguments[DLX] = exchange or ""
    key = queue if queue is not None else target.get("routing_key")
    if key is not None:
        arguments[DLX_KEY] = key
    return [] if queue is None else [Queue(vhost, queue)]


def _ladder(vhost: str, queue: str, waits: list[int], dead: str) -> list[Thing]:
    """What makes a queue's rejected messages come back after one wait after the other."""
    retry, first, again = (f"{queue}.retry{suffix}" for suffix in ("", ".first", ".again"))
    things: list[Thing] = [
        Exchange(vhost, retry, "direct", arguments={"alternate-exchange": first}),
        Exchange(vhost, first, "fanout"),
        Exchange(vhost, again, "fanout"),
        Binding(vhost, again, QUEUE, queue),
    ]
    for number, wait in enumerate(waits, 1):
        name = f"{retry}.{number}"
        arguments = {TTL: wait, DLX: again, DLX_KEY: name}
        source, key = (first, "") if number == 1 else (retry, f"{retry}.{number - 1}")
        things.append(Queue(vhost, name, arguments=arguments))
        things.append(Binding(vhost, source, QUEUE, name, key))
    things.append(Binding(vhost, retry, QUEUE, dead, f"{retry}.{len(waits)}"))
    return things
