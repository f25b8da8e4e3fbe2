"""Transitions: what a key makes of a state.

`press(state, key, seen)` returns the state after it, and what else is to be done. Nothing is done
here: a request to the broker, the end, a file to be written are values that the program acts on.
What destroys something opens a line first, in which its name has to be typed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from warrener.exchange.monitor import requests
from warrener.exchange.monitor.keys import ACTIONS
from warrener.exchange.monitor.printing import printable
from warrener.exchange.monitor.requests import Peek, Request
from warrener.exchange.monitor.snapshot import Document, text
from warrener.exchange.monitor.state import (
    INTERVALS_S,
    LIMITS,
    Choice,
    Details,
    Prompt,
    Sort,
    State,
)
from warrener.exchange.monitor.views import RATE, TOTAL, VIEWS

FILTER, COMMAND = "filter", "command"
TYPED_CHARACTERS_MAX = 300


class Errand(Enum):
    """What the program is to do beside asking the broker."""

    QUIT = "quit"
    WEB = "web"
    EXPORT = "export"


Effect = Request | Peek | Errand | None
Outcome = tuple[State, Effect]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is on the screen: a key is meant for that."""

    rows: Sequence[Document] = ()
    vhosts: Sequence[str] = ()
    height: int = 10
    """Lines of the table, or of the page."""
    lines: int = 0
    """Lines of details or help in all."""

    def row(self, state: State) -> Document | None:
        if state.details is not None:
            return state.details.row
        return self.rows[state.cursor] if 0 <= state.cursor < len(self.rows) else None


def press(state: State, key: str, seen: Seen) -> Outcome:
    """What follows from a key."""
    if key == "ctrl-c":
        return state, Errand.QUIT
    if state.prompt is not None:
        return _typed(state, state.prompt, key)
    if state.choice is not None:
        return _chosen(state, state.choice, key), None
    action = ACTIONS.get(key, "")
    state = replace(state, message="")
    if action == "view":
        return _show(state, list(VIEWS)[int(key) - 1]), None
    if state.shows_help and action not in _MOVES and action != "quit":
        return replace(state, shows_help=False, offset=0), None
    if action in _MOVES:
        return _moved(state, action, seen), None
    transition = _ACTIONS.get(action)
    return transition(state, seen) if transition else (state, None)


# Moving

_MOVES: dict[str, Callable[[int, int, int], int]] = {
    "up": lambda at, page, last: at - 1,
    "down": lambda at, page, last: at + 1,
    "page-up": lambda at, page, last: at - page,
    "page-down": lambda at, page, last: at + page,
    "first": lambda at, page, last: 0,
    "last": lambda at, page, last: last,
}


def _moved(state: State, action: str, seen: Seen) -> State:
    page = max(1, seen.height - 1)
    if state.details or state.shows_help:
        last = max(0, seen.lines - seen.height)
        return replace(state, offset=max(0, min(last, _MOVES[action](state.offset, page, last))))
    last = max(0, len(seen.rows) - 1)
    return replace(state, cursor=max(0, min(last, _MOVES[action](state.cursor, page, last))))


def _show(state: State, view: str) -> State:
    return replace(state, view=view, cursor=0, offset=0, details=None, shows_help=False)


def _turn_view(step: int) -> Callable[[State, Seen], Outcome]:
    def turn(state: State, seen: Seen) -> Outcome:
        names = list(VIEWS)
        return _show(state, names[(names.index(state.view) + step) % len(names)]), None

    return turn


# What is seen


def _back(state: State, seen: Seen) -> Outcome:
    if state.details is not None:
        return replace(state, details=None, offset=0), None
    return replace(state, filter="", cursor=0), None


def _help(state: State, seen: Seen) -> Outcome:
    return replace(state, shows_help=True, offset=0), None


def _open(state: State, seen: Seen, kind: str = "details") -> Outcome:
    row = seen.row(state)
    if row is None:
        return state, None
    return replace(state, details=Details(state.view, row, kind), offset=0), None


def _document(state: State, seen: Seen) -> Outcome:
    return _open(state, seen, "document")


def _pause(state: State, seen: Seen) -> Outcome:
    return replace(state, is_paused=not state.is_paused), None


def _toggle(state: State, seen: Seen) -> Outcome:
    return replace(state, shown=TOTAL if state.shown == RATE else RATE), None


def _next_limit(state: State, seen: Seen) -> Outcome:
    limit = LIMITS[(LIMITS.index(state.limit) + 1) % len(LIMITS)]
    return replace(state, limit=limit, message=f"rows: {limit or 'all'}"), None


def _next_vhost(state: State, seen: Seen) -> Outcome:
    choices = ("", *seen.vhosts)
    at = choices.index(state.vhost) if state.vhost in choices else 0
    return replace(state, vhost=choices[(at + 1) % len(choices)], cursor=0), None


def _refresh(faster: bool) -> Callable[[State, Seen], Outcome]:
    def change(state: State, seen: Seen) -> Outcome:
        slower = [each for each in INTERVALS_S if each > state.interval_s]
        quicker = [each for each in INTERVALS_S if each < state.interval_s]
        found = quicker[-1:] if faster else slower[:1]
        interval_s = found[0] if found else state.interval_s
        return replace(state, interval_s=interval_s, message=f"every {interval_s:g} s"), None

    return change


# Sorting


def _sort(state: State, seen: Seen) -> Outcome:
    titles = state.sortable
    at = titles.index(state.sort.title) if state.sort.title in titles else 0
    return replace(state, choice=Choice(titles, at)), None


def _chosen(state: State, choice: Choice, key: str) -> State:
    """A key while a column is chosen."""
    action = ACTIONS.get(key, "")
    if action in _MOVES:
        last = len(choice.titles) - 1
        at = max(0, min(last, _MOVES[action](choice.at, last, last)))
        return replace(state, choice=replace(choice, at=at))
    if action == "open":
        return _sorted_by(replace(state, choice=None), choice.titles[choice.at])
    return replace(state, choice=None) if action in ("back", "quit", "sort") else state


def _sorted_by(state: State, title: str) -> State:
    descending = state.table.column(title).is_number
    return replace(state, sorts={**state.sorts, state.view: Sort(title, descending)}, cursor=0)


def _move_sort(step: int) -> Callable[[State, Seen], Outcome]:
    def move(state: State, seen: Seen) -> Outcome:
        titles = state.sortable
        at = titles.index(state.sort.title) if state.sort.title in titles else 0
        return _sorted_by(state, titles[max(0, min(len(titles) - 1, at + step))]), None

    return move


def _invert(state: State, seen: Seen) -> Outcome:
    turned = Sort(state.sort.title, not state.sort.descending)
    return replace(state, sorts={**state.sorts, state.view: turned}, cursor=0), None


# What is done to the broker


def _peek(state: State, seen: Seen) -> Outcome:
    row = seen.row(state)
    if state.view != "queues" or row is None:
        return replace(state, message="only messages of queues can be looked at"), None
    shown = replace(state, details=Details("queues", row, "messages"), offset=0)
    return shown, requests.peek(row, may_take=not state.read_only)


def _confirm(action: str, views: tuple[str, ...]) -> Callable[[State, Seen], Outcome]:
    """Ask for the name of what is to be lost."""

    def ask(state: State, seen: Seen) -> Outcome:
        row = seen.row(state)
        if row is None or state.view not in views:
            return replace(state, message=f"{action}: not in this view"), None
        if state.read_only:
            return replace(state, message=f"read-only: {state.read_only}"), None
        name = printable(text(row, "name"))
        label, expected = f"{action} {state.view[:-1]} {name}? type its name: ", name
        if action == "close":
            label, expected = f"close {name}? type yes: ", "yes"
        subject = Details(state.view, row)
        prompt = Prompt(action, label, expected=expected, subject=subject)
        return replace(state, prompt=prompt), None

    return ask


def _confirmed(state: State, prompt: Prompt) -> Outcome:
    assert prompt.subject is not None, "something is to be confirmed"
    row, view = prompt.subject.row, prompt.subject.view
    if prompt.text != prompt.expected or not prompt.expected:
        return replace(state, prompt=None, message=f"not done: that is not {prompt.expected}"), None
    if prompt.purpose == "purge":
        return replace(state, prompt=None), requests.purge(row)
    effect = requests.close(row) if prompt.purpose == "close" else requests.delete(view, row)
    return replace(state, prompt=None, details=None, offset=0), effect


# Typing


def _ask_filter(state: State, seen: Seen) -> Outcome:
    return replace(state, details=None, prompt=Prompt(FILTER, "/", state.filter)), None


def _ask_command(state: State, seen: Seen) -> Outcome:
    return replace(state, prompt=Prompt(COMMAND, ":")), None


def _typed(state: State, prompt: Prompt, key: str) -> Outcome:
    """A key while a line is typed."""
    if key == "escape":
        return replace(state, prompt=None), None
    if key == "enter":
        return _entered(state, prompt)
    line = prompt.text
    if key == "backspace":
        line = line[:-1]
    elif key == "ctrl-u":
        line = ""
    elif len(key) == 1 and key.isprintable() and len(line) < TYPED_CHARACTERS_MAX:
        line += key
    changed = replace(state, prompt=replace(prompt, text=line))
    return (replace(changed, filter=line, cursor=0) if prompt.purpose == FILTER else changed), None


def _entered(state: State, prompt: Prompt) -> Outcome:
    if prompt.purpose == FILTER:
        return replace(state, prompt=None, filter=prompt.text), None
    if prompt.purpose != COMMAND:
        return _confirmed(state, prompt)
    word = prompt.text.strip().lower()
    if word in ("q", "quit", "exit"):
        return state, Errand.QUIT
    found = [name for name in VIEWS if word and name.startswith(word)]
    if not found:
        return replace(state, prompt=None, message=f"there is no view '{prompt.text}'"), None
    return _show(replace(state, prompt=None), found[0]), None


_ACTIONS: dict[str, Callable[[State, Seen], Outcome]] = {
    "quit": lambda state, seen: (state, Errand.QUIT),
    "help": _help,
    "open": _open,
    "back": _back,
    "next-view": _turn_view(1),
    "previous-view": _turn_view(-1),
    "command": _ask_command,
    "filter": _ask_filter,
    "vhost": _next_vhost,
    "sort": _sort,
    "sort-left": _move_sort(-1),
    "sort-right": _move_sort(1),
    "invert": _invert,
    "toggle": _toggle,
    "limit": _next_limit,
    "pause": _pause,
    "slower": _refresh(faster=False),
    "faster": _refresh(faster=True),
    "document": _document,
    "peek": _peek,
    "purge": _confirm("purge", ("queues",)),
    "delete": _confirm("delete", ("queues", "exchanges")),
    "close": _confirm("close", ("connections",)),
    "web": lambda state, seen: (state, Errand.WEB),
    "export": lambda state, seen: (state, Errand.EXPORT),
}
