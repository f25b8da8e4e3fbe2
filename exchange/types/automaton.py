"""An automaton for topic patterns with many wildcards: all of them are tried at once, bit by bit.

The patterns of a block are written one behind the other, a bit for each of their words and one for
the end of each pattern. A set bit means: the words of the routing key so far match what is before
this word of the pattern. A word of the key moves all bits at once (Shift-And: Baeza-Yates and
Gonnet, CACM 1992): those whose word it is, or `*`, move on by one; those at `#` stay, and are also
one further, since `#` may stand for no word. Who is at an end after the last word has matched.

So a word costs a few operations on numbers of BLOCK_BITS bits for each block, about a microsecond,
whatever the patterns are and in however many ways they match: 1,000 patterns of 127 words are
32 blocks. Adding and removing a pattern costs as much as it has words. A block of which little is
left is dissolved, and its patterns go to the block that is open for new ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.pattern import ANY, ONE

BLOCK_BITS = 4096
"""Larger blocks cost less for each pattern, and more memory for each different word."""
DISSOLVED_SHARE = 4
"""A block is dissolved when less than one in so many of its bits is in use."""

Words = tuple[str, ...]


class Automaton:
    """Buckets by the words of their pattern."""

    __slots__ = ("_blocks", "_open", "_places")

    def __init__(self) -> None:
        self._places: dict[Words, _Place] = {}
        self._blocks: dict[_Block, None] = {}
        self._open: _Block | None = None
        """Where new patterns go."""

    def __len__(self) -> int:
        """How many patterns there are."""
        return len(self._places)

    @property
    def blocks(self) -> int:
        """How many blocks each word of a key is held against."""
        return len(self._blocks)

    def bucket(self, words: Words) -> Bucket:
        """The bucket of a pattern, made if it is not there."""
        place = self._places.get(words)
        if place is None:
            place = self._places[words] = _Place(words)
            self._put(place)
        return place.bucket

    def discard(self, words: Words) -> None:
        """Remove a pattern that is there, and its bucket."""
        place = self._places.pop(words)
        block = place.block
        block.remove(place)
        if not block.places:
            self._drop(block)
        elif block is not self._open and block.is_sparse:
            self._dissolve(block)

    def match(self, words: Sequence[str]) -> Iterator[Bucket]:
        """The buckets of all patterns that match a key of these words, each once."""
        for block in self._blocks:
            yield from block.match(words)

    def _put(self, place: _Place) -> None:
        block = self._open
        if block is None or not block.has_room(place):
            self._open = self._new_block()
            if block is not None and block.is_sparse:
                # Patterns have left it, but their bits are not used again.
                self._dissolve(block)
            block = self._open
        block.add(place)

    def _new_block(self) -> _Block:
        block = _Block()
        self._blocks[block] = None
        return block

    def _dissolve(self, block: _Block) -> None:
        del self._blocks[block]
        for place in block.places.values():
            self._put(place)

    def _drop(self, block: _Block) -> None:
        del self._blocks[block]
        if block is self._open:
            self._open = None


class _Place:
    """Where a pattern is: its block, and its first bit there."""

    __slots__ = ("block", "bucket", "start", "words")

    block: _Block
    start: int

    def __init__(self, words: Words) -> None:
        self.words = words
        self.bucket = Bucket()

    @property
    def size(self) -> int:
        """Bits: one for each word, and one for the end."""
        return len(self.words) + 1


class _Block:
    """Some patterns, and for each word the bits that it moves."""

    __slots__ = ("_any", "_one", "_starts", "_used", "_words", "living", "places")

    def __init__(self) -> None:
        self.places: dict[int, _Place] = {}
        """By the bit of their end."""
        self.living = 0
        """Bits of patterns that are here."""
        self._used = 0
        self._starts = 0
        self._one = 0
        self._any = 0
        self._words: dict[str, int] = {}

    @property
    def is_sparse(self) -> bool:
        return self.living * DISSOLVED_SHARE < BLOCK_BITS

    def has_room(self, place: _Place) -> bool:
        return not self._used or self._used + place.size <= BLOCK_BITS

    def add(self, place: _Place) -> None:
        place.block, place.start = self, self._used
        self._toggle(place)
        self._used += place.size
        self.living += place.size
        self.places[self._used - 1] = place

    def remove(self, place: _Place) -> None:
        self._toggle(place)
        self.living -= place.size
        del self.places[place.start + place.size - 1]

    def match(self, words: Sequence[str]) -> Iterator[Bucket]:
        any_number = self._any
        reached = self._starts
        reached |= (reached & any_number) << 1
        for word in words:
            moving = reached & (self._words.get(word, 0) | self._one)
            reached = moving << 1 | reached & any_number
            reached |= (reached & any_number) << 1
            if not reached:
                return
        bits = reached.to_bytes((self._used >> 3) + 1, "little")
        for end, place in self.places.items():
            if bits[end >> 3] >> (end & 7) & 1:
                yield place.bucket

    def _toggle(self, place: _Place) -> None:
        """Set the bits of a pattern, or clear them again."""
        self._starts ^= 1 << place.start
        for word, bits in _bits(place.words).items():
            moved = bits << place.start
            if word == ONE:
                self._one ^= moved
            elif word == ANY:
                self._any ^= moved
            elif changed := self._words.pop(word, 0) ^ moved:
                self._words[word] = changed


def _bits(words: Words) -> dict[str, int]:
    """For each word the bits of where it is in a pattern."""
    found: dict[str, int] = {}
    for bit, word in enumerate(words):
        found[word] = found.get(word, 0) | 1 << bit
    return found
