"""Redrives over HTTP: begun with one request, done beside everything else, looked at by others.

A redrive goes on in passes of some milliseconds. It ends with the broker: what has not moved
by then is where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import trio

from warrener.exchange.errors import Refused
from warrener.exchange.management.browse import read_wanted
from warrener.exchange.management.call import NOBODY, Call, answer, done, exchange_name
from warrener.exchange.management.errors import Unavailable
from warrener.exchange.management.fields import Fields
from warrener.exchange.management.values import iso_time
from warrener.exchange.queues.redrive import PIECE, Redrive
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response
from warrener.protocol.http.target import encode_segment

logger = logging.getLogger("warrener.http")

PAUSE_S = 0.1
"""Between passes of a redrive that has a rate."""
KEPT_MAX = 100
"""Redrives that are over and still known."""
RUNNING_MAX = 10
RATE_MAX = 10**9
ANY_COUNT = 1 << 62
FILTERS = ("selector", "tags", "message_id", "key")
DESTINATIONS_SHOWN_MAX = 100


class Job:
    """A redrive that goes on, or is over."""

    def __init__(self, number: int, call: Call, redrive: Redrive, rate: int) -> None:
        self.number = number
        self.vhost = call.path["vhost"]
        self.queue = call.path["name"]
        self.user = call.user.name
        self.redrive = redrive
        self.state = "running"
        self._application = call.application
        self._rate = rate
        self._started_ms = call.broker.ledger.now_ms
        self._scope = trio.CancelScope()

    @property
    def running(self) -> bool:
        return self.state == "running"

    def cancel(self) -> None:
        self._scope.cancel()

    async def run(self) -> None:
        """Move until everything is, or somebody has had enough."""
        try:
            with self._scope:
                await self._move()
                self.state = "failed" if self.redrive.queue.deleted else "done"
        except (Unavailable, Refused):
            self.state = "failed"
        except Exception:
            # A mistake of our own, in this one redrive: the broker goes on.
            self.state = "failed"
            logger.exception("redrive %d: unexpected internal error", self.number)
        if self._scope.cancelled_caught:
            self.state = "cancelled"

    async def _move(self) -> None:
        began = trio.current_time()
        went = 0
        while not self.redrive.over:
            most = self.redrive.piece
            if self._rate:
                allowed = int((trio.current_time() - began + PAUSE_S) * self._rate)
                most = min(most, allowed - went)
            if most > 0:
                went += self._application.within_pass(partial(self.redrive.step, most))
            await (trio.sleep(PAUSE_S) if self._rate else trio.lowlevel.checkpoint())

    def describe(self) -> dict[str, Any]:
        redrive = self.redrive
        moved = sorted(redrive.moved.items())
        return {
            "id": str(self.number),
            "vhost": self.vhost,
            "queue": self.queue,
            "user": self.user,
            "state": self.state,
            "dry_run": redrive.dry_run,
            "started_at": iso_time(self._started_ms),
            "examined": redrive.examined,
            "moved": redrive.moved_count,
            "left": sum(redrive.left.values()),
            "destinations": [
                {"exchange": exchange, "routing_key": key, "messages": count}
                for (exchange, key), count in moved[:DESTINATIONS_SHOWN_MAX]
            ],
            "reasons": dict(redrive.left),
        }


class Jobs:
    """The redrives of one broker, those that go on and the last that are over."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._last = 0

    def add(self, call: Call, redrive: Redrive, rate: int) -> Job:
        """Raises: BadRequest if enough go on already, or one in this queue."""
        running = [job for job in self._jobs.values() if job.running]
        if any(job.redrive.queue is redrive.queue for job in running):
            raise BadRequest("a redrive of this queue goes on already")
        if len(running) >= RUNNING_MAX:
            raise BadRequest(f"{RUNNING_MAX} redrives go on already")
        self._last += 1
        job = self._jobs[self._last] = Job(self._last, call, redrive, rate)
        over = [number for number, each in self._jobs.items() if not each.running]
        for number in over[: max(0, len(self._jobs) - KEPT_MAX)]:
            del self._jobs[number]
        return job

    def of_vhost(self, name: str) -> Iterator[Job]:
        return (job for job in self._jobs.values() if job.vhost == name)


# Endpoints


async def begin(call: Call) -> Response:
    fields = call.fields
    is_wanted = await read_wanted(_filters(fields), call.broker.ledger.now_ms)
    name = call.path["name"]
    call.rights.require_read("queue", name)
    queue = call.vhost.queue(name, NOBODY)
    exchange = fields.values.get("exchange")
    key = fields.values.get("routing_key")
    if exchange is not None:
        exchange = exchange_name(fields.name("exchange"))
        call.vhost.exchange(exchange)
        call.rights.require_write("exchange", exchange)
    elif key is not None:
        raise BadRequest("a routing_key needs an exchange")
    redrive = Redrive(
        call.vhost,
        queue,
        call.rights,
        is_wanted,
        count=_positive(fields, "count", ANY_COUNT),
        # What comes back while this goes on is not moved again.
        among=len(queue.ready),
        exchange=exchange,
        routing_key=None if key is None else fields.name("routing_key"),
        dry_run=fields.flag("dry_run", False),
        piece=is_wanted.piece(PIECE),
    )
    job = call.application.redrives.add(call, redrive, _positive(fields, "rate", 0))
    call.application.server.start(job.run)
    place = f"/api/x/redrives/{encode_segment(job.vhost)}/{job.number}"
    return answer(job.describe(), 201, (("Location", place),))


def list_redrives(call: Call) -> Response:
    return call.show(
        [job.describe() for job in call.application.redrives.of_vhost(call.vhost.name)]
    )


def get_redrive(call: Call) -> Response:
    return call.show(_wanted(call).describe())


def cancel_redrive(call: Call) -> Response:
    job = _wanted(call)
    call.rights.require_read("queue", job.queue)
    job.cancel()
    return done()


def _wanted(call: Call) -> Job:
    """Raises: TargetNotFound."""
    for job in call.application.redrives.of_vhost(call.vhost.name):
        if str(job.number) == call.path["id"]:
            return job
    raise TargetNotFound("Not Found")


def _filters(fields: Fields) -> dict[str, str]:
    return {name: fields.text(name) for name in FILTERS if fields.values.get(name) is not None}


def _positive(fields: Fields, name: str, default: int) -> int:
    """Raises: BadRequest."""
    if fields.values.get(name) is None:
        return default
    value = fields.number(name)
    if not 0 < value <= RATE_MAX:
        raise BadRequest(f"out of range: {name}")
    return value
