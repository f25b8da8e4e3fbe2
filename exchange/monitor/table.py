"""The table: rows of a view in columns of fixed width, one of which takes the room that is left."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from warrener.exchange.monitor.picture import Picture
from warrener.exchange.monitor.printing import printable
from warrener.exchange.monitor.snapshot import Document, text
from warrener.exchange.monitor.sparkline import sparkline
from warrener.exchange.monitor.views import DEPTH, Column

GAP = " "
UP, DOWN = "▲", "▼"
CUT = "…"


def table(picture: Picture, height: int | None) -> list[Text]:
    """The head of the table and as many rows as fit, the one under the cursor among them."""
    columns = picture.columns
    widths = widths_of(columns, picture.width)
    rows = picture.rows
    room = len(rows) if height is None else max(0, height - 1)
    first = first_row(picture.state.cursor, len(rows), room)
    lines = [head(picture, columns, widths)]
    for place, row in enumerate(rows[first : first + room], first):
        is_chosen = height is not None and place == picture.state.cursor
        lines.append(line(picture, row, columns, widths, is_chosen))
    if not rows:
        lines.append(Text(nothing(picture), style="dim"))
    return lines


def first_row(cursor: int, rows: int, room: int) -> int:
    """The first row on the screen: that of the page which the cursor is on."""
    if rows <= room or room <= 0:
        return 0
    return min(cursor // room * room, rows - room)


def nothing(picture: Picture) -> str:
    state = picture.state
    if picture.snapshot.view != state.view and state.view != "events":
        return "asking ..."
    if state.filter:
        return f"no {state.view} with '{printable(state.filter)}'"
    return f"no {state.view}"


def widths_of(columns: Sequence[Column], width: int) -> list[int]:
    """The widths of columns on a screen; the flexible one takes what is left."""
    found = [each.width_on(width) for each in columns]
    taken = sum(w for w, each in zip(found, columns, strict=True) if not each.flexible)
    left = width - taken - len(columns) + 1
    return [max(w, left) if each.flexible else w for w, each in zip(found, columns, strict=True)]


def head(picture: Picture, columns: Sequence[Column], widths: Sequence[int]) -> Text:
    sort = picture.state.sort
    shown = Text(style="bold black on cyan", no_wrap=True)
    for column, width in zip(columns, widths, strict=True):
        title = column.title
        if title == sort.title:
            title += DOWN if sort.descending else UP
        shown.append(fitted(title, width, column.is_number) + GAP)
    shown.truncate(picture.width)
    shown.pad_right(max(0, picture.width - cell_len(shown.plain)))
    return shown


def line(
    picture: Picture,
    row: Document,
    columns: Sequence[Column],
    widths: Sequence[int],
    is_chosen: bool,
) -> Text:
    cells = [_cell(picture, row, *each) for each in zip(columns, widths, strict=True)]
    shown = Text(GAP.join(cells), style="reverse" if is_chosen else _style(row), no_wrap=True)
    shown.truncate(picture.width)
    if is_chosen:
        shown.pad_right(max(0, picture.width - cell_len(shown.plain)))
    return shown


def _cell(picture: Picture, row: Document, column: Column, width: int) -> str:
    if column.path == DEPTH:
        depths = picture.history.depth(text(row, "vhost"), text(row, "name"))
        return sparkline(depths, width)
    return fitted(column.text(row), width, column.is_number)


def fitted(value: str, width: int, is_number: bool) -> str:
    """A text in exactly `width` cells, numbers to the right; what is cut off leaves a mark."""
    length = cell_len(value)
    if length > width:
        return set_cell_size(value, width - 1) + CUT if width > 1 else value[:width]
    return " " * (width - length) + value if is_number else value + " " * (width - length)


def _style(row: Document) -> str:
    """Blocked connections and queues that are not well stand out."""
    state = str(row.get("state", "running"))
    if state in ("blocked", "blocking", "flow"):
        return "yellow"
    return "" if state in ("running", "idle", "") else "red"
