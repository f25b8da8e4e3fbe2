"""Room on the stack for what walks a selector.

The parser and the tree walkers are recursive, and the nesting that a selector may have
(lexicon.SELECTOR_NESTING_MAX) needs more frames than Python's default limit leaves. Everything
that is done when a filter is compiled or explained runs in `room_to_recurse()`. A compiled
filter needs one frame a level and runs within the default limit.

The limit belongs to the interpreter, not to a thread: it is raised by the first that enters and
put back by the last that leaves.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# pyparsing takes up to 30 frames for a level of parentheses (measured, test_recursion.py), and
# each level can hold six nodes, for which printing takes 4 frames each; 64 levels of both.
FRAMES = 64 * 30 + 64 * 6 * 4 + 500

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
