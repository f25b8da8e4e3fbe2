"""Bodies: JSON out of the bytes of a request.

What is taken can be written down again and read by whoever gets it: numbers that are numbers
(`1e999` is none), characters that are characters (half of a surrogate pair is none), and one value
for each key, for of two the next program may take the other. All else is refused with a sentence.

Parsing is one call, during which nobody else has a turn, at about 100 MB/s. So bodies are short
but for the few requests that bring long ones, and those are parsed in a thread (`aside`). There the
interpreter can be handed over whenever an object has been read, which in what is long and makes
sense is all the time.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import trio

from warrener.protocol.http.errors import BadRequest

T = TypeVar("T")

SHORT_BYTES_MAX = 1 << 20
"""Most bodies have some hundred bytes; a list of a thousand names has 100 KB."""
READ_AT_ONCE_BYTES = 64 * 1024
DEPTH_MAX = 64
"""Objects and lists within each other; Python could go no further than some hundred."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_json(body: bytes) -> Any:
    """Any JSON; nothing at all is an empty object. Raises: BadRequest."""
    if not body.strip():
        return {}
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            parse_constant=_number,
            parse_float=_number,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise BadRequest("not_json: the body is no UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"not_json: {error.msg} ({where})") from None
    except RecursionError:
        raise BadRequest("not_json: nested too deeply") from None
    except ValueError:
        raise BadRequest("not_json: a number has too many digits") from None
    _check_depth(body, value)
    _check_characters(body, value)
    return value


async def aside(read: Callable[[bytes], T], body: bytes) -> T:
    """Read a body that may be long, without having others wait. Raises: what `read` does."""
    if len(body) <= READ_AT_ONCE_BYTES:
        return read(body)
    return await trio.to_thread.run_sync(read, body)


def _number(text: str) -> float:
    """Raises: BadRequest."""
    number = float(text)
    if not math.isfinite(number):
        raise BadRequest("not_json: a number that is infinite, or none")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises: BadRequest."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise BadRequest(f"not_json: an object has the key {name[:50]!r} more than once")
    return found


def _check_depth(body: bytes, value: Any) -> None:
    """Raises: BadRequest."""
    if body.count(b"{") + body.count(b"[") <= DEPTH_MAX:
        return
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEPTH_MAX):
        level = [inner for each in level for inner in _inside(each)]
    if level:
        raise BadRequest(f"not_json: nested more than {DEPTH_MAX} deep")


def _inside(value: Any) -> list[Any]:
    """The objects and lists in one."""
    values = value.values() if isinstance(value, dict) else value
    return [each for each in values if isinstance(each, dict | list)]


def _check_characters(body: bytes, value: Any) -> None:
    """Raises: BadRequest."""
    if not _SURROGATE.search(body):
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadRequest("not_json: half of a surrogate pair is no character") from None
