"""Requests: which documents of the API a state needs, and what an action asks of it.

A page of a long list is sorted and cut by the broker, which describes only the rows that are sent:
of ten thousand queues a hundred are seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from warrener.exchange.monitor.snapshot import Document, text
from warrener.exchange.monitor.state import State

PEEKED_MESSAGES = 10
PEEKED_BYTES = 2000
PAGES = ("queues", "connections", "channels", "exchanges", "consumers")
BROKER = {"overview": "/api/overview", "nodes": "/api/nodes"}


def segment(name: Any) -> str:
    """A name as a segment of a path."""
    return quote(str(name), safe="")


def wanted(state: State) -> dict[str, str]:
    """Targets by the name under which their documents are read."""
    return BROKER | (details_wanted(state) if state.details else rows_wanted(state))


def rows_wanted(state: State) -> dict[str, str]:
    """What the table of a view is made of."""
    below = f"/{segment(state.vhost)}" if state.vhost else ""
    view = state.table
    if not view.path:
        return {}
    if state.view in ("connections", "channels"):
        path = f"/api/vhosts{below}/{state.view}" if below else view.path
    else:
        path = view.path + below
    query = {"columns": ",".join(view.paths)}
    search = state.search
    if view.is_paged and not search.is_inverse and state.limit:
        query |= {"page": "1", "page_size": str(state.limit), **search.asked}
        if order := state.sort_column.order:
            query |= {"sort": order, "sort_reverse": _flag(state.sort.descending)}
    return {"rows": f"{path}?{urlencode(query, safe=',')}"}


def _flag(value: bool) -> str:
    return "true" if value else "false"


def details_wanted(state: State) -> dict[str, str]:
    """What is known of one thing."""
    assert state.details is not None
    row, view = state.details.row, state.details.view
    target = target_of(view, row)
    if state.details.kind == "messages" or not target:
        return {}
    if view == "queues":
        why = target.replace("/api/", "/api/x/", 1) + "/why"
        return {"details": target, "bindings": f"{target}/bindings", "why": why}
    if view == "exchanges":
        return {"details": target, "bindings": f"{target}/bindings/source"}
    if view == "connections":
        return {"details": target, "channels": f"{target}/channels"}
    return {"details": target}


def target_of(view: str, row: Document) -> str:
    """Where the API has a thing; nothing for what it has no place for."""
    name = segment(text(row, "name"))
    if view in ("queues", "exchanges"):
        place = name or "amq.default"
        return f"/api/{view}/{segment(text(row, 'vhost'))}/{place}"
    return f"/api/{view}/{name}" if view in ("connections", "channels") else ""


@dataclass(frozen=True, slots=True)
class Request:
    """Something that is to be done."""

    method: str
    target: str
    said: str
    """What the user is told when it is done."""


def page_of(state: State) -> str:
    """Where the broker's page in a browser shows what is seen here."""
    if state.details is not None and state.view in ("queues", "exchanges"):
        row = state.details.row
        place = (state.view, text(row, "vhost"), text(row, "name"))
        return "#/" + "/".join(map(segment, place))
    return f"#/{state.view}" if state.view in PAGES else ""


def purge(row: Document) -> Request:
    return Request("DELETE", f"{target_of('queues', row)}/contents", f"purged {text(row, 'name')}")


def delete(view: str, row: Document) -> Request:
    return Request("DELETE", target_of(view, row), f"deleted {text(row, 'name')}")


def close(row: Document) -> Request:
    return Request("DELETE", target_of("connections", row), f"closed {text(row, 'name')}")


@dataclass(frozen=True, slots=True)
class Peek:
    """Messages of a queue are to be looked at."""

    vhost: str
    queue: str
    may_take: bool
    """Whether they may be taken and put back where one cannot just look."""


def peek(row: Document, may_take: bool) -> Peek:
    return Peek(text(row, "vhost"), text(row, "name"), may_take)
