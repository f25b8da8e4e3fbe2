"""Processes as the benchmarks see them: what they cost, and a broker to start and end.

The figures come from /proc, so they are there on Linux only; elsewhere they are None.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

READY_LINE = "Server startup complete"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int | None) -> float | None:
    """User and system time of the process so far, all its threads together."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def resident_bytes(pid: int | None) -> int | None:
    return status_bytes(pid, "VmRSS")


def peak_bytes(pid: int | None) -> int | None:
    """The most that was ever resident."""
    return status_bytes(pid, "VmHWM")


def status_bytes(pid: int | None, name: str) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith(name))
    return int(kilobytes) * 1024


class OwnBroker:
    """`warrener serve` on a free port and a fresh data directory, gone at the end of the block."""

    def __init__(self, http: bool = False) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="warrener-bench-")
        self._http = http
        self.port = 0
        self.http_port = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> "OwnBroker":
        command = [sys.executable, "-m", "warrener", "serve", "--port", "0"]
        http_port = "0" if self._http else "-1"
        self._process = subprocess.Popen(
            [
                *command,
                f"--http-port={http_port}",
                "--data",
                str(Path(self._directory.name, "data")),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("amqp://"):
                self.port = port_of(line)
            if line.startswith("http://"):
                self.http_port = port_of(line)
            if line.strip() == READY_LINE:
                return self
        self.__exit__()
        raise SystemExit("the broker ended before it was ready")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()


def port_of(address: str) -> int:
    return int(address.strip().rstrip("/").rpartition(":")[2])


class GivenBroker:
    """A broker that runs already; its CPU and memory are seen if its process id is told."""

    def __init__(self, port: int, pid: int | None) -> None:
        self.port = port
        self.pid = pid

    def __enter__(self) -> "GivenBroker":
        return self

    def __exit__(self, *_: object) -> None:
        pass
