"""The trie of a topic exchange: patterns in, buckets of those that match out.

Each node is reached by one word, and patterns with the same beginning share the nodes of that
beginning: a lookup walks down the words of the routing key, following at each node the word itself,
`*`, and `#`, and so never looks at patterns that differ early.

Several `#` in a pattern could be satisfied in very many ways. The walk keeps the set of nodes
reached so far, not the ways that lead there, so its work is bounded by words x nodes. It is far
less for the patterns that come here (pattern.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.pattern import ANY, ONE


class Trie:
    """Buckets by the words of their pattern."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root = _Node("")

    def bucket(self, words: Sequence[str]) -> Bucket:
        """The bucket of a pattern, made if it is not there."""
        node = self._root
        for word in words:
            node = node.child(word)
        return node.bucket

    def discard(self, words: Sequence[str]) -> None:
        """Remove a pattern whose bucket is empty."""
        path = [self._root]
        for word in words:
            path.append(path[-1].children[word])
        for parent, word in zip(reversed(path[:-1]), reversed(words), strict=True):
            if parent.children[word].is_empty():
                del parent.children[word]

    def match(self, words: Iterable[str]) -> list[Bucket]:
        """The buckets of all patterns that match a key of these words, each once."""
        ended: dict[_Node, None] = {}
        reached = self._start(ended)
        for word in words:
            if not reached:
                break
            reached = _step(reached, word, ended)
        return [node.bucket for node in (*reached, *ended) if node.bucket]

    def reached(self, words: Iterable[str]) -> int:
        """How many nodes the next word of a key would be held against."""
        ended: dict[_Node, None] = {}
        reached = self._start(ended)
        for word in words:
            reached = _step(reached, word, ended)
        return len(reached)

    def _start(self, ended: dict[_Node, None]) -> dict[_Node, None]:
        reached = {self._root: None}
        _add_any(self._root, reached, ended)
        return reached


class _Node:
    """A place in the trie; one reached by `#` stays reached whatever words follow."""

    __slots__ = ("bucket", "children", "is_any")

    def __init__(self, word: str) -> None:
        self.children: dict[str, _Node] = {}
        self.bucket = Bucket()
        self.is_any = word == ANY

    def child(self, word: str) -> _Node:
        """The node behind `word`, made if it is not there."""
        node = self.children.get(word)
        if node is None:
            node = self.children[word] = _Node(word)
        return node

    def is_empty(self) -> bool:
        return not self.children and not self.bucket


def _step(reached: dict[_Node, None], word: str, ended: dict[_Node, None]) -> dict[_Node, None]:
    """The nodes that one more word leads to; those that need no more words are in `ended`."""
    step: dict[_Node, None] = {}
    for node in reached:
        if node.is_any:
            step[node] = None
        children = node.children
        if not children:
            continue
        child = children.get(word)
        if child is not None and not child.is_any:
            step[child] = None
            _add_any(child, step, ended)
        child = children.get(ONE)
        if child is not None:
            step[child] = None
            _add_any(child, step, ended)
    return step


def _add_any(node: _Node, reached: dict[_Node, None], ended: dict[_Node, None]) -> None:
    """Add what `#` reaches from a node without taking a word; no `#` follows another."""
    child = node.children.get(ANY)
    if child is not None:
        # Most patterns with a `#` end with it: they match, and need not be looked at again.
        (reached if child.children else ended)[child] = None
