"""A command that is bounded in time, with everything it started.

Other people's suites leave processes behind when they hang, so a command gets a session of its own
and all of it is killed when its time is over.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.patience import PATIENCE_S


class TookTooLong(Exception):
    """The command was killed."""


def run_command(
    command: Sequence[str | Path],
    *,
    seconds_max: float,
    log: Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a command, append what it says to `log`, and return its exit status.

    Raises: TookTooLong.
    """
    with log.open("ab") as output:
        output.write(f"$ {' '.join(map(str, command))}\n".encode())
        output.flush()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            raise TookTooLong(f"{command[0]} was killed after {seconds_max:.0f} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE_S)
