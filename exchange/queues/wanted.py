"""Wanted: which messages somebody looks for among those that wait.

A selector and tags, as filters of consumers have them; a message id; a key, which stands among the
words of the header `KEYS`, where RocketMQ's clients write them. All that is given must hold.
"""

from __future__ import annotations

from warrener.exchange.filters.filter import Filter, compile_filter
from warrener.exchange.queues.browsing import Sight
from warrener.exchange.queues.examination import PARTS_MAX

KEYS = "KEYS"


class Wanted:
    """Tells whether a message is wanted. Raises: FilterSyntaxError, when it is made."""

    __slots__ = ("_filter", "_key", "_message_id", "_now")

    def __init__(
        self,
        selector: str | None = None,
        tags: str | None = None,
        message_id: str | None = None,
        key: str | None = None,
        now: int = 0,
    ) -> None:
        self._filter: Filter | None = None
        if selector or tags:
            self._filter = compile_filter(selector or None, tags or None)
        self._message_id = message_id
        self._key = key
        self._now = now

    def piece(self, most: int) -> int:
        """How many messages to ask about at once, at most so many: fewer for a large selector."""
        parts = 1 if self._filter is None else self._filter.parts
        return max(1, min(most, PARTS_MAX // parts))

    def __call__(self, sight: Sight) -> bool:
        properties = sight.message.properties
        return (
            (self._message_id is None or properties.message_id == self._message_id)
            and (self._key is None or self._key in keys_of(properties.headers))
            and (
                self._filter is None
                or self._filter.matches(properties, sight.redelivered, self._now)
            )
        )


def keys_of(headers: object) -> list[str]:
    """The keys of a message: the words of a text, or a list of them."""
    value = headers.get(KEYS) if isinstance(headers, dict) else None
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
