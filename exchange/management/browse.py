"""Browsing over HTTP: peek into a queue, search a virtual host, try a filter.

A peek leaves everything as it is, so it takes no more than to get a message (`read`). It is made in
pieces, each within a pass; an answer holds a number of messages, a size, and a number of messages
that were looked at, and says how far it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import trio

from warrener.exchange.errors import AccessRefused
from warrener.exchange.filters.errors import FilterSyntaxError
from warrener.exchange.filters.explain import Step, explain
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.management.call import NOBODY, Call, answer
from warrener.exchange.management.listing import Turn
from warrener.exchange.management.messages import describe, read_properties
from warrener.exchange.management.queues import queues_in
from warrener.exchange.queues.browsing import Look, Sight
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.wanted import Wanted
from warrener.protocol.http.errors import BadRequest
from warrener.protocol.http.response import Response
from warrener.protocol.properties import Properties

PIECE = 200
COUNT_MAX = 1000
BYTES_MAX = 16 << 20
EXAMINED_MAX = 100_000
"""Messages that one request looks at."""


# Peek


async def peek(call: Call) -> Response:
    """The first messages of a queue, or those that a filter wants."""
    is_wanted = await read_wanted(call.query, call.broker.ledger.now_ms)
    count = read_count(call.query)

    def look() -> Look:
        call.rights.require_read("queue", call.path["name"])
        return Look(call.vhost.queue(call.path["name"], NOBODY), call.broker.ledger)

    found = Found(count)
    await found.walk(call, call.within_pass(look), is_wanted)
    items = [_item(each, call.query) for _, each in found.sights]
    return answer({"items": items, "examined": found.examined, "complete": found.complete})


async def search(call: Call) -> Response:
    """Messages in all queues of a virtual host that the user may read."""
    if not {"selector", "tags", "message_id", "key"} & call.query.keys():
        raise BadRequest("search by message_id, key, selector or tags")
    is_wanted = await read_wanted(call.query, call.broker.ledger.now_ms)
    found = Found(read_count(call.query))
    for queue in await readable_queues(call):
        await found.walk(call, Look(queue, call.broker.ledger), is_wanted)
        if not found.complete:
            break
    items = [{"queue": queue.name} | _item(each, call.query) for queue, each in found.sights]
    return answer({"items": items, "examined": found.examined, "complete": found.complete})


class Found:
    """What a request has found so far."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._size = 0
        self._turn = Turn()
        self.sights: list[tuple[Queue, Sight]] = []
        self.examined = 0
        self.complete = True
        """Whether everything was looked at."""

    async def walk(self, call: Call, look: Look, is_wanted: Wanted) -> None:
        """Look at messages until there is enough, or no more.

        Turns are short whatever the messages and the filter are, and however many queues are empty.
        """
        while not look.over and self.complete:
            for sight in call.within_pass(lambda: look.piece(PIECE)):
                self._keep(look.queue, sight, is_wanted)
                if not self.complete:
                    break
                if self._turn.is_over:
                    await self._turn.pass_on()
            if self._turn.is_over:
                await self._turn.pass_on()

    def _keep(self, queue: Queue, sight: Sight, is_wanted: Wanted) -> None:
        if (
            len(self.sights) >= self._count
            or self._size >= BYTES_MAX
            or self.examined >= EXAMINED_MAX
        ):
            self.complete = False
            return
        self.examined += 1
        if is_wanted(sight):
            self.sights.append((queue, sight))
            self._size += len(sight.message.content)


async def readable_queues(call: Call) -> list[Queue]:
    """Those that belong to no connection, and that the user has the permission to read."""
    rights = call.rights
    found = []
    turn = Turn()
    for _, queue in queues_in([call.vhost]):
        if turn.is_over:
            await turn.pass_on()
        if queue.owner is not None:
            continue
        try:
            rights.require_read("queue", queue.name)
        except AccessRefused:
            continue
        found.append(queue)
    return found


def _item(sight: Sight, query: Mapping[str, str]) -> dict[str, Any]:
    truncate = read_number(query, "truncate", 50_000, BYTES_MAX)
    shown = describe(sight.message, sight.redelivered, truncate=truncate)
    return {"sequence": sight.sequence} | shown


# Parameters


async def read_wanted(values: Mapping[str, Any], now: int) -> Wanted:
    """What a request looks for; a selector is compiled in a thread. Raises: BadRequest."""
    given = {name: values.get(name) for name in ("selector", "tags", "message_id", "key")}
    try:
        return await trio.to_thread.run_sync(partial(Wanted, **given, now=now))
    except FilterSyntaxError as error:
        raise BadRequest(str(error)) from None


def read_count(query: Mapping[str, str]) -> int:
    return read_number(query, "count", 10, COUNT_MAX)


def read_number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Raises: BadRequest."""
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(f"not_int: {name}")
    return min(int(text[:18]), most)


# Filters


async def explain_filter(call: Call) -> Response:
    """What a filter makes of a message that is told, and why.

    It is worked out in a thread: a selector may have a thousand parts.
    """
    fields = call.fields
    selector, tags = fields.text("selector", ""), fields.text("tags", "")
    properties = read_properties(fields.any("properties", {}))
    redelivered = fields.flag("redelivered", False)
    explained = partial(
        _explain, selector or None, tags or None, properties, redelivered, call.broker.ledger.now_ms
    )
    return answer(await trio.to_thread.run_sync(explained))


def _explain(
    selector: str | None, tags: str | None, properties: Properties, redelivered: bool, now: int
) -> dict[str, Any]:
    try:
        filter = compile_filter(selector, tags)
    except FilterSyntaxError as error:
        wrong = {"reason": error.reason, "position": error.position, "line": error.line}
        return {"valid": False} | wrong
    matches = filter.matches(properties, redelivered, now)
    steps = [_step(each) for each in explain(filter, properties, redelivered, now)]
    return {"valid": True, "matches": matches, "steps": steps}


def _step(step: Step) -> dict[str, Any]:
    return {
        "depth": step.depth,
        "text": step.text,
        "value": step.value_text,
        "is_condition": step.is_condition,
    }
