"""Filters that raise an exception: each counts as one that does not match.

A filter is evaluated for values that others have sent, in the middle of a pass. What it raises is a
mistake of ours; the message goes where the other filters lead it. Equal filters are one object for
the whole process (filter.py), and so is what is noted of them.
"""

from __future__ import annotations

from warrener.exchange.failures import Failures, Owner

FAILURES = Failures()
TEXT_CHARS_MAX = 200
"""How much of a filter's text names it in the log."""


def note_failure(sql: str | None, tags: str | None, error: Exception, now: int | None) -> None:
    """A filter has raised `error` for a message."""
    text = " ".join(part for part in (sql, tags) if part)
    FAILURES.note(Owner("filter", text[:TEXT_CHARS_MAX]), error, now or 0)
