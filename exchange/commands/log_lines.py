"""The format of the log: one event is one line, whatever a client has sent.

Names of queues, users, virtual hosts and consumers come from clients and are part of many messages.
A line end in one of them would forge a line of the log, an escape sequence would act on the
reader's terminal. Unprintable characters are therefore written as escapes (`\\n`, `\\x1b`),
and the lines of a traceback are indented, so that each line that begins with a time is an event.
"""

from __future__ import annotations

import logging

from warrener.exchange.monitor.printing import printable

LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
CONTINUATION = "    "
"""Before each line of a traceback."""


class LineFormatter(logging.Formatter):
    """Formats a record as one line, with the lines of its traceback, if any, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        return _indented(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join(CONTINUATION + printable(line) for line in text.split("\n"))
