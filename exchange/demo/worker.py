"""A worker that dies with messages in its hands."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection

from warrener.exchange.demo.client import Connect
from warrener.exchange.demo.expectation import expect

PATIENCE_S = 30


class DyingWorker:
    """A process that takes messages, says which, and is killed with all of them."""

    def __init__(self, connect: Connect, url: str, queue: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._report, sending = context.Pipe(duplex=False)
        arguments = (connect, url, queue, count, sending)
        self._process = context.Process(target=hold, args=arguments, daemon=True)

    def run(self) -> list[str]:
        """The ids it held when it was killed; nothing was acknowledged, nothing closed."""
        self._process.start()
        try:
            expect("the worker reports", True, self._report.poll(PATIENCE_S))
            held: list[str] = self._report.recv()
        finally:
            self._process.kill()
            self._process.join()
        return held


def hold(connect: Connect, url: str, queue: str, count: int, report: Connection) -> None:
    """What runs in the worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Whoever started it ends it.
    client = connect(url)
    report.send(client.hold(queue, count))
    signal.pause()
