"""Room on the stack for what walks a selector.

The parser and the tree walkers are recursive, and the nesting that a selector may have
(lexicon.SELECTOR_NESTING_MAX) needs more frames than Python's default limit leaves. So compiling,
filing in an index and explaining run in `room_to_recurse()`. A compiled filter runs without: it
needs at most 6 frames for a level, which the default limit has.

The limit belongs to the interpreter, not to a thread: it is raised by the first that enters and
put back by the last that leaves.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from warrener.exchange.filters.lexicon import SELECTOR_NESTING_MAX

# Measured on the worst that a level of parentheses can hold, `(x BETWEEN y AND 1 - 2 * (...))`:
# parsing takes 37 frames, printing 22.
FRAMES = SELECTOR_NESTING_MAX * 60

_lock = threading.Lock()
_inside = 0


@contextmanager
def room_to_recurse() -> Iterator[None]:
    _change(+1)
    try:
        yield
    finally:
        _change(-1)


def _change(difference: int) -> None:
    global _inside
    with _lock:
        if _inside == 0 or _inside + difference == 0:
            sys.setrecursionlimit(sys.getrecursionlimit() + difference * FRAMES)
        _inside += difference
