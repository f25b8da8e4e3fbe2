"""The far end of a long queue: positions in the store instead of messages in memory.

A queue keeps a window of messages at its head; what is published behind a full window goes
here. A message that the store holds is reduced to its position (8 bytes); one that lives only
in memory stays what it is. The two may alternate, so the backlog is a line of chunks, each an
array of positions or a list of messages, in the order of publication. A chunk is read back in
one request, which the store answers with large sequential reads; if it holds more bytes than one
pass should wait for, the rest stays for the next time.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from warrener.exchange.message import Message

CHUNK_MESSAGES = 512
"""Messages a chunk holds: at 1 KiB each, half a megabyte is read at a time."""
READ_BYTES = 2 << 20
"""What is read back at once, a few milliseconds; more only if a single message is larger."""

Load = Callable[[Sequence[int], int | None], tuple[list[Message], int]]
"""From positions, and how many bytes are enough, to messages and for how many positions they are
the answer."""


class Backlog:
    """Messages waiting behind the head window of one queue.

    `load` reads messages back from the store; it is None for a queue that the store does not
    know, whose messages stay in memory.
    """

    __slots__ = ("_chunks", "_load", "bytes", "count", "memory_bytes", "messages_in_memory")

    def __init__(self, load: Load | None) -> None:
        self._load = load
        self._chunks: deque[array[int] | list[Message]] = deque()
        self.count = 0
        self.bytes = 0
        self.memory_bytes = 0
        """Content held in memory: that of the messages the store does not hold."""
        self.messages_in_memory = 0

    def extend(self, messages: Sequence[Message], size: int) -> None:
        """Add messages of `size` bytes of content in total at the end."""
        positions = [message.position for message in messages]
        if self._load and 0 not in positions:
            self._add_positions(positions)
        else:
            for message in messages:
                self._add(message)
        self.count += len(messages)
        self.bytes += size

    def extend_stored(self, positions: Sequence[int], size: int) -> None:
        """Add messages that the store holds, by their positions."""
        self._add_positions(positions)
        self.count += len(positions)
        self.bytes += size

    def _add(self, message: Message) -> None:
        if message.position and self._load:
            self._positions().append(message.position)
        else:
            self._messages().append(message)
            self.memory_bytes += len(message.content)
            self.messages_in_memory += 1

    def _add_positions(self, positions: Sequence[int]) -> None:
        done = 0
        while done < len(positions):
            chunk = self._positions()
            room = CHUNK_MESSAGES - len(chunk)
            chunk.extend(positions[done : done + room])
            done += room

    def take_chunk(self) -> tuple[list[Message], int]:
        """Remove the oldest chunk, or the front of it; returns its messages, read back if need
        be, and their size."""
        chunk = self._chunks.popleft()
        if isinstance(chunk, list):
            messages, taken = chunk, len(chunk)
        else:
            messages, taken = self._read(chunk)
        self.count -= taken
        size = sum([len(message.content) for message in messages])
        if messages is chunk:
            self.memory_bytes -= size
            self.messages_in_memory -= taken
        # What could not be read is gone from the count, so its bytes go with the last chunk.
        self.bytes = self.bytes - size if self.count else 0
        return messages, size

    def entries(self, skipped: int = 0) -> Iterator[Message | int]:
        """What is here, in order: messages, and positions of those that the store holds."""
        for chunk in self._chunks:
            if skipped < len(chunk):
                yield from chunk[skipped:] if skipped else chunk
            skipped = max(0, skipped - len(chunk))

    def give_up_all(self) -> Iterator[Message | int]:
        """Nothing is here any more; what was is handed over, and let go of chunk by chunk."""
        chunks, self._chunks = self._chunks, deque()
        self.count = self.bytes = self.memory_bytes = self.messages_in_memory = 0
        return _emptied(chunks)

    def _read(self, positions: "array[int]") -> tuple[list[Message], int]:
        assert self._load is not None, "only a queue the store knows keeps positions"
        messages, taken = self._load(positions, READ_BYTES)
        if taken < len(positions):
            self._chunks.appendleft(positions[taken:])
        return messages, taken

    def _positions(self) -> "array[int]":
        chunk = self._chunks[-1] if self._chunks else None
        if chunk is None or isinstance(chunk, list) or len(chunk) >= CHUNK_MESSAGES:
            chunk = array("Q")
            self._chunks.append(chunk)
        return chunk

    def _messages(self) -> list[Message]:
        chunk = self._chunks[-1] if self._chunks else None
        if not isinstance(chunk, list) or len(chunk) >= CHUNK_MESSAGES:
            chunk = []
            self._chunks.append(chunk)
        return chunk


def _emptied(chunks: "deque[array[int] | list[Message]]") -> Iterator[Message | int]:
    while chunks:
        yield from chunks.popleft()
