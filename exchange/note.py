"""A note: what a queue remembers of one message beside its place, until it is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.groups import Group


class Note:
    """Kept while a message waits and while it is with a consumer.

    `published` is when it came in and `deadline` when it leaves, `failures` how often it came back
    as a failure; `last` says that it is the last of its `group`.
    """

    __slots__ = ("deadline", "failures", "group", "last", "published")

    def __init__(
        self,
        published: int | None = None,
        deadline: int | None = None,
        group: Group | None = None,
        last: bool = False,
    ) -> None:
        self.published = published
        self.deadline = deadline
        self.group = group
        self.last = last
        self.failures = 0
