"""A broker in a process of its own, which a test may kill and start again on the same data.

What: `RunningBroker(directory)` starts `python -m warrener serve`, waits for the line that says it
is ready, and knows its URL, its process id and what it wrote to standard error.

Why a process: foreign clients block, and a crash that is worth testing is `kill -9`.

How: the first start takes a free port, later starts take the same one again, so a client may
reconnect to the URL it had. It is not one of those that the system gives to clients: such a port
may be taken while the broker is away, even by a client that tries to reach the broker there and
ends up connected to itself. Standard error goes to a file beside the data, which a failed test
prints; standard output is only read until the broker is ready, as it says nothing afterwards.
"""

import resource
import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path

COMMAND = (sys.executable, "-m", "warrener", "serve")
PORTS = range(20_000, 32_000)
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 30.0
READY_LINE = "Server startup complete"
LOG_LINES_SHOWN = 60


class BrokerDidNotStart(Exception):
    """The process ended or stayed silent before it said that it was ready."""


class RunningBroker:
    def __init__(self, directory: Path) -> None:
        self._data = directory / "data"
        self._log = directory / "broker.log"
        self._process: subprocess.Popen[str] | None = None
        self._port = free_port()
        self._http_port = free_port()
        self.url = ""
        self.http_url = ""

    def start(self, kill_after_s: float = START_SECONDS_MAX) -> None:
        """Returns when it is ready; one that is not by then is killed (BrokerDidNotStart)."""
        assert self._process is None, "the broker runs already"
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*COMMAND, *self._ports(), "--data", str(self._data)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._wait_until_ready(self._process, kill_after_s)

    def kill(self) -> None:
        """Ends it as a power cut would end the process: nothing is flushed, nobody is told."""
        assert self._process is not None, "the broker does not run"
        self._process.kill()
        self._reap()

    def restart(self) -> None:
        """Ends it in order and starts it on the data it left."""
        self.stop()
        self.start()

    def stop(self) -> int:
        """Ends it in order and returns its exit status; one that hangs is killed."""
        assert self._process is not None, "the broker does not run"
        self._process.terminate()
        return self._reap()

    def wait(self) -> int:
        """Until it ends by itself; returns its exit status. One that does not is killed."""
        return self._reap()

    def limit_files(self, size_bytes: int) -> None:
        """From now on no file of it may grow beyond this: a disk that fails at will. Linux only."""
        assert self._process is not None, "the broker does not run"
        limit = (size_bytes, size_bytes)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, limit)

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def log(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    def _wait_until_ready(self, process: subprocess.Popen[str], kill_after_s: float) -> None:
        assert process.stdout is not None
        watchdog = threading.Timer(kill_after_s, process.kill)
        watchdog.start()
        try:
            for line in process.stdout:
                if line.startswith("amqp://"):
                    self.url = line.strip()
                if line.startswith("http://"):
                    self.http_url = line.strip()
                if line.strip() == READY_LINE:
                    return
        finally:
            watchdog.cancel()
        self._reap()
        raise BrokerDidNotStart(self.log)

    def _ports(self) -> list[str]:
        return ["--port", str(self._port), "--http-port", str(self._http_port)]

    def _reap(self) -> int:
        process, self._process = self._process, None
        assert process is not None
        with process:  # closes the pipe
            try:
                return process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait(STOP_SECONDS_MAX)


def free_port() -> int:
    while True:
        # Not from `random`, whose seed the processes of a test run may share.
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
