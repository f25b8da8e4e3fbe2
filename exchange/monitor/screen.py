"""The screen: a picture as lines of rich, none longer than the screen is wide.

header      who, how full, what flows      (header.py)
body        a table (table.py), the details of one thing (details.py), help, or a choice
footer      a line that is being typed, what was said last, or what keys there are
"""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from warrener.exchange.monitor.details import details
from warrener.exchange.monitor.header import header
from warrener.exchange.monitor.keys import BINDINGS
from warrener.exchange.monitor.picture import Picture
from warrener.exchange.monitor.printing import printable
from warrener.exchange.monitor.state import Choice, Prompt
from warrener.exchange.monitor.table import fitted, table

KEYS_WIDTH = 24
HINTS = "? help  q end  / filter  s sort  enter details  p peek  space pause"
DETAIL_HINTS = "esc back  p peek  y document  P purge  D delete  ? help  q end"
HELP_HINTS = "any key back"


def screen(picture: Picture) -> Group:
    """The whole screen."""
    return Group(*lines(picture))


def lines(picture: Picture) -> list[Text]:
    """The lines of the screen; as many as it has if its height is known."""
    top = header(picture)
    if picture.height is not None:
        top = top[: picture.height - 1]
    room = body_height(picture, len(top))
    shown = body(picture, room)
    if room is not None:
        shown = [*shown[:room], *([Text()] * (room - len(shown)))]
        shown.append(footer(picture))
    return [_cropped(line, picture.width) for line in (*top, *shown)]


def body_height(picture: Picture, header_lines: int | None = None) -> int | None:
    """The lines between header and footer."""
    if picture.height is None:
        return None
    above = len(header(picture)) if header_lines is None else header_lines
    return max(0, picture.height - above - 1)


def page_lines(picture: Picture) -> int:
    """The lines of details or help, seen or not."""
    if picture.state.shows_help:
        return len(help_page())
    return len(details(picture)) if picture.state.details else 0


def body(picture: Picture, room: int | None) -> list[Text]:
    state = picture.state
    if state.choice is not None:
        return choice(state.choice)
    if state.shows_help:
        return help_page()[state.offset :]
    if state.details is not None:
        return details(picture)[state.offset :]
    shown = table(picture, room)
    total, rows = picture.total, picture.snapshot.rows
    if room is None and total is not None and total > len(rows):
        shown.append(Text(f"{len(rows)} of {total}", style="dim"))
    return shown


def help_page() -> list[Text]:
    """All keys and what they do."""
    page = [Text("keys", style="bold cyan")]
    for binding in BINDINGS:
        line = Text(fitted("  ".join(_key_names(binding.keys)), KEYS_WIDTH, False), style="bold")
        line.append(binding.meaning, style="not bold")
        page.append(line)
    return page


def _key_names(keys: tuple[str, ...]) -> list[str]:
    names = {" ": "space", "page-down": "pgdn", "page-up": "pgup", "escape": "esc"}
    return [names.get(key, key) for key in keys]


def choice(choice: Choice) -> list[Text]:
    """Columns to choose from."""
    page = [Text("sort by", style="bold cyan")]
    for place, title in enumerate(choice.titles):
        style = "reverse" if place == choice.at else ""
        page.append(Text(f" {fitted(title, 16, False)}", style=style))
    return page


def footer(picture: Picture) -> Text:
    state = picture.state
    if state.prompt is not None:
        return _prompt(state.prompt, state.search.problem)
    if state.message:
        return Text(printable(state.message), style="yellow")
    if state.search.problem and not (state.shows_help or state.details):
        return Text(_not_an_expression(state.search.problem), style="yellow")
    if state.shows_help:
        return Text(HELP_HINTS, style="dim")
    if state.details is not None:
        return Text(DETAIL_HINTS, style="dim")
    line = Text(HINTS, style="dim")
    total, rows = picture.total, len(picture.rows)
    if rows:
        position = f"{min(state.cursor + 1, rows)}/{rows}"
        if total is not None and total > rows:
            position += f" of {total}"
        line.append(" " * max(1, picture.width - len(HINTS) - len(position)) + position)
    return line


def _not_an_expression(problem: str) -> str:
    return f"no expression, so looked for as it stands: {printable(problem)}"


def _prompt(prompt: Prompt, problem: str) -> Text:
    line = Text(printable(prompt.label), style="bold yellow")
    line.append(printable(prompt.text), style="not bold default")
    line.append(" ", style="reverse")
    if problem and prompt.purpose == "filter":
        line.append(f"  {_not_an_expression(problem)}", style="not bold dim")
    return line


def _cropped(line: Text, width: int) -> Text:
    if line.cell_len > width:
        line = line.copy()
        line.truncate(width)
    line.no_wrap = True
    line.overflow = "crop"
    return line
