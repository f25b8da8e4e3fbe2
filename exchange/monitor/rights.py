"""Rights: whether a user is there to watch only, as far as the broker says beforehand.

The tags that it gives a user say who is to look and who is to do something; what he may do to one
queue is found out by trying. So who has no tag but `monitoring` gets a monitor without the keys
that change something, and everybody else one that asks for names.
"""

from __future__ import annotations

from typing import Any

from warrener.exchange.monitor.snapshot import lead

CHANGING = frozenset(("administrator", "policymaker", "management"))
"""Tags of users that work with what the API offers, and do not only look."""


def why_read_only(whoami: Any) -> str:
    """Why the user of `/api/whoami` is to change nothing; empty if he may, or nobody knows."""
    tags = lead(whoami, "tags")
    # RabbitMQ had a text with commas before it had a list.
    names = tags.split(",") if isinstance(tags, str) else tags
    if not isinstance(names, list) or CHANGING & {str(each).strip() for each in names}:
        return ""
    shown = ", ".join(map(str, names)) or "none"
    return f"this user is to watch only (tags: {shown}); --no-read-only tries all the same"
