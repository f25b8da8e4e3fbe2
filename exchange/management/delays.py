"""Delayed messages: see what an exchange holds back, take it away, or have it go at once.

They wait in the exchange's schedule, a queue that clients cannot reach. A message goes by its
sequence there, which is its own for as long as it waits and the broker runs; to see them takes
`read` on the exchange, to cancel or expedite one `configure`.
"""

from __future__ import annotations

from typing import Any

from warrener.exchange.management.browse import Found, read_count, read_wanted
from warrener.exchange.management.call import Call, answer, done, exchange_name
from warrener.exchange.management.messages import describe
from warrener.exchange.management.values import iso_time
from warrener.exchange.queues.browsing import Look, Sight
from warrener.exchange.queues.schedule import Schedule
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response


async def list_delayed(call: Call) -> Response:
    """In the order in which they were published."""
    is_wanted = await read_wanted(call.query, call.broker.ledger.now_ms)
    count = read_count(call.query)

    def find() -> Schedule:
        call.rights.require_read("exchange", exchange_name(call.path["name"]))
        return _schedule(call)

    schedule = call.within_pass(find)
    found = Found(count)
    await found.walk(call, Look(schedule, call.broker.ledger), is_wanted)
    items = [_item(schedule, sight) for _, sight in found.sights]
    return answer({"items": items, "waiting": len(schedule.ready), "complete": found.complete})


def _item(schedule: Schedule, sight: Sight) -> dict[str, Any]:
    due = schedule.due_time(sight.sequence)
    times = {"due": due, "due_at": None if due is None else iso_time(due)}
    return {"sequence": sight.sequence} | times | describe(sight.message, False, truncate=50_000)


def cancel_delayed(call: Call) -> Response:
    schedule, sequence = _wanted(call)
    if schedule.withdraw(sequence) is None:
        raise TargetNotFound("Not Found")
    return done()


def expedite_delayed(call: Call) -> Response:
    schedule, sequence = _wanted(call)
    if not schedule.expedite(sequence):
        raise TargetNotFound("Not Found")
    return done()


def _wanted(call: Call) -> tuple[Schedule, int]:
    """Raises: AccessRefused, BadRequest, TargetNotFound."""
    call.rights.require_configure("exchange", exchange_name(call.path["name"]))
    text = call.path["sequence"]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest("not_int: sequence")
    return _schedule(call), int(text)


def _schedule(call: Call) -> Schedule:
    """Raises: BadRequest, TargetNotFound."""
    schedule = call.exchange().own_queue
    if not isinstance(schedule, Schedule):
        raise BadRequest("only an exchange of type x-delayed-message holds messages back")
    return schedule
