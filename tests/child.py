"""Programs that a test starts: with the signals of a terminal, and never left behind."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.patience import PATIENCE_S


@contextmanager
def child(*command: str, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A program that ends with the block; `options` are those of Popen.

    SIGINT ends it, even if whoever runs the tests has it ignored, as scripts do for what they
    start in the background: a program inherits that, and leaves such a signal alone.
    """
    process = subprocess.Popen(command, preexec_fn=heed_interrupts, **options)
    with process:  # closes the pipes
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE_S)


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
