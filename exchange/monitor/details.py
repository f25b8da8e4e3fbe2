"""Details: one thing on a page of its own, instead of the table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from warrener.exchange.management.client import Peeked
from warrener.exchange.monitor.picture import Picture
from warrener.exchange.monitor.printing import age, count, plain, printable, rate, size
from warrener.exchange.monitor.snapshot import Document, lead, text
from warrener.exchange.monitor.sparkline import graph
from warrener.exchange.monitor.standing import explained
from warrener.exchange.monitor.state import Details
from warrener.exchange.monitor.table import fitted
from warrener.exchange.monitor.views import filter_texts, oldest

GRAPH_HEIGHT = 5
GRAPH_WIDTH = 60
NAME_WIDTH = 22
PAYLOAD_LINES_MAX = 6
TAKEN = "they were taken and put back: they are marked as delivered before"
FLOWS = (("in", "publish"), ("out", "deliver_get"), ("ack", "ack"), ("redelivered", "redeliver"))


def details(picture: Picture) -> list[Text]:
    """The lines of the page, all of them."""
    looked_at = picture.state.details
    assert looked_at is not None
    found = picture.details.get("details")
    document = found if isinstance(found, Mapping) else looked_at.row
    if looked_at.kind == "document":
        return [_title(looked_at), *_json(document)]
    if looked_at.kind == "messages":
        return [_title(looked_at), *messages(picture)]
    page = _PAGES.get(looked_at.view, _facts)
    return [_title(looked_at), *page(picture, document)]


def _title(looked_at: Details) -> Text:
    row = looked_at.row
    name = plain(row.get("name") or row.get("consumer_tag") or row.get("filter") or "(default)")
    vhost = text(row, "vhost") or text(row, "queue.vhost")
    line = Text(f"{looked_at.view[:-1]} ", style="dim", no_wrap=True)
    line.append(name, style="bold")
    if vhost:
        line.append(f"  in {printable(vhost)}", style="dim")
    return line


def _json(document: Any) -> list[Text]:
    lines = json.dumps(document, indent=2, ensure_ascii=False).splitlines()
    return [Text(printable(line), no_wrap=True) for line in lines]


def _fact(name: str, value: str) -> Text:
    line = Text(f"{fitted(name, NAME_WIDTH, False)} ", style="dim", no_wrap=True)
    line.append(value, style="not dim")
    return line


def _facts(picture: Picture, document: Document) -> list[Text]:
    """Whatever a document says, without its parts that are documents themselves."""
    return [
        _fact(printable(name), plain(value))
        for name, value in document.items()
        if not isinstance(value, Mapping) or "rate" not in value
    ]


def _heading(title: str) -> list[Text]:
    return [Text(), Text(title, style="bold cyan")]


def _or_none(lines: Sequence[Text]) -> Sequence[Text]:
    return lines or [Text("none", style="dim")]


# Queues


def queue(picture: Picture, document: Document) -> list[Text]:
    said = picture.details.get("why")
    lines = [
        _why(picture, document),
        _fact("messages", _messages(document)),
        _fact("oldest", age(oldest(said if isinstance(said, Mapping) else document)) or "-"),
        _fact("rates", _rates(document)),
        _fact("bytes", size(lead(document, "message_bytes"))),
        _fact("durable", plain(document.get("durable"))),
        _fact("auto-delete", plain(document.get("auto_delete"))),
        _fact("exclusive", plain(document.get("exclusive"))),
        _fact("arguments", plain(document.get("arguments"))),
        _fact("policy", plain(document.get("policy")) or "none"),
        _fact("policy says", plain(document.get("effective_policy_definition"))),
        _fact("state", plain(document.get("state"))),
    ]
    lines += _heading("depth, the last minute")
    series = picture.history.depth(text(document, "vhost"), text(document, "name"))
    width = min(GRAPH_WIDTH, picture.width - 8)
    drawn = graph(series, width, GRAPH_HEIGHT)
    scale = [count(max(series, default=0))] + [""] * (GRAPH_HEIGHT - 2) + ["0"]
    lines += [Text(f"{mark:>6} {bars}") for mark, bars in zip(scale, drawn, strict=True)]
    lines += _heading("bindings")
    lines += _or_none(_bindings(picture, "source"))
    lines += _heading("consumers")
    return [*lines, *_or_none(_consumers(document.get("consumer_details")))]


def _why(picture: Picture, document: Document) -> Text:
    """Why its messages do not move: as the broker says, or as far as one can see."""
    found = picture.details.get("why")
    alarms = picture.snapshot.broker.alarms
    said = explained(found if isinstance(found, Mapping) else document, alarms)
    line = _fact("why", "")
    line.append(said, style="not dim bold yellow")
    return line


def _messages(document: Document) -> str:
    ready, unacked = lead(document, "messages_ready"), lead(document, "messages_unacknowledged")
    return f"{count(ready)} ready, {count(unacked)} unacked"


def _rates(document: Document) -> str:
    paths = ((name, f"message_stats.{key}_details.rate") for name, key in FLOWS)
    return "  ".join(f"{name} {rate(lead(document, path)) or '·'}/s" for name, path in paths)


def _bindings(picture: Picture, end: str) -> list[Text]:
    """Bindings with their other end, key, filter, and other arguments."""
    lines = []
    for each in _documents(picture.details.get("bindings")):
        line = Text(no_wrap=True)
        line.append(f"{plain(each.get(end)) or '(default)'}", style="bold")
        line.append(f"  {plain(each.get('routing_key'))}")
        arguments = dict(each.get("arguments") or {})
        if filters := filter_texts(arguments):
            line.append(f"  {printable(filters)}", style="green")
        rest = {key: value for key, value in arguments.items() if not key.startswith("x-filter-")}
        if rest:
            line.append(f"  {plain(rest)}", style="dim")
        lines.append(line)
    return lines


def _consumers(found: Any) -> list[Text]:
    lines = []
    for each in _documents(found):
        line = Text(plain(each.get("consumer_tag")), style="bold", no_wrap=True)
        line.append(f"  {text(each, 'channel_details.name')}", style="not bold")
        line.append(f"  prefetch {plain(each.get('prefetch_count'))}", style="not bold dim")
        if filters := filter_texts(each.get("arguments")):
            line.append(f"  {printable(filters)}", style="not bold green")
        lines.append(line)
    return lines


def _documents(found: Any) -> Iterable[Document]:
    return [each for each in found or () if isinstance(each, Mapping)]


# Exchanges, connections


def exchange(picture: Picture, document: Document) -> list[Text]:
    lines = _facts(picture, {key: v for key, v in document.items() if key != "message_stats"})
    stats = ("publish_in", "publish_out")
    rates = (rate(lead(document, f"message_stats.{name}_details.rate")) or "·" for name in stats)
    lines.append(_fact("rates", "in {}/s  routed {}/s".format(*rates)))
    return [*lines, *_heading("bindings from here"), *_or_none(_bindings(picture, "destination"))]


def connection(picture: Picture, document: Document) -> list[Text]:
    lines = _facts(picture, document)
    channels = [
        _fact(
            f"channel {plain(each.get('number'))}",
            f"{_rates(each)}  {plain(each.get('messages_unacknowledged'))} unacked",
        )
        for each in _documents(picture.details.get("channels"))
    ]
    return [*lines, *_heading("channels"), *_or_none(channels)]


_PAGES = {"queues": queue, "exchanges": exchange, "connections": connection}


# Messages


def messages(picture: Picture) -> list[Text]:
    """The messages that were looked at."""
    found = picture.answers.get("messages")
    if not isinstance(found, Peeked):
        return [Text("asking ...", style="dim")]
    lines = [] if found.untouched else [Text(TAKEN, style="yellow")]
    for place, message in enumerate(_documents(found.messages), 1):
        lines += _message(place, message)
    return lines if found.messages else [Text("nothing to be seen", style="dim")]


def _message(place: int, message: Document) -> list[Text]:
    head = Text(f"{place}  ", style="bold", no_wrap=True)
    head.append(plain(message.get("exchange")) or "(default)")
    head.append(f"  {plain(message.get('routing_key'))}  ")
    head.append(size(message.get("payload_bytes")), style="dim")
    if message.get("redelivered"):
        head.append("  redelivered", style="yellow")
    properties = plain(message.get("properties"))
    lines = [head, *([Text(f"   {properties}", style="dim", no_wrap=True)] if properties else [])]
    payload = text(message, "payload").splitlines()
    lines += [Text(f"   {printable(each)}", no_wrap=True) for each in payload[:PAYLOAD_LINES_MAX]]
    return [*lines, Text()]
