"""How long a broker takes to come back with long queues, and what memory that takes.

    .venv/bin/python tests/bench/bench_restart.py                      a million of 1 KiB, one queue
    .venv/bin/python tests/bench/bench_restart.py --queues 1000
    .venv/bin/python tests/bench/bench_restart.py --messages 10000000 --body 16 --kill

The journal is written by a broker core without its server, `--burst` messages to a queue and then
to the next, a commit after every 500. Then `warrener serve` is started on it and timed up to the
line that says it is ready; `peak` is the highest resident memory up to then, over that of a broker
that starts on an empty directory. With `--kill` the journal is not closed in order, so that its
last segment has no index. Linux only.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from process import READY_LINE, peak_bytes, resident_bytes

PER_COMMIT = 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--queues", type=int, default=1)
    parser.add_argument("--body", type=int, default=1024)
    parser.add_argument("--burst", type=int, default=1, help="messages to a queue in a row")
    parser.add_argument("--kill", action="store_true", help="leave the journal as a crash would")
    parser.add_argument("--directory", default=None, help="where to make the journal")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-restart-", dir=arguments.directory) as folder:
        empty = Started(Path(folder, "empty"))
        empty.end()
        data = Path(folder, "data")
        began = time.monotonic()
        fill(data, arguments)
        print(f"{arguments.messages:,} messages in {arguments.queues} queues written in ", end="")
        print(f"{time.monotonic() - began:.1f} s, {megabytes(data):,.0f} MiB on disk")
        for way in ("first start", "second start"):
            report(way, Started(data), empty, arguments.messages)
    return 0


def fill(data: Path, arguments: argparse.Namespace) -> None:
    """In a process of its own, so that a kill is one."""
    script = Path(__file__).with_name("fill_journal.py")
    command = [sys.executable, script, data, *(str(int(n)) for n in options(arguments))]
    status = subprocess.run(command, check=False).returncode
    assert status in (0, -signal.SIGKILL), f"filling the journal ended with {status}"


def options(arguments: argparse.Namespace) -> list[int]:
    return [
        arguments.messages,
        arguments.queues,
        arguments.body,
        arguments.burst,
        PER_COMMIT,
        arguments.kill,
    ]


class Started:
    """A broker that has been started on a directory, and what that took."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-m", "warrener", "serve", "--port", "0", "--data", str(data)]
        command += ["--log-level", "error"]
        began = time.monotonic()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip() == READY_LINE:
                break
        self.seconds = time.monotonic() - began
        self.peak = peak_bytes(self._process.pid) or 0
        self.resident = resident_bytes(self._process.pid) or 0

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()


def report(way: str, started: Started, empty: Started, messages: int) -> None:
    started.end()
    peak, resident = started.peak - empty.peak, started.resident - empty.resident
    print(
        f"{way:14} {started.seconds:6.2f} s   "
        f"resident {resident / 2**20:7.1f} MiB, {resident / messages:5.1f} bytes a message   "
        f"peak {peak / 2**20:7.1f} MiB, {peak / messages:5.1f} bytes a message"
    )


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / 2**20


if __name__ == "__main__":
    sys.exit(main())
