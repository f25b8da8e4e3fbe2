"""A document: YAML or JSON as a tree in which everything knows where it stands.

The tree is built here from PyYAML's events and not by its `compose` or `load`, for five reasons:

- every problem needs a line and a column, also in a text that is not valid;
- YAML 1.1 reads `no` as false, `12:30:45` as 45045 and `017` as 15. Here a plain scalar is what
  YAML 1.2 says it is, and only when somebody asks (`Scalar.value`);
- of two equal keys the last one counts silently. Here both are in the tree;
- `compose` recurses: a hundred thousand opening brackets end the process (libyaml 0.2.5);
- no tag is ever looked up, so no text can have an object built.

A document may use anchors and aliases. An alias leads to the same node as its anchor, so what a
document would be without aliases is counted (`NODES_MAX`) rather than made.

JSON is YAML but for three things: `\\ud83d\\ude00` for one character beyond 16 bits, which is
replaced before parsing (columns right of it are then too small by eleven); some characters that
stand in JSON as they are and that YAML wants escaped, which they are before parsing; and tabs,
which libyaml takes between JSON's tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from warrener.exchange.topology.problem import Place, Problem
from warrener.exchange.topology.secret import Secrets, without_what_looks_secret
from warrener.exchange.topology.tree import Mapping, Node, Scalar, Sequence, children

BYTES_MAX = 32 << 20
"""A topology of 10,000 queues and 50,000 bindings has some 10 MiB."""
DEPTH_MAX = 64
"""Of lists and mappings inside each other; the format itself needs six."""
NODES_MAX = 2_000_000
"""Values in a document, each counted as often as aliases lead to it."""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, ten times as fast as the one in Python, where PyYAML was built with it."""

_JSON_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\.")
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What is not printable in YAML, or a break of its lines."""


class Document:
    """The tree of one file; `root` is None if there is none, `problems` say why."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.text = ""
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._lines: list[str] | None = None
        self._secrets: Secrets | None = None
        if self._decode(data):
            self._parse()

    def place(self, node: Node) -> Place:
        """Where a node begins, and how far it goes on that line."""
        start, end = node.start, node.end
        width = end.column - start.column if end.line == start.line else 0
        return self.place_at(start.line, start.column, width)

    def place_at(self, line: int, column: int, width: int = 0) -> Place:
        """The place at a line and a column that count from 0; without a width, to the end."""
        if self._lines is None:
            self._lines = self.text.splitlines()
        source = self._hidden(line, self._lines[line]) if line < len(self._lines) else ""
        column = min(column, len(source))
        return Place(self.name, line + 1, column + 1, source, width or max(1, len(source) - column))

    @property
    def secrets(self) -> Secrets | None:
        """What nobody is to see, found out when the first problem is told; None without a tree."""
        if self._secrets is None and self.root is not None:
            self._secrets = Secrets(self.root)
        return self._secrets

    def _hidden(self, number: int, line: str) -> str:
        secrets = self.secrets
        return without_what_looks_secret(line) if secrets is None else secrets.hidden(number, line)

    def place_of_index(self, index: int) -> Place:
        """The place of a character of the text."""
        line = self.text.count("\n", 0, index)
        return self.place_at(line, index - self.text.rfind("\n", 0, index) - 1, 1)

    def let_go(self) -> None:
        """Give the tree back piece by piece: all at once takes a tenth of a second for a large
        one, in which no other thread has its turn."""
        waiting, self.root = [self.root] if self.root is not None else [], None
        while waiting:
            node = waiting.pop()
            waiting += children(node)
            if isinstance(node, Sequence):
                node.items.clear()
            elif isinstance(node, Mapping):
                node.entries.clear()

    def problem(self, code: str, place: Place, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem(code, message, place, suggestion))

    def _decode(self, data: bytes) -> bool:
        if len(data) > BYTES_MAX:
            message = f"the file has {len(data)} bytes; at most {BYTES_MAX} are read"
            self.problem("T001", Place(self.name, 1, 1), message)
            return False
        try:
            self.text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.text = data[: error.start].decode("utf-8-sig", "replace")
            place = self.place_of_index(len(self.text))
            self.problem("T001", place, f"not UTF-8: byte {data[error.start]:#04x}")
            return False
        self.text = self.text.replace("\r\n", "\n").replace("\r", "\n")
        if self.text.lstrip()[:1] == "{":
            self.text = _NOT_IN_YAML.sub(
                lambda found: f"\\u{ord(found[0]):04x}", _JSON_PAIR.sub(_joined, self.text)
            )
        return True

    def _parse(self) -> None:
        try:
            self.root = _Builder(self).build()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(self.name, 1, 1) if mark is None else self._place_of_mark(mark)
            problem, context = error.problem or "not valid", error.context
            # The parser of PyYAML 6.0.4 has a limit of its own, below ours.
            code = "T003" if "nesting depth" in problem else "T002"
            self.problem(code, place, f"{problem}, {context}" if context else problem)
        except yaml.reader.ReaderError as error:
            index = max(0, self.text.find(chr(error.character)))
            what = f"the character U+{error.character:04X} must be written as an escape"
            self.problem("T002", self.place_of_index(index), what)
        except _Refused as error:
            self.problem("T003", self.place_at(error.line, error.column, 1), str(error))

    def _place_of_mark(self, mark: Any) -> Place:
        return self.place_at(mark.line, mark.column, 1)


class _Refused(Exception):
    """A part of YAML that is not read."""

    def __init__(self, mark: Any, text: str) -> None:
        super().__init__(text)
        self.line = mark.line
        self.column = mark.column


class _Builder:
    """Builds the tree of a document from events, without recursion."""

    def __init__(self, document: Document) -> None:
        self._events: Iterator[Any] = yaml.parse(document.text, Loader=LOADER)
        self._anchors: dict[str, Node] = {}
        self._open: list[Sequence | Mapping] = []
        self._keys: list[Scalar | None] = []
        """By depth: the key that waits for its value."""
        self._root: Node | None = None
        self._shared = False
        self._room = NODES_MAX

    def build(self) -> Node | None:
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.ScalarEvent):
                plain = event.implicit[0] and event.style is None
                self._check(event)
                node = Scalar(
                    event.value, plain or not event.style, event.start_mark, event.end_mark
                )
                self._add(event, node)
            elif isinstance(event, yaml.MappingStartEvent):
                self._begin(event, Mapping(event.start_mark, event.end_mark))
            elif isinstance(event, yaml.SequenceStartEvent):
                self._begin(event, Sequence(event.start_mark, event.end_mark))
            elif isinstance(event, yaml.CollectionEndEvent):
                self._open.pop().end = event.end_mark
                self._keys.pop()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(event.start_mark, "a second document in one file")
        if self._shared and self._root is not None:
            _count(self._root)
        return self._root

    def _begin(self, event: Any, node: Sequence | Mapping) -> None:
        if len(self._open) >= DEPTH_MAX:
            raise _Refused(event.start_mark, f"more than {DEPTH_MAX} levels inside each other")
        self._check(event)
        self._add(event, node)
        self._open.append(node)
        self._keys.append(None)

    def _check(self, event: Any) -> None:
        if event.tag is not None and event.tag != "!":
            raise _Refused(event.start_mark, f"the tag '{event.tag}': tags are not read")

    def _add(self, event: Any, node: Node) -> None:
        self._room -= 1
        if not self._room:
            raise _Refused(event.start_mark, f"more than {NODES_MAX} values in one file")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if not self._open:
            self._root = node
            return
        inside = self._open[-1]
        if isinstance(inside, Sequence):
            inside.items.append(node)
            return
        key = self._keys[-1]
        if key is not None:
            inside.entries.append((key, node))
            self._keys[-1] = None
        elif isinstance(node, Scalar):
            self._keys[-1] = node
        else:
            raise _Refused(event.start_mark, "a list or a mapping as a key")

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise _Refused(event.start_mark, f"the alias '*{event.anchor}' has no anchor")
        if any(node is each for each in self._open):
            raise _Refused(
                event.start_mark, f"the alias '*{event.anchor}' is inside its own anchor"
            )
        self._shared = True
        event.anchor = None
        self._add(event, node)


def _count(root: Node) -> None:
    """Refuse a document that aliases make too large. Raises: _Refused."""
    sizes: dict[int, int] = {}
    waiting = [root]
    while waiting:
        node = waiting[-1]
        unknown = [child for child in children(node) if id(child) not in sizes]
        if unknown:
            waiting += unknown
            continue
        waiting.pop()
        size = sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children(node))
        if size > NODES_MAX:
            raise _Refused(node.start, f"aliases make more than {NODES_MAX} values of this")


def _joined(pair: re.Match[str]) -> str:
    if pair[1] is None:
        return pair[0]
    return (bytes.fromhex(pair[1]) + bytes.fromhex(pair[2])).decode("utf-16-be")
