"""A terminal with a program in it: keys in, screen out.

    with Window("top", "--url", url) as window:
        window.until("queues")
        window.press("q")
        assert window.wait() == 0

The screen understands what the monitor sends, and nothing else: a sequence that it does not know
fails the test.
"""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any, Self

from tests.patience import limit

PATIENCE_S = 30.0
COMMAND = (sys.executable, "-m", "warrener")
SEQUENCE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")


class Screen:
    """What is seen after bytes were written."""

    def __init__(self, columns: int, lines: int) -> None:
        self.is_taken = False
        """Whether the program shows a second screen."""
        self.has_cursor = True
        self.styles: set[str] = set()
        """Codes of colours and styles that were used."""
        self._rest = ""
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        self._columns, self._count = columns, lines
        self._lines = [[" "] * columns for _ in range(lines)]
        self._row = self._column = 0

    @property
    def text(self) -> str:
        return "\n".join("".join(line).rstrip() for line in self._lines)

    def feed(self, data: str) -> None:
        data, self._rest = self._rest + data, ""
        position = 0
        while position < len(data):
            if data[position] == "\x1b":
                found = SEQUENCE.match(data, position)
                if found is None:
                    assert len(data) - position < 12, f"unknown: {data[position:][:12]!r}"
                    self._rest = data[position:]
                    return
                self._obey(*found.groups())
                position = found.end()
            else:
                self._put(data[position])
                position += 1

    def _obey(self, private: str, parameters: str, final: str) -> None:
        if private:
            assert parameters in ("25", "1049"), parameters
            if parameters == "25":
                self.has_cursor = final == "h"
            else:
                self.is_taken = final == "h"
        elif final == "H":
            row, _, column = parameters.partition(";")
            self._row = min(int(row or 1), self._count) - 1
            self._column = min(int(column or 1), self._columns) - 1
        elif final == "K":
            self._clear(self._row, self._column)
        elif final == "J":
            whole = parameters == "2"
            first = 0 if whole else self._row
            self._clear(first, 0 if whole else self._column)
            for row in range(first + 1, self._count):
                self._clear(row, 0)
        else:
            assert final == "m", final
            self.styles.update(parameters.split(";"))

    def _clear(self, row: int, column: int) -> None:
        self._lines[row][column:] = [" "] * (self._columns - column)

    def _put(self, character: str) -> None:
        if character == "\n":
            self._row += 1
        elif character == "\r":
            self._column = 0
        elif self._row < self._count and self._column < self._columns:
            self._lines[self._row][self._column] = character
            self._column += 1


class Window:
    """A program on a terminal of its own."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 100,
        lines: int = 24,
        directory: Path | None = None,
        **environment: str,
    ) -> None:
        self._ours, self._its = os.openpty()
        self.screen = Screen(columns, lines)
        self._resize(columns, lines)
        self.settings = self.current_settings()
        """Those of the terminal before the program began."""
        # A size that somebody has said, as pytest's workers do, would count for more than the real.
        surroundings = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=self._its,
            stdout=self._its,
            stderr=self._its,
            cwd=directory,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=surroundings | {"TERM": "xterm-256color"} | environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE_S)
        os.close(self._ours)
        os.close(self._its)

    @property
    def text(self) -> str:
        return self.screen.text

    def current_settings(self) -> list[Any]:
        return termios.tcgetattr(self._its)

    def resize(self, columns: int, lines: int) -> None:
        """As if somebody had pulled at its corner."""
        self.screen.resize(columns, lines)
        self._resize(columns, lines)
        self.signal(signal.SIGWINCH)

    def _resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, *texts: str) -> str:
        """Wait until all of these are on the screen."""
        return self.until_so(lambda: all(each in self.text for each in texts), texts)

    def until_gone(self, text: str) -> str:
        return self.until_so(lambda: text not in self.text, f"no {text}")

    def until_so(self, condition: Any, what: object) -> str:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"waited for {what}, saw:\n{self.text}"
            assert self._read(0.1) or self._process.poll() is None, f"ended:\n{self.text}"
        return self.text

    def until_stopped(self) -> None:
        """Wait until it was put aside (Ctrl-Z)."""
        with limit("the program to be put aside", PATIENCE_S):
            os.waitpid(self._process.pid, os.WUNTRACED)
        while self._read(0.05):
            pass

    def wait(self) -> int:
        """Wait for the end; returns the exit status."""
        end = time.monotonic() + PATIENCE_S
        while self._process.poll() is None:
            assert time.monotonic() < end, f"did not end:\n{self.text}"
            self._read(0.05)
        while self._read(0.05):
            pass
        return self._process.returncode

    def _read(self, patience_s: float) -> bool:
        if not select.select([self._ours], [], [], patience_s)[0]:
            return False
        self.screen.feed(os.read(self._ours, 65536).decode(errors="replace"))
        return True
