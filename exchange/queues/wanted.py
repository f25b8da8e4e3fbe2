"""Wanted: which messages somebody looks for among those that wait.

A selector and tags, as filters of consumers have them; a message id; a key, which stands among the
words of the header `KEYS`, where RocketMQ's clients write them. All that is given must hold.
"""

from __future__ import annotations

from collections.abc import Callable

from warrener.exchange.filters.filter import Filter, compile_filter
from warrener.exchange.queues.browsing import Sight

KEYS = "KEYS"


def wanted(
    selector: str | None = None,
    tags: str | None = None,
    message_id: str | None = None,
    key: str | None = None,
    now: int = 0,
) -> Callable[[Sight], bool]:
    """What tells whether a message is wanted. Raises: FilterSyntaxError."""
    filter: Filter | None = None
    if selector or tags:
        filter = compile_filter(selector or None, tags or None)

    def is_wanted(sight: Sight) -> bool:
        properties = sight.message.properties
        return (
            (message_id is None or properties.message_id == message_id)
            and (key is None or key in keys_of(properties.headers))
            and (filter is None or filter.matches(properties, sight.redelivered, now))
        )

    return is_wanted


def keys_of(headers: object) -> list[str]:
    """The keys of a message: the words of a text, or a list of them."""
    value = headers.get(KEYS) if isinstance(headers, dict) else None
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
