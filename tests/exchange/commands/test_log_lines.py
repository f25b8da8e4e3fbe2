"""One event is one line of the log, whatever clients have sent."""

import logging
import sys

from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.commands.log_lines import LOG_FORMAT, LineFormatter

FORGED = "x\n2026-11-30 03:00:00,000 INFO    warrener.connection: user 'root' logged in\x1b[31m"


def formatted(message: str, *args: object, exc_info: object = None) -> str:
    record = logging.LogRecord("warrener.test", logging.INFO, "", 0, message, args, exc_info)  # type: ignore[arg-type]
    return LineFormatter(LOG_FORMAT).format(record)


def test_a_line_end_and_an_escape_sequence_in_a_name_are_written_as_escapes() -> None:
    line = formatted("queue '%s' is deleted", FORGED)
    assert "\n" not in line
    assert "\x1b" not in line
    assert "queue 'x\\n2026-11-30 03:00:00,000" in line
    assert line.endswith("logged in\\x1b[31m' is deleted")


def test_a_traceback_is_indented_so_that_it_cannot_forge_a_line() -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        lines = formatted("unexpected internal error", exc_info=sys.exc_info()).split("\n")
    assert lines[0].endswith("unexpected internal error")
    assert all(line.startswith("    ") for line in lines[1:])
    assert lines[-1].startswith("    2026-11-30 03:00:00,000")


def test_printable_text_of_any_script_is_left_as_it_is() -> None:
    text = "Grüße, 注文, заказ 'orders.eu' \\ 100 %"
    assert formatted("%s", text).endswith(f": {text}")


@given(st.text(st.characters(codec=None)))
def test_every_message_becomes_one_printable_line(text: str) -> None:
    line = formatted("%s", text)
    assert line.splitlines() == [line]
    assert line.encode("utf-8")
    assert line.isprintable()
