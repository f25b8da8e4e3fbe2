"""An assembly: a content of which not all frames have come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.protocol.properties import Properties
    from warrener.protocol.publication import Publication


class Assembly:
    """The frames that have come of one content, after its publish."""

    __slots__ = ("frames", "missing", "properties", "publication", "size")

    def __init__(self, publication: Publication) -> None:
        self.publication = publication
        self.properties: Properties | None = None
        self.missing = 0
        """Bytes of body still to come, once the header is there."""
        self.frames: list[bytes] = []
        self.size = 0
        """Bytes of the frames."""

    def add(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.size += len(frame)
