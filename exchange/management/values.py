"""Values as JSON has them: tables of AMQP, times, and whole documents."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from warrener.exchange import json_text

TIME_MAX_MS = 253_402_300_799_999
"""The last time that Python can write. A client may have a message held back for longer."""


def plain(value: Any) -> Any:
    """A value of an AMQP table as JSON can hold it; bytes that are no text are given in base64."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytes | bytearray):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return b64encode(value).decode()
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return json_text.shown(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def encode(document: Any) -> bytes:
    """A document as bytes."""
    return json_text.encode(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def encode_in_parts(document: Mapping[str, Any]) -> Iterator[bytes]:
    """A document whose values may be long lists, in parts."""
    separator = b"{"
    for name, value in document.items():
        yield separator + encode(name) + b":"
        separator = b","
        if not isinstance(value, list):
            yield encode(value)
            continue
        yield b"["
        for start in range(0, len(value), 100):
            yield (b"," if start else b"") + encode(value[start : start + 100])[1:-1]
        yield b"]"
    yield b"}"


def iso_time(ms: float) -> str:
    """A time in ms since 1970 as RabbitMQ writes it; one after the year 9999 is its end."""
    return datetime.fromtimestamp(min(ms, TIME_MAX_MS) / 1000, UTC).isoformat(
        timespec="milliseconds"
    )
