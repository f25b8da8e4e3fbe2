"""The desired state: what one or several files say together, or why it cannot be used.

    desired = read_topology([Source("a.yaml", b"..."), Source("b.yaml", b"...")])

Reads everything and goes on after each problem, so that all of them are known at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from warrener.exchange.topology.declarations import DEFAULT_VHOST, Declarations, Draft
from warrener.exchange.topology.document import Document
from warrener.exchange.topology.problem import Problem, has_errors, in_order
from warrener.exchange.topology.reading import Entry, Reader, Surroundings
from warrener.exchange.topology.references import Declared
from warrener.exchange.topology.schema import EXPORT_KEYS, TOPOLOGY, VERSION
from warrener.exchange.topology.shapes import INVALID
from warrener.exchange.topology.state import State
from warrener.exchange.topology.tree import Mapping, Scalar

EXPORTED_BY = frozenset(name for name, _ in EXPORT_KEYS[:5])
"""Whoever finds one of these at the top has a file before him that a broker has written."""
NOTHING_ELSE = Surroundings()
ALWAYS_IGNORED = r"^amq\."


@dataclass(frozen=True, slots=True)
class Source:
    """A file: what is in it, or why it could not be read."""

    name: str
    data: bytes = b""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Management:
    """What a broker may have that no file declares, and what happens to it."""

    vhosts: frozenset[str] = frozenset()
    """The virtual hosts in which what is not declared may be deleted."""
    ignore: tuple[str, ...] = (ALWAYS_IGNORED,)
    """Regular expressions of names of exchanges and queues to be left alone."""


@dataclass(frozen=True, slots=True)
class Desired:
    """What the files say; not to be used if there are errors among the problems."""

    state: State
    management: Management
    problems: tuple[Problem, ...]

    @property
    def has_errors(self) -> bool:
        return has_errors(self.problems)


def read_topology(
    sources: Iterable[Source],
    surroundings: Surroundings = NOTHING_ELSE,
    vhost: str | None = None,
) -> Desired:
    """Read files together.

    Args:
        surroundings: environment and secrets that the files may refer to.
        vhost: for declarations that name no virtual host.
    """
    drafts: list[Draft] = []
    problems: list[Problem] = []
    documents: list[Document] = []
    entries: list[Entry] = []
    ignore = [ALWAYS_IGNORED]
    may_prune = True
    for source in sources:
        if source.problem is not None:
            problems.append(source.problem)
            continue
        document = Document(source.name, source.data)
        documents.append(document)
        top = _read(document, surroundings)
        if top is None:
            continue
        entries.append(top)
        drafts += Declarations(top, _default_vhost(top, vhost), _is_export(document)).drafts
        if "manage" in top:
            ignore += top.get("manage").get("ignore", [])
            may_prune = may_prune and top.get("manage").get("prune") != "none"
    declared = Declared(drafts)
    declared.check()
    for document in documents:
        problems += document.problems
    vhosts = declared.listed_vhosts if may_prune else frozenset()
    management = Management(vhosts, tuple(dict.fromkeys(ignore)))
    desired = Desired(declared.state(), management, tuple(in_order(problems)))
    drafts.clear()
    declared.let_go()
    for entry in entries:
        entry.let_go()
    for document in documents:
        document.let_go()
    return desired


def _read(document: Document, surroundings: Surroundings) -> Entry | None:
    """The whole document as an entry, None if it is empty or none at all."""
    if document.root is None:
        return None
    reader = Reader(document, surroundings)
    reader.replaces = not _is_export(document)
    _take_variables(document, reader)
    top = TOPOLOGY.read(document.root, reader)
    if top is INVALID:
        return None
    version = top.get("version", VERSION)
    if version != VERSION:
        what = f"version {version} is not known; this is version {VERSION}"
        top.problem("T004", "version", what)
    entry: Entry = top
    return entry


def _is_export(document: Document) -> bool:
    return any(key.text in EXPORTED_BY for key, _ in _top(document))


def _top(document: Document) -> list[tuple[Scalar, object]]:
    return list(document.root.entries) if isinstance(document.root, Mapping) else []


def _take_variables(document: Document, reader: Reader) -> None:
    """The file's own variables; one may refer to those above it."""
    for key, node in _top(document):
        if key.text == "vars" and isinstance(node, Mapping):
            for name, value in node.entries:
                if isinstance(value, Scalar):
                    reader.variables[name.text] = reader.text(value)


def _default_vhost(top: Entry, vhost: str | None) -> str:
    return vhost or top.get("original_vhost_name") or DEFAULT_VHOST
