"""JSON text, as the standard has it and not as Python does.

Python reads and writes `NaN` and `Infinity`, and reads `1e999` as infinite. Nobody else can read
what is written that way, so here they are no JSON. Clients may still send such numbers in AMQP's
tables: where those are shown, they are texts.
"""

from __future__ import annotations

import json
import math
from typing import Any


def read(text: str) -> Any:
    """Raises: ValueError."""
    return json.loads(text, parse_constant=_number, parse_float=_number)


def shown(number: float) -> float | str:
    """A number as JSON can hold it."""
    return number if math.isfinite(number) else str(number)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is infinite, or no number")
    return number
