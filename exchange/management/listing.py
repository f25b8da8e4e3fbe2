"""Listings: things in columns, and which of them, in which order, how many at once.

A listing knows each column as a function of the thing, so that what is asked for is all that is
computed: sorting ten thousand queues by one column does not describe ten thousand queues.
Everything is made in slices of a few milliseconds, and a long answer is sent as it is made.

    columns=a,b.c                 those only (columns.py); some are given only if they are named
    sort=a.b, sort_reverse=true   else the order is the listing's own
    name=...                      part of the name, or with use_regex=true an expression
    page=1, page_size=100         a page of at most 500, wrapped with counts; page_size alone is 1
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import trio

from warrener.exchange.expressions.expression import Expression
from warrener.exchange.expressions.syntax import NotAnExpression
from warrener.exchange.management.call import JSON, Call, answer
from warrener.exchange.management.columns import Wanted
from warrener.exchange.management.spans import Spans, Track
from warrener.exchange.management.values import encode
from warrener.exchange.statistics.sample import Sample
from warrener.protocol.http.errors import BadRequest
from warrener.protocol.http.response import Response

T = TypeVar("T")
R = TypeVar("R")
Columns = dict[str, Callable[[T], Any]]

PAGE_SIZE = 100
PAGE_SIZE_MAX = 500
SLICE_S = 0.004
"""How long a slice may take before others have their turn."""
PART_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A kind of thing that is listed; its order is that in which the things are handed over."""

    columns: Columns[T]
    name: str = "name"
    """The column that `name` is looked for in."""
    optional: frozenset[str] = frozenset()
    """Columns that are left out where they are None: tools take a number or nothing."""
    on_request: frozenset[str] = frozenset()
    """Columns that cost more than others, or that RabbitMQ has not: only for who names them."""
    tracks: tuple[Track, ...] = ()
    """The values of which a request may ask how they were (spans.py)."""
    sample: Callable[[T], Sample | None] = field(default=lambda thing: None)
    """Where their history is."""

    def describe(self, thing: T, names: Iterable[str] | None = None) -> dict[str, Any]:
        """One thing, all columns or some."""
        columns = self.columns
        if names is None:
            names = [name for name in columns if name not in self.on_request]
        document = {name: columns[name](thing) for name in names}
        for name in [name for name in self.optional if document.get(name) is None]:
            document.pop(name, None)
        return document

    async def respond(self, call: Call, things: Iterable[T]) -> Response:
        """The things as a request wants them."""
        query = call.query
        page = _read_page(query)
        describe = self._describer(call)
        every = await in_slices(_itself, things)
        wanted = await self._filtered(every, query)
        wanted = await self._sorted(wanted, query)
        if page is None:
            return Response(
                200, (JSON, ("Cache-Control", "no-cache")), parts=stream(wanted, describe)
            )
        shown, counts = page.of(len(every), wanted)
        items = await in_slices(lambda thing: encode(describe(thing)), shown)
        body = b'%b,"items":[%b]}' % (encode(counts)[:-1], b",".join(items))
        return Response(200, (JSON, ("Cache-Control", "no-cache")), body)

    def show(self, call: Call, thing: T, more: Mapping[str, Any] | None = None) -> Response:
        """One thing as a request wants it, with what is told of single ones only."""
        document = self._describer(call)(thing)
        wanted = Wanted.of(call.query)
        if more:
            document |= wanted.part_of(more) if wanted else more
        return answer(document)

    async def _filtered(self, things: Sequence[T], query: Mapping[str, str]) -> Sequence[T]:
        text = query.get("name", "")
        if not text or self.name not in self.columns:
            return things
        name = self.columns[self.name]
        is_wanted = _matcher(text, query.get("use_regex") == "true")
        kept = await in_slices(lambda thing: is_wanted(name(thing)), things)
        return [thing for thing, keep in zip(things, kept, strict=True) if keep]

    async def _sorted(self, things: Sequence[T], query: Mapping[str, str]) -> Sequence[T]:
        column, *path = query.get("sort", "").split(".")
        value = self.columns.get(column)
        if value is None:
            return things
        keys = await in_slices(lambda thing: _sort_key(_lead(value(thing), path)), things)
        order = sorted(range(len(things)), key=keys.__getitem__)
        if query.get("sort_reverse") == "true":
            order.reverse()
        return [things[place] for place in order]

    def _describer(self, call: Call) -> Callable[[T], dict[str, Any]]:
        """What makes a document of a thing: all columns, or those that are wanted.

        Raises: BadRequest for a span of time that is none.
        """
        wanted = Wanted.of(call.query)
        spans = Spans(call.query, call.application.sampler)
        names = None if wanted is None else [name for name in wanted if name in self.columns]

        def describe(thing: T) -> dict[str, Any]:
            document = self.describe(thing, names)
            if spans:
                spans.extend(document, self.tracks, (self.sample(thing),))
            return document if wanted is None else wanted.part_of(document)

        return describe


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted."""

    number: int
    size: int

    def of(self, total: int, things: Sequence[T]) -> tuple[Sequence[T], dict[str, Any]]:
        """The things on this page, and the counts around them. Raises: BadRequest."""
        count = max(1, -(-len(things) // self.size))
        if self.number > count:
            raise BadRequest(
                f"Page out of range, page: {self.number} page size: {self.size}, len: {len(things)}"
            )
        shown = things[(self.number - 1) * self.size : self.number * self.size]
        return shown, {
            "filtered_count": len(things),
            "item_count": len(shown),
            "page": self.number,
            "page_count": count,
            "page_size": self.size,
            "total_count": total,
        }


def _matcher(text: str, is_expression: bool) -> Callable[[str], bool]:
    """What finds a text in names, whatever the case. Raises: BadRequest for no expression."""
    if not is_expression:
        part = text.lower()
        return lambda name: part in name.lower()
    try:
        return Expression(f"(?i){text}").found_in
    except NotAnExpression as error:
        raise BadRequest(f"invalid regular expression: {error}") from None


def _itself(thing: T) -> T:
    return thing


async def in_slices(step: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Apply a step to many things; others have their turn in between, and may change what the
    things are made from: whoever hands over an iterator has it look at copies."""
    found = []
    turn = Turn()
    for thing in things:
        if turn.is_over:
            await turn.pass_on()
        found.append(step(thing))
    return found


async def in_passes(call: Call, work: Iterator[T]) -> list[T]:
    """Have work done for as long as there is any, in passes that others have their turn between.

    Raises: what the work does; what came before it is done.
    """
    found: list[T] = []
    turn = Turn()

    def do_some() -> bool:
        """Returns whether there may be more."""
        for each in work:
            found.append(each)
            if turn.is_over:
                return True
        return False

    while call.within_pass(do_some):
        await turn.pass_on()
    return found


class Turn:
    """A stretch of work that ends before anybody notices."""

    def __init__(self) -> None:
        self._end = trio.current_time() + SLICE_S

    @property
    def is_over(self) -> bool:
        return trio.current_time() > self._end

    async def pass_on(self) -> None:
        """Let others have their turn, and take another one."""
        await trio.lowlevel.checkpoint()
        self._end = trio.current_time() + SLICE_S


async def stream(
    things: Sequence[T], describe: Callable[[T], dict[str, Any]]
) -> AsyncGenerator[bytes, None]:
    """A list as JSON, in parts."""
    turn = Turn()
    pieces: list[bytes] = []
    size = 0
    separator = b"["
    for thing in things:
        if turn.is_over:
            await turn.pass_on()
        pieces += (separator, encode(describe(thing)))
        separator = b","
        size += len(pieces[-1])
        if size > PART_BYTES:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join((*pieces, b"]" if things else b"[]"))


def _read_page(query: Mapping[str, str]) -> Page | None:
    """Raises: BadRequest."""
    if not {"page", "page_size"} & query.keys():
        return None
    try:
        number, size = int(query.get("page", "1")), int(query.get("page_size", str(PAGE_SIZE)))
    except ValueError:
        raise BadRequest("Pagination parameters are invalid") from None
    if number < 1 or not 1 <= size <= PAGE_SIZE_MAX:
        raise BadRequest(f"Invalid pagination parameters: page number {number}, page size {size}")
    return Page(number, size)


def _lead(value: Any, path: Sequence[str]) -> Any:
    """What stands in a document behind dots; None if nothing does."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _sort_key(value: Any) -> tuple[int, Any]:
    """Nothing comes before numbers, numbers before text, text before all else."""
    if value is None:
        return 0, 0
    if isinstance(value, bool | int | float):
        return 1, value
    return (2, value) if isinstance(value, str) else (3, str(value))
