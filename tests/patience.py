"""Limits of waiting: a test that waits for something that does not come says so, and ends."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_S = 60.0
"""For what takes a moment, on a machine that is busy with other things."""
NEXT_CHANCE_S = 0.01
"""When an outer limit is over that an inner one has held up."""


@contextmanager
def limit(what: str, seconds: float = PATIENCE_S) -> Iterator[None]:
    """Give up what is done inside when it has taken so long; `what` is what is waited for.

    It works by a signal, so only in the main thread, and it ends calls that have no limit of their
    own. Limits may stand within each other. Raises: TimeoutError.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(*_: object) -> None:
        raise TimeoutError(f"waited {seconds:g} s for {what}")

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, give_up)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            left -= time.monotonic() - began
            signal.setitimer(signal.ITIMER_REAL, max(left, NEXT_CHANCE_S))


def join(thread: threading.Thread, seconds: float = PATIENCE_S) -> None:
    """Wait for the end of a thread."""
    thread.join(seconds)
    assert not thread.is_alive(), f"waited {seconds:g} s for the end of thread {thread.name}"
