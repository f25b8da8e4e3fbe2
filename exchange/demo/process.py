"""The broker as a process on a data directory that outlives it."""

import subprocess
import sys
from pathlib import Path

from warrener.exchange.demo.expectation import StepFailed

READY_LINE = "Server startup complete"
LOG_LINES_SHOWN = 25


class Broker:
    """`warrener serve`, which may be killed and started again on the same port and data."""

    def __init__(self, directory: Path) -> None:
        self._data = directory / "data"
        self._log = directory / "broker.log"
        self._process: subprocess.Popen[str] | None = None
        self._port = self._http_port = "0"
        self.url = ""
        self.http_url = ""

    def start(self) -> None:
        command = [sys.executable, "-m", "warrener", "serve", "--data", str(self._data)]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*command, "--port", self._port, "--http-port", self._http_port],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._wait_until_ready(self._process)

    def kill(self) -> None:
        """Nothing is flushed and nobody is told."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """Asks it to end in order; the exit status tells whether it did."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait()

    def wait(self) -> None:
        """Until it has ended by itself, or somebody else has ended it."""
        assert self._process is not None
        self._process.wait()

    def close(self) -> None:
        """Leaves no process behind, whatever happened."""
        if self._process is not None:
            self.kill()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def log(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    def _wait_until_ready(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("amqp://"):
                self.url = line.strip()
                self._port = self.url.rpartition(":")[2]
            if line.startswith("http://"):
                self.http_url = line.strip()
                self._http_port = self.http_url.rpartition(":")[2]
            if line.strip() == READY_LINE:
                return
        raise StepFailed("the broker says that it is ready", READY_LINE, "it ended")
