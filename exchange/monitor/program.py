"""The program: keys in, snapshots in, frames out.

Three tasks share one state: one reads keys, one asks the broker every so often, one hears of
signals. Whatever changes something draws. The tasks never wait for each other, so the keys work
while a slow broker is asked, and the last picture stays when it is gone.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

import trio

from warrener.exchange.management.client import ManagementError, Peeked
from warrener.exchange.monitor.events import Events
from warrener.exchange.monitor.history import History
from warrener.exchange.monitor.keyboard import Keyboard
from warrener.exchange.monitor.pace import Pace
from warrener.exchange.monitor.picture import Picture
from warrener.exchange.monitor.requests import (
    PEEKED_BYTES,
    PEEKED_MESSAGES,
    Peek,
    Request,
    page_of,
    wanted,
)
from warrener.exchange.monitor.screen import body_height, lines, page_lines
from warrener.exchange.monitor.snapshot import (
    Document,
    Snapshot,
    number,
    read_blocked,
    read_broker,
    read_rows,
    text,
)
from warrener.exchange.monitor.source import Source, fetch
from warrener.exchange.monitor.state import State
from warrener.exchange.monitor.terminal import Terminal
from warrener.exchange.monitor.transitions import Effect, Errand, Seen, press

ESCAPE_S = 0.05
"""How long an escape sequence may take to arrive."""
KEY_BYTES = 4096
SIGNALS = (signal.SIGWINCH, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTSTP)
FILTER_NAMES = ("filter", "vhost", "on", "from", "to", "key")
LISTEN_AGAIN_S = 5
BLOCKED = {"blocked": "/api/connections?columns=state"}
VHOSTS = {"vhosts": "/api/vhosts?columns=name"}


NOTHING = Peeked((), True)


class Observation:
    """What is known of the broker: the latest snapshot, and what was remembered."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.history = History()
        self.events = Events()
        self._flow: Pace[str] = Pace()
        self._filters: Pace[tuple[str, ...]] = Pace()
        self.snapshot: Snapshot | None = None
        self.documents: Mapping[str, Any] = {}

    async def update(self, state: State) -> None:
        """Ask for what a state needs. Raises: ManagementError."""
        targets = wanted(state)
        if self.snapshot is not None and self.snapshot.broker.alarms:
            targets |= BLOCKED
        documents = await fetch(self.source, targets)
        broker = read_broker(documents["overview"], documents["nodes"])
        view, about = state.view, None
        rows, total = read_rows(documents.get("rows"))
        now = trio.current_time()
        filtered = {} if broker.filtered is None else {"filtered": broker.filtered}
        broker = replace(broker, rates={**broker.rates, **self._flow.take(filtered, now)})
        if state.view == "filters" and state.details is None:
            rows = with_rates(rows, self._filters, now)
        found = documents.get("details")
        if state.details is not None:
            about = state.details.row
            if self.snapshot is not None:
                # The table is not asked for meanwhile.
                rows, total = self.snapshot.rows, self.snapshot.total
                view = self.snapshot.view
        seen = [found] if isinstance(found, Mapping) and state.view == "queues" else rows
        self.history.add(broker.rates, seen if state.view == "queues" else ())
        self.events.observe(clock(), documents["overview"], broker)
        self.documents = documents
        blocked = read_blocked(documents.get("blocked"))
        self.snapshot = Snapshot(broker, rows, total, documents, view, about, blocked)


def with_rates(rows: Sequence[Document], pace: Pace[tuple[str, ...]], now: float) -> list[Document]:
    """Filters with how often they are evaluated in a second."""
    names = [tuple(text(row, each) for each in FILTER_NAMES) for row in rows]
    totals = {name: number(row, "evaluations") for name, row in zip(names, rows, strict=True)}
    rates = pace.take(totals, now)
    pairs = zip(names, rows, strict=True)
    return [{**row, "evaluations_rate": rates.get(name)} for name, row in pairs]


def clock() -> str:
    return time.strftime("%H:%M:%S")


@dataclass(slots=True)
class Surroundings:
    """What the program may use beside the terminal: where its files go, how to open a page."""

    web: str = ""
    """The address that `w` opens; empty for none."""
    browse: Callable[[str], object] = lambda address: False
    directory: str = "."


class Program:
    """The monitor on a terminal."""

    def __init__(
        self,
        observation: Observation,
        terminal: Terminal,
        state: State,
        surroundings: Surroundings,
    ) -> None:
        self._observation = observation
        self._terminal = terminal
        self._surroundings = surroundings
        self.state = state
        self._problem = ""
        self._vhosts: tuple[str, ...] = ()
        self._answers: dict[str, Any] = {}
        self._asked: Request | Peek | None = None
        """The latest request: an answer to an earlier one is not shown."""
        self._wanted = trio.Event()
        self._scope = trio.CancelScope()

    async def run(self) -> None:
        """Run until the user ends it, or a signal does."""
        with trio.open_signal_receiver(*SIGNALS) as signals, self._terminal, self._scope:
            self._draw()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hear, signals)
                nursery.start_soon(self._refresh)
                nursery.start_soon(self._read_keys, nursery)
                nursery.start_soon(self._listen)

    # Tasks

    async def _hear(self, signals: Any) -> None:
        async for each in signals:
            if each == signal.SIGWINCH:
                self._terminal.forget()
                self._draw()
            elif each == signal.SIGTSTP:
                self._terminal.give_back()
                os.kill(os.getpid(), signal.SIGSTOP)
                self._terminal.take()
                self._draw()
            else:
                self._scope.cancel()

    async def _refresh(self) -> None:
        """Ask the broker every so often, and at once when something else is wanted."""
        await self._find_vhosts()
        while True:
            if not self.state.is_paused or self._wanted.is_set():
                self._wanted = trio.Event()
                await self._update()
            with trio.move_on_after(self.state.interval_s):
                await self._wanted.wait()

    async def _find_vhosts(self) -> None:
        with suppress(ManagementError):
            rows, _ = read_rows((await fetch(self._observation.source, VHOSTS))["vhosts"])
            self._vhosts = tuple(str(row.get("name", "")) for row in rows)

    async def _listen(self) -> None:
        """Hear what the broker tells, as long as it does; it may be gone and come back."""
        events = self._observation.events
        while True:
            try:
                async with aclosing(self._observation.source.listen()) as heard:
                    async for event in heard:
                        # A broker that tells nothing has refused by now.
                        events.is_told = True
                        if event is not None:
                            events.hear(clock(), event)
                        if self.state.view == "events":
                            self._draw()
            except ManagementError as error:
                events.is_told = False
                if error.status:
                    return
            await trio.sleep(LISTEN_AGAIN_S)

    async def _update(self) -> None:
        asked = self.state
        try:
            await self._observation.update(asked)
            self._problem = ""
        except ManagementError as error:
            self._problem = str(error)
        if wanted(asked) != wanted(self.state):
            # The user has gone on meanwhile.
            self._wanted.set()
        self._draw()

    async def _read_keys(self, nursery: trio.Nursery) -> None:
        keyboard = Keyboard()
        while True:
            with trio.move_on_after(ESCAPE_S if keyboard.is_waiting else float("inf")) as patience:
                await trio.lowlevel.wait_readable(self._terminal.input)
            if patience.cancelled_caught:
                keys = keyboard.flush()
            else:
                data = self._read()
                if not data:
                    self._scope.cancel()
                    return
                keys = keyboard.feed(data)
            for key in keys:
                self._press(key, nursery)
            if keys:
                self._draw()

    def _read(self) -> bytes:
        """What was typed; nothing if the terminal is gone."""
        try:
            return os.read(self._terminal.input, KEY_BYTES)
        except OSError:
            return b""

    # Keys

    def _press(self, key: str, nursery: trio.Nursery) -> None:
        before = wanted(self.state)
        was_paused = self.state.is_paused
        self.state, effect = press(self.state, key, self._seen())
        if wanted(self.state) != before or (was_paused and not self.state.is_paused):
            self._wanted.set()
        self._act(effect, nursery)

    def _seen(self) -> Seen:
        picture = self._picture()
        height = body_height(picture) or 1
        rows = picture.rows
        return Seen(rows, self._vhosts, height, page_lines(picture))

    def _act(self, effect: Effect, nursery: trio.Nursery) -> None:
        if isinstance(effect, Request | Peek):
            self._asked = effect
            self._answers = {}
            nursery.start_soon(self._ask, effect)
        elif effect is Errand.QUIT:
            self._scope.cancel()
        elif effect is Errand.WEB:
            self._browse()
        elif effect is Errand.EXPORT:
            self._say(self._export())

    async def _ask(self, request: Request | Peek) -> None:
        """Do what the user asked for, and say how it went."""
        source, peeked = self._observation.source, NOTHING
        try:
            if isinstance(request, Peek):
                peeked = await source.peek(
                    request.vhost,
                    request.queue,
                    PEEKED_MESSAGES,
                    truncate=PEEKED_BYTES,
                    may_take=request.may_take,
                )
            else:
                await source.ask(request.method, request.target)
                self._say(request.said)
        except ManagementError as error:
            self._say(_refusal(request, error))
        if request is self._asked:
            self._answers = {"messages": peeked}
        self._wanted.set()
        self._draw()

    def _say(self, what: str) -> None:
        if what:
            self._observation.events.say(clock(), what)
            self.state = replace(self.state, message=what)

    def _browse(self) -> None:
        address = self._surroundings.web
        if not address:
            self._say("there is no address to open")
        else:
            address = f"{address.rstrip('/')}/{page_of(self.state)}"
            is_open = self._surroundings.browse(address)
            self._say(f"opened {address}" if is_open else f"open {address} in a browser")

    def _export(self) -> str:
        """Write the rows that are seen to a new file; returns what to say."""
        rows = list(self._picture().rows)
        name = f"warrener-{self.state.view}-{time.strftime('%Y%m%d-%H%M%S')}.json"
        path = os.path.join(self._surroundings.directory, name)
        try:
            with open(path, "x", encoding="utf-8") as file:
                json.dump(rows, file, ensure_ascii=False, indent=2)
        except OSError as error:
            return f"not written to {path}: {error.strerror}"
        return f"{len(rows)} {self.state.view} written to {path}"

    # Frames

    def _picture(self) -> Picture:
        assert self._observation.snapshot is not None, "there was one before it began"
        return Picture(
            self.state,
            self._observation.snapshot,
            self._observation.history,
            *self._terminal.size,
            events=tuple(self._observation.events.rows),
            problem=self._problem,
            answers=self._answers,
        )

    def _draw(self) -> None:
        try:
            self._terminal.draw(lines(self._picture()))
        except OSError:
            # The terminal is gone, and with it the user.
            self._scope.cancel()


def _refusal(request: Request | Peek, error: ManagementError) -> str:
    if isinstance(request, Peek) and not request.may_take and error.has_no_such_path:
        return "read-only: here one can only take messages and put them back"
    return str(error)
