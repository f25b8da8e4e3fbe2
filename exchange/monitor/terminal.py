"""The terminal: taken over while the monitor runs, and given back whatever happens.

Taken over means: keys come one by one and are not echoed, and the picture is on the terminal's
second screen, so that what was there before is there again afterwards. A frame sends only the
lines that have changed.
"""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.text import Text

ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
LEAVE = "\x1b[?25h\x1b[?1049l"
RESET = "\x1b[0m"
SMALLEST = (20, 5)


class Terminal:
    """The terminal that standard input and output are."""

    def __init__(self) -> None:
        self._input, self._output = sys.stdin.fileno(), sys.stdout.fileno()
        self._before: list[Any] | None = None
        self._shown: list[str] = []
        ours = Console()
        self._colors, self._has_color = ours.color_system, not ours.no_color
        self._console = self._make_console()

    @property
    def input(self) -> int:
        return self._input

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines; never less than can be drawn on."""
        try:
            columns, lines = os.get_terminal_size(self._output)
        except OSError:
            columns, lines = 80, 24
        return max(columns, SMALLEST[0]), max(lines, SMALLEST[1])

    def __enter__(self) -> Terminal:
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.give_back()

    def take(self) -> None:
        self._before = termios.tcgetattr(self._input)
        try:
            tty.setcbreak(self._input)
            self._write(ENTER)
        except BaseException:
            self.give_back()
            raise
        self.forget()

    def give_back(self) -> None:
        """Also if the terminal is gone: there is nothing more to be done then."""
        before, self._before = self._before, None
        if before is None:
            return
        with suppress(OSError):
            self._write(RESET + LEAVE)
        with suppress(OSError, termios.error):
            termios.tcsetattr(self._input, termios.TCSAFLUSH, before)

    def forget(self) -> None:
        """What is on the screen is not known any more, as after a change of its size."""
        self._shown = []
        self._console = self._make_console()

    def draw(self, lines: Sequence[Text]) -> None:
        """Show lines from the top on. Raises: OSError if the terminal is gone."""
        shown = [self._encoded(line) for line in lines]
        pieces = [] if self._shown else ["\x1b[2J"]
        for place, line in enumerate(shown):
            if place >= len(self._shown) or line != self._shown[place]:
                pieces.append(f"\x1b[{place + 1};1H{line}\x1b[K")
        if len(shown) < len(self._shown):
            pieces.append(f"\x1b[{len(shown) + 1};1H\x1b[J")
        self._shown = shown
        self._write("".join(pieces))

    def _encoded(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="")
        return capture.get()

    def _make_console(self) -> Console:
        """What makes escape sequences of styles; it writes nowhere."""
        return Console(
            file=StringIO(),
            force_terminal=True,
            color_system=self._colors,  # type: ignore[arg-type]
            no_color=not self._has_color,
            width=self.size[0],
            height=self.size[1],
            highlight=False,
            markup=False,
            emoji=False,
        )

    def _write(self, data: str) -> None:
        left = data.encode(errors="replace")
        while left:
            left = left[os.write(self._output, left) :]
