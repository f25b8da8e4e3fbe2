"""The trie of a topic exchange: patterns in, matching bindings out.

A pattern is words between dots; `*` stands for exactly one word, `#` for any number of them,
none included. Each node is reached by one word, and patterns with the same beginning share the
nodes of that beginning: a lookup walks down the words of the routing key, following at each
node the word itself, `*`, and `#`, and so never looks at patterns that differ early.

Several `#` in a pattern could be satisfied in very many ways. The walk keeps the set of nodes
reached so far, not the ways that lead there, so its work is bounded by words x nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

from warrener.exchange.binding import Binding
from warrener.exchange.types.bucket import Bucket


class Trie:
    """Bindings by topic pattern."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root = _Node("")

    def add(self, binding: Binding) -> None:
        node = self._root
        for word in split_words(binding.routing_key):
            node = node.child(word)
        node.bucket.add(binding)

    def remove(self, binding: Binding) -> None:
        path = [self._root]
        words = split_words(binding.routing_key)
        for word in words:
            path.append(path[-1].children[word])
        path[-1].bucket.remove(binding)
        for parent, word in zip(reversed(path[:-1]), reversed(words), strict=True):
            if parent.children[word].is_empty():
                del parent.children[word]

    def bucket(self, pattern: str) -> Bucket:
        """The bucket of a pattern that is here."""
        node = self._root
        for word in split_words(pattern):
            node = node.children[word]
        return node.bucket

    def match(self, routing_key: str) -> Iterator[Bucket]:
        """The buckets of all patterns that match, each once."""
        reached = _with_hashes({self._root: None})
        for word in split_words(routing_key):
            step: dict[_Node, None] = {}
            for node in reached:
                if node.is_hash:
                    step[node] = None
                for label in (word, "*"):
                    child = node.children.get(label)
                    if child is not None and not child.is_hash:
                        step[child] = None
            reached = _with_hashes(step)
        for node in reached:
            if node.bucket:
                yield node.bucket


def split_words(key: str) -> list[str]:
    """The words of a key; the empty key has none."""
    return key.split(".") if key else []


class _Node:
    """A place in the trie; one reached by `#` stays reached whatever words follow."""

    __slots__ = ("bucket", "children", "is_hash")

    def __init__(self, word: str) -> None:
        self.children: dict[str, _Node] = {}
        self.bucket = Bucket()
        self.is_hash = word == "#"

    def child(self, word: str) -> _Node:
        """The node behind `word`, made if it is not there."""
        node = self.children.get(word)
        if node is None:
            node = self.children[word] = _Node(word)
        return node

    def is_empty(self) -> bool:
        return not self.children and not self.bucket


def _with_hashes(nodes: dict[_Node, None]) -> dict[_Node, None]:
    """Add what `#` reaches without taking a word."""
    reached = dict(nodes)
    waiting = list(nodes)
    while waiting:
        child = waiting.pop().children.get("#")
        if child is not None and child not in reached:
            reached[child] = None
            waiting.append(child)
    return reached
