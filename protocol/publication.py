"""A publication: what is remembered of a publish method, so that the next one like it is cheap."""

from typing import Any

from warrener.protocol.properties import Properties

_UNKNOWN_SIZE = 1 << 62
"""Of a content not seen yet: beyond the end of whatever is read."""


class Publication:
    """What is remembered of a publish method: the place, and how its last content looked.

    `shape` is the content's header frame and the head of its body frame, `content_size` what it
    takes with the body. A content that begins with the same bytes has the same properties.
    """

    __slots__ = ("content_size", "envelope", "properties", "run", "run_size", "shape", "special")

    def __init__(self, envelope: Any) -> None:
        self.envelope = envelope
        self.shape = b""
        self.content_size = _UNKNOWN_SIZE
        self.properties: Properties | None = None
        self.special = False
        """Whether any content so far had properties that are meant for the broker."""
        self.run: list[Any] = []
        """Complete messages that the sink has not been given yet, `run_size` bytes of content."""
        self.run_size = 0
