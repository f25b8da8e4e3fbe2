"""JSON text, as the standard has it and not as Python does.

Python reads and writes `NaN` and `Infinity`, and reads `1e999` as infinite. Nobody else can read
what is written that way, so here they are no JSON. Clients may still send such numbers in AMQP's
tables: where those are shown, they are texts. Bytes of theirs that are no UTF-8, which Python has
as lone surrogates (`RelayedStr` in protocol/fields.py), are shown as `\\xc3`.
"""

from __future__ import annotations

import codecs
import json
import math
from typing import Any


def read(text: str) -> Any:
    """Raises: ValueError."""
    return json.loads(text, parse_constant=_number, parse_float=_number)


def encode(text: str) -> bytes:
    """JSON text as UTF-8."""
    return text.encode("utf-8", _SHOWN_BYTES)


def shown(number: float) -> float | str:
    """A number as JSON can hold it."""
    return number if math.isfinite(number) else str(number)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is infinite, or no number")
    return number


def _show_bytes(error: UnicodeError) -> tuple[str, int]:
    """The lone surrogates of relayed bytes as an escape that is text in JSON."""
    assert isinstance(error, UnicodeEncodeError), "it is used for encoding only"
    relayed = error.object[error.start : error.end]
    return "".join(f"\\\\x{ord(each) & 0xFF:02x}" for each in relayed), error.end


_SHOWN_BYTES = "warrener.shown-bytes"
codecs.register_error(_SHOWN_BYTES, _show_bytes)
