"""The valid records and marks in the bytes of one segment, over whatever is between them.

Where there is none at the expected place, the next one is looked for whose checksum holds and
whose position fits, so damage costs what was damaged and nothing behind it. The log ends where no
further element is found; file sizes and zeros mean nothing.
"""

import re
import sys
from collections.abc import Iterator

from warrener.storage.record import HEADER_BYTES, Element, decode
from warrener.storage.segment import HEADER_BYTES as SEGMENT_HEADER_BYTES
from warrener.storage.store import Position


def elements(
    data: bytes,
    salt: int,
    first: Position,
    ceiling: Position | None = None,
    offset: int = SEGMENT_HEADER_BYTES,
    holes: bool = False,
) -> Iterator[Element]:
    """The valid records and marks of a segment's bytes, in order, over whatever is between them.

    Args:
        first: the lowest position that fits.
        ceiling: the position with which the next segment begins.
        offset: where to begin.
        holes: whether positions may be left out.
    """
    # no more records than this fit into the file: a position beyond is not one of ours
    room = sys.maxsize if holes else len(data) // HEADER_BYTES + 1
    position = first
    filled = filled_bytes(data)
    while offset < filled:
        highest = position + room if ceiling is None else min(position + room, ceiling)
        element = decode(data, offset, salt)
        if element is None or element.position < position or element.next_position > highest:
            element = _search(data, offset + 1, filled, salt, position, highest)
        if element is None:
            return
        yield element
        offset, position = element.end, element.next_position


def _search(
    data: bytes, offset: int, filled: int, salt: int, lowest: Position, highest: Position
) -> Element | None:
    """The first valid element from an offset on whose position lies in a range."""
    pattern = _header_pattern(lowest, highest)
    for match in pattern.finditer(data, offset + _PATTERN_OFFSET, filled + HEADER_BYTES):
        element = decode(data, match.start() - _PATTERN_OFFSET, salt)
        if element and lowest <= element.position and element.next_position <= highest:
            return element
    return None


def filled_bytes(data: bytes) -> int:
    """How many bytes are in front of the zeros at the end."""
    end = len(data)
    while end:
        # not all at once: what rstrip() leaves is a copy
        start = max(0, end - _BLOCK_BYTES)
        filled = data[start:end].rstrip(b"\0")
        if filled:
            return start + len(filled)
        end = start
    return 0


_BLOCK_BYTES = 64 * 1024

# of the high byte of a header's kind
_PATTERN_OFFSET = 9


def _header_pattern(lowest: Position, highest: Position) -> re.Pattern[bytes]:
    """What the end of a header looks like: kind below 512, then a position in the range.

    Decoding at every single offset takes a microsecond each, a minute for a segment; this
    leaves few places to decode. Positions so near to each other have few different values in
    their five high bytes; a position of 0 does not exist, which keeps stretches of zeros out.
    """
    high = range(lowest >> 24, (highest >> 24) + 1)
    endings = b"|".join(re.escape(each.to_bytes(5, "little")) for each in high)
    return re.compile(rb"(?s)[\0\1](?=(?!\0{8})...(?:" + endings + rb"))")
