"""A Celery worker in a process of its own, which a test may stop or kill.

What: `CeleryWorker(url, queue)` runs the tasks of celery_tasks.py; `start` returns when the worker
says that it is ready, `log` is the end of what it said.

How: a thread reads its standard error and looks for the line that says so. The worker's pool is
processes of its own, so the worker gets a session and all of it is killed together.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

from tests.patience import join

READY_SECONDS_MAX = 25.0
STOP_SECONDS_MAX = 15.0
LOG_LINES_SHOWN = 60
REPOSITORY = Path(__file__).parents[2]


class WorkerDidNotStart(Exception):
    """The worker ended or stayed silent before it was ready."""


class CeleryWorker:
    def __init__(self, url: str, queue: str, *, processes: int = 2, **settings: Any) -> None:
        self.name = f"worker-{secrets.token_hex(4)}@interop"
        self._command = [sys.executable, "-m", "celery", "-A", "tests.interop.celery_tasks"]
        self._command += ["-b", url, "worker", "-n", self.name, "-Q", queue, "-E"]
        self._command += ["--concurrency", str(processes), "--loglevel", "info"]
        self._settings = json.dumps({"task_default_queue": queue, **settings})
        self._lines: deque[str] = deque(maxlen=LOG_LINES_SHOWN)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._told = threading.Event()
        self._ready = False

    def __enter__(self) -> "CeleryWorker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        assert self._process is None, "the worker runs already"
        self._told.clear()
        self._ready = False
        self._process = subprocess.Popen(
            self._command,
            cwd=REPOSITORY,
            env={**os.environ, "CELERY_SETTINGS": self._settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,))
        self._reader.start()
        self._told.wait(READY_SECONDS_MAX)
        if not self._ready:
            self.kill()
            raise WorkerDidNotStart(self.log)

    def stop(self) -> None:
        """Has it end what it is doing, and kills it if that takes too long."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS_MAX)
            self.kill()

    def kill(self) -> None:
        """Ends it and its pool as a machine that goes down would."""
        process, self._process = self._process, None
        assert process is not None, "the worker does not run"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS_MAX)
        assert self._reader is not None
        join(self._reader)

    @property
    def log(self) -> str:
        return "".join(self._lines)

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        with process.stderr as said:
            for line in said:
                self._lines.append(line)
                if line.endswith(" ready.\n"):
                    self._ready = True
                    self._told.set()
        self._told.set()
