"""Notes: what a queue remembers of messages beside their places, until it is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.queues.groups import Group


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


class Notes(dict[int, Note]):
    """The notes of a queue, by sequence; a message of which there is nothing to say has none."""

    __slots__ = ()

    def count_failure(self, sequence: int) -> int:
        """A message has failed with its consumer; returns how often it has so far."""
        note = self.get(sequence)
        if note is None:
            note = self[sequence] = Note()
        note.failures += 1
        return note.failures

    def failures(self, sequence: int) -> int:
        """How often a message has failed so far."""
        note = self.get(sequence)
        return 0 if note is None else note.failures

    def group(self, sequence: int) -> Group | None:
        """The group of a message."""
        note = self.get(sequence)
        return None if note is None else note.group
