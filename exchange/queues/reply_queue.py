"""A reply queue: where the direct replies to one channel go."""

from __future__ import annotations

from collections.abc import Collection

from warrener.exchange.queues.host import Host
from warrener.exchange.queues.public_name import REPLY_QUEUE_PREFIX
from warrener.exchange.queues.queue import Queue


class ReplyQueue(Queue):
    """A queue that its consumer takes with it, and that no policy applies to."""

    declared = False
    __slots__ = ()

    def __init__(self, token: str, host: Host, owner: object) -> None:
        super().__init__(REPLY_QUEUE_PREFIX + token, host, auto_delete=True, owner=owner)

    @property
    def groups(self) -> Collection[str]:
        return ()
