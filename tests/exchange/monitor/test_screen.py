"""Pictures against texts in golden/, which are read by eye before they are kept.

WRITE_GOLDEN=1 python -m pytest tests/exchange/monitor/test_screen.py     keeps what is drawn now
"""

import os
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.exchange.monitor.documents import EXCHANGES, MESSAGES, NODE, QUEUES, picture
from warrener.exchange.management.client import Peeked
from warrener.exchange.monitor.picture import Picture
from warrener.exchange.monitor.screen import lines, screen
from warrener.exchange.monitor.state import Choice, Details, Prompt, Sort, State
from warrener.exchange.monitor.views import TOTAL, VIEWS

GOLDEN = Path(__file__).with_name("golden")
ALARMS = {**NODE, "mem_alarm": True, "mem_used": 790 << 20, "disk_free_alarm": True}
QUEUE, EXCHANGE = Details("queues", QUEUES[0]), Details("exchanges", EXCHANGES[1])

PICTURES = {
    **{f"{view}-80": picture(State(view=view), 80) for view in VIEWS},
    **{f"{view}-200": picture(State(view=view), 200) for view in VIEWS},
    "queues-120": picture(width=120),
    "queues-40x10": picture(width=40, height=10),
    "totals-80": picture(State(shown=TOTAL)),
    "cursor-80": picture(State(cursor=1, sorts={"queues": Sort("name", False)})),
    "filter-80": picture(State(filter="eu", vhost="/", is_paused=True, read_only="x")),
    "expression-80": picture(State(filter="^orders\\.(eu|us)$")),
    "no-expression-80": picture(State(filter="orders.(")),
    "typing-80": picture(State(filter="!(", prompt=Prompt("filter", "/", "!("))),
    "nothing-80": picture(State(filter="nothing like it")),
    "alarms-80": picture(nodes=(ALARMS,)),
    "unreachable-80": picture(problem="cannot reach 127.0.0.1:15672: Connection refused"),
    "once-120": picture(width=120, height=None),
    "queue-80": picture(State(details=QUEUE)),
    "queue-120": picture(State(details=QUEUE), 120, 40),
    "exchange-80": picture(State(view="exchanges", details=EXCHANGE)),
    "document-80": picture(State(details=Details("queues", QUEUES[0], "document"))),
    "messages-80": picture(
        State(details=Details("queues", QUEUES[0], "messages")),
        answers={"messages": Peeked(MESSAGES, False)},
    ),
    "help-80": picture(State(shows_help=True), 80, 50),
    "sort-80": picture(State(choice=Choice(State().sortable, 2))),
    "purge-80": picture(
        State(prompt=Prompt("purge", "purge queue orders.eu? type its name: ", "o"))
    ),
    "message-80": picture(State(message="purged orders.eu")),
    "strange-80": picture(overview={}, nodes=None),
}


def drawn(shown: Picture) -> str:
    console = Console(file=StringIO(), width=shown.width, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(screen(shown))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_looks_as_it_was_found_good(name: str) -> None:
    found = drawn(PICTURES[name])
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(found, "utf-8")
    assert found == path.read_text("utf-8")


def test_there_is_no_text_that_nobody_compares() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == PICTURES.keys()


@given(
    view=st.sampled_from(list(VIEWS)),
    width=st.integers(20, 240),
    height=st.integers(5, 60),
    cursor=st.integers(0, 50),
    kind=st.sampled_from([None, "details", "document", "messages"]),
)
def test_a_picture_is_as_large_as_the_screen(
    view: str, width: int, height: int, cursor: int, kind: str | None
) -> None:
    details = Details(view, QUEUES[2], kind) if kind else None
    shown = picture(State(view=view, cursor=cursor, details=details), width, height)
    found = lines(shown)
    assert len(found) == height
    assert all(cell_len(line.plain) <= width for line in found)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", [None, "details", "document", "messages"])
def test_nothing_that_a_terminal_obeys_is_drawn(view: str, kind: str | None) -> None:
    details = Details(view, QUEUES[2], kind) if kind else None
    shown = picture(
        State(view=view, details=details, filter="\x1b[2J" if not kind else "", vhost="\x07"),
        answers={"messages": Peeked(MESSAGES, False)},
    )
    assert all(line.plain.isprintable() for line in lines(shown))
