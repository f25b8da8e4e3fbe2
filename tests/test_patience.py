"""Limits of waiting, and children that heed an interrupt."""

import signal
import sys
import threading
import time

import pytest

from tests.child import child
from tests.patience import join, limit

WAITS = "import sys, time; print('here', flush=True); time.sleep(600)"


def test_a_wait_that_takes_too_long_says_for_what() -> None:
    with pytest.raises(TimeoutError, match=r"waited 0\.01 s for nothing"), limit("nothing", 0.01):
        threading.Event().wait()


def test_an_inner_limit_leaves_the_outer_one_in_force() -> None:
    def in_parts() -> None:
        with limit("a part", 60):
            pass
        with pytest.raises(TimeoutError, match="a part"), limit("a part", 0.01):
            threading.Event().wait()
        threading.Event().wait()

    with pytest.raises(TimeoutError, match="the whole"), limit("the whole", 0.1):
        in_parts()


def test_what_is_in_time_is_left_alone() -> None:
    with limit("a moment", 60):
        pass
    assert signal.getitimer(signal.ITIMER_REAL)[0] != pytest.approx(60, abs=1)


def test_a_thread_that_does_not_end_is_not_waited_for_for_ever() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="sleeper")
    thread.start()
    with pytest.raises(AssertionError, match="sleeper"):
        join(thread, 0.01)
    over.set()
    join(thread)


@pytest.mark.slow
@pytest.mark.parametrize("disposition", [signal.SIG_IGN, signal.default_int_handler])
def test_a_child_heeds_an_interrupt_however_the_tests_were_started(disposition: object) -> None:
    before = signal.signal(signal.SIGINT, disposition)  # type: ignore[arg-type]
    try:
        with child(sys.executable, "-c", WAITS, stdout=-1, stderr=-1) as waiting, limit("its end"):
            assert waiting.stdout.readline() == b"here\n"
            waiting.send_signal(signal.SIGINT)
            assert waiting.wait() == -signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_no_child_outlives_a_test_that_fails() -> None:
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError), child(sys.executable, "-c", WAITS) as left:
        raise ZeroDivisionError
    assert left.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 600
