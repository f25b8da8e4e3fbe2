"""Events: what comes and goes in a broker, told at once to whoever listens.

    queue, exchange, binding, consumer          created, deleted
    queue                                       suspended, resumed
    connection, channel                         created, closed
    user, vhost, permission, topic.permission,
    policy, parameter                           created, changed, deleted
    alarm                                       set, cleared

A listener is a function, called in the middle of a pass: it notes what it is told and does nothing
else. As long as nobody listens an event costs a look at an empty list; none is told of messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Event(NamedTuple):
    """Something has happened, in a virtual host if it is not empty."""

    kind: str
    vhost: str
    fields: Mapping[str, Any]


Listener = Callable[[Event], None]


class Events:
    """Who listens to one broker."""

    __slots__ = ("listeners",)

    def __init__(self) -> None:
        self.listeners: list[Listener] = []

    def tell(self, kind: str, vhost: str = "", /, **fields: Any) -> None:
        if self.listeners:
            event = Event(kind, vhost, fields)
            for listener in self.listeners:
                listener(event)
