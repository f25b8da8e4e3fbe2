"""The keys: what each one is for, in one table that the help screen prints.

They are those that users of htop, k9s and nats-top have in their fingers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Binding:
    """Keys that do the same thing."""

    keys: tuple[str, ...]
    action: str
    meaning: str


BINDINGS = (
    Binding(("q", "ctrl-c"), "quit", "end"),
    Binding(("?", "f1", "h"), "help", "this page"),
    Binding(("down", "j"), "down", "one line down"),
    Binding(("up", "k"), "up", "one line up"),
    Binding(("page-down", "ctrl-f"), "page-down", "one page down"),
    Binding(("page-up", "ctrl-b"), "page-up", "one page up"),
    Binding(("g", "home"), "first", "to the first line"),
    Binding(("G", "end"), "last", "to the last line"),
    Binding(("enter", "right"), "open", "details of what the cursor is on"),
    Binding(("escape", "left"), "back", "back; in a table: no filter any more"),
    Binding(("1", "2", "3", "4", "5", "6", "7"), "view", "the view of that number"),
    Binding(("tab",), "next-view", "the next view"),
    Binding(("shift-tab",), "previous-view", "the view before"),
    Binding((":",), "command", "a view by name: queues, conn, chan, ex, cons, filters, events, q"),
    Binding(
        ("/", "f4"),
        "filter",
        "only rows with this text or expression; with ! before it those without",
    ),
    Binding(("v",), "vhost", "only this virtual host: all in turn"),
    Binding(("s", "f6"), "sort", "choose the column to sort by"),
    Binding(("<", ","), "sort-left", "sort by the column to the left"),
    Binding((">", "."), "sort-right", "sort by the column to the right"),
    Binding(("S", "I"), "invert", "the other way round"),
    Binding(("c",), "toggle", "totals instead of rates, and back"),
    Binding(("n",), "limit", "how many rows are asked for: 100, 500, all"),
    Binding((" ",), "pause", "stand still, and go on"),
    Binding(("+", "="), "slower", "refresh less often"),
    Binding(("-",), "faster", "refresh more often"),
    Binding(("y",), "document", "the API's document of what the cursor is on"),
    Binding(("p",), "peek", "look at the first messages of a queue"),
    Binding(("P",), "purge", "remove the messages of a queue"),
    Binding(("D", "ctrl-d"), "delete", "delete a queue or an exchange"),
    Binding(("X",), "close", "close a connection"),
    Binding(("w",), "web", "open the page of what is seen in a browser"),
    Binding(("e",), "export", "write the rows to a file"),
)
ACTIONS = {key: binding.action for binding in BINDINGS for key in binding.keys}
