"""How messages are printed: as text, raw, as JSON, or as a template says.

text        the body and a line end; on a terminal without what a terminal would obey
raw         the body and nothing else
json        one document on one line
a template  %s body, %k routing key, %e exchange, %h headers, %p properties, %r redelivered,
            %b size of the body, %% a percent sign, and \\n \\t \\0
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from warrener.exchange import json_text
from warrener.exchange.commands.output import describe_output
from warrener.exchange.monitor.printing import printable

_TOKEN = re.compile(rb"%(.)|\\(.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"\\": b"\\"}


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message, wherever it comes from."""

    exchange: str
    routing_key: str
    redelivered: bool
    properties: Mapping[str, Any]
    body: bytes


def describe_format(parser: argparse.ArgumentParser) -> None:
    """How a command that prints messages is told to, with the options that every command has."""
    parser.add_argument(
        "--format",
        "-f",
        default="text",
        metavar="FORMAT",
        help="text (default), raw, json, or a template as '%%k %%s\\n'; see docs/commands.md",
    )
    describe_output(parser, json_means="as --format json")


def formatter(name: str, on_terminal: bool | None = None) -> Callable[[ShownMessage], bytes]:
    """What makes bytes of a message."""
    on_terminal = sys.stdout.isatty() if on_terminal is None else on_terminal
    safe = _safe if on_terminal else _unchanged
    if name == "raw":
        return lambda message: safe(message.body)
    if name == "json":
        return as_json
    if name == "text":
        return lambda message: safe(message.body) + b"\n"
    template = name.encode()
    return lambda message: _filled(template, message, safe)


def _unchanged(body: bytes) -> bytes:
    return body


def _safe(body: bytes) -> bytes:
    """A body as it may be shown on a terminal: lines of what is printable."""
    lines = body.decode(errors="backslashreplace").split("\n")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines).encode()


def as_json(message: ShownMessage) -> bytes:
    """One line; a body that is no UTF-8 is in base64."""
    document: dict[str, Any] = {
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "redelivered": message.redelivered,
        "properties": _jsonable(message.properties),
    }
    try:
        document["body"] = message.body.decode()
    except UnicodeDecodeError:
        document["body_base64"] = base64.b64encode(message.body).decode()
    return json_text.encode(json.dumps(document, ensure_ascii=False)) + b"\n"


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, float | Decimal):
        return json_text.shown(float(value))
    return value


def _filled(template: bytes, message: ShownMessage, safe: Callable[[bytes], bytes]) -> bytes:
    def text(value: str) -> bytes:
        return printable(value).encode()

    def replaced(match: re.Match[bytes]) -> bytes:
        field, escape = match.groups()
        if escape is not None:
            return _ESCAPES.get(escape, match.group())
        maker = fields.get(field)
        return maker() if maker else match.group()

    fields: dict[bytes, Callable[[], bytes]] = {
        b"s": lambda: safe(message.body),
        b"k": lambda: text(message.routing_key),
        b"e": lambda: text(message.exchange),
        b"h": lambda: text(json.dumps(_jsonable(message.properties.get("headers") or {}))),
        b"p": lambda: text(json.dumps(_jsonable(message.properties))),
        b"r": lambda: b"1" if message.redelivered else b"0",
        b"b": lambda: str(len(message.body)).encode(),
        b"%": lambda: b"%",
    }
    return _TOKEN.sub(replaced, template)
