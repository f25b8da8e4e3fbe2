"""Sparklines: a row of numbers as a row of bars; and a graph of several rows.

The highest bar stands for the highest number. A number above zero is never drawn as nothing, and
zero is always the lowest bar: what stands still and what trickles must look different.
"""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
_FINE = " ▁▂▃▄▅▆▇█"
STEPS = len(BARS)


def sparkline(values: Sequence[float], width: int) -> str:
    """The last `width` values, right-aligned."""
    shown = values[-width:] if width > 0 else ()
    highest = max(shown, default=0)
    return "".join(_bar(value, highest) for value in shown).rjust(width)


def _bar(value: float, highest: float) -> str:
    if value <= 0:
        return BARS[0]
    return BARS[max(1, round(value / highest * (STEPS - 1)))]


def graph(values: Sequence[float], width: int, height: int) -> list[str]:
    """The last `width` values as lines, the highest line first."""
    shown = values[-width:] if width > 0 else ()
    highest = max(shown, default=0)
    heights = [
        0 if value <= 0 else max(1, round(value / highest * height * STEPS)) for value in shown
    ]
    lines = []
    for line in reversed(range(height)):
        bars = (_FINE[min(STEPS, max(0, each - line * STEPS))] for each in heights)
        lines.append("".join(bars).rjust(width))
    return lines
