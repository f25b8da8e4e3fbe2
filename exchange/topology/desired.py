"""The desired state: what one or several files say together, or why it cannot be used.

    desired = read_topology([Source("a.yaml", b"..."), Source("b.yaml", b"...")])

Reads everything and goes on after each problem, so that all of them are known at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from warrener.exchange.topology import tree
from warrener.exchange.topology.declarations import DEFAULT_VHOST, Declarations, Draft
from warrener.exchange.topology.definitions import VERSIONS, Definitions
from warrener.exchange.topology.document import Document
from warrener.exchange.topology.items import shown_reason
from warrener.exchange.topology.json_document import Located
from warrener.exchange.topology.kinds import TreeValues, definitions_in_json
from warrener.exchange.topology.problem import Place, Problem, has_errors, in_order
from warrener.exchange.topology.reading import Entry, Reader, Surroundings
from warrener.exchange.topology.references import Declared
from warrener.exchange.topology.schema import TOPOLOGY, VERSION
from warrener.exchange.topology.shapes import INVALID
from warrener.exchange.topology.state import Key, State, Thing, differences, title

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
    origins: Mapping[Key, Definitions] = field(default_factory=dict)
    """For what comes from a definitions document, which knows the place: it may be left out."""
    strict: bool = False
    """Whether nothing may be left out."""

    @property
    def has_errors(self) -> bool:
        return has_errors(self.problems)

    def left_out(self, thing: Thing, reason: str, code: str = "T023") -> Problem:
        """What there is to say of a thing of a definitions document that is left out."""
        message = f"{shown_reason(title(thing))} is left out: {shown_reason(reason)}"
        place = self.origins[thing.key].place(thing.key)
        return Problem(code, message, place, left_out=True, strict=self.strict)


def read_topology(
    sources: Iterable[Source],
    surroundings: Surroundings = NOTHING_ELSE,
    vhost: str | None = None,
    strict: bool = False,
) -> Desired:
    """Read files together: topology files, and documents of RabbitMQ's definitions.

    Args:
        surroundings: environment and secrets that topology files may refer to.
        vhost: for declarations that name no virtual host.
        strict: whether what would be left out of definitions is an error.
    """
    together = _Together(surroundings, vhost, strict)
    for source in sources:
        together.read(source)
    return together.desired()


class _Together:
    """What was read of some files."""

    def __init__(self, surroundings: Surroundings, vhost: str | None, strict: bool) -> None:
        self._surroundings = surroundings
        self._vhost = vhost
        self._strict = strict
        self._problems: list[Problem] = []
        self._drafts: list[Draft] = []
        self._documents: list[Document] = []
        self._entries: list[Entry] = []
        self._definitions: list[Definitions] = []
        self._ignore = [ALWAYS_IGNORED]
        self._may_prune = True

    def read(self, source: Source) -> None:
        if source.problem is not None:
            self._problems.append(source.problem)
            return
        values = definitions_in_json(source.name, source.data)
        if values is not None:
            self._take_definitions(values)
            values.let_go()
            return
        document = Document(source.name, source.data)
        if _is_export(document):
            self._take_definitions(TreeValues(document))
        else:
            self._documents.append(document)
            self._take_topology(document)

    def _take_definitions(self, values: Located) -> None:
        self._definitions.append(Definitions(values, vhost=self._vhost, strict=self._strict))

    def _take_topology(self, document: Document) -> None:
        top = _read(document, self._surroundings)
        if top is None:
            return
        self._entries.append(top)
        self._drafts += Declarations(top, self._vhost or DEFAULT_VHOST).drafts
        if "manage" in top:
            self._ignore += top.get("manage").get("ignore", [])
            self._may_prune = self._may_prune and top.get("manage").get("prune") != "none"

    def desired(self) -> Desired:
        things, origins, doubles = _joined(self._definitions, self._strict)
        declared = Declared(self._drafts, things)
        declared.check()
        for document in self._documents:
            self._problems += document.problems
        for definitions in self._definitions:
            self._problems += definitions.problems
        state = State([*things.values(), *declared.state().values()])
        problems = in_order([*self._problems, *doubles, *self._declared_twice(declared, origins)])
        listed = frozenset(thing.name for thing in state.values() if thing.kind == "vhost")
        vhosts = listed - declared.implied_vhosts if self._may_prune else frozenset()
        management = Management(vhosts, tuple(dict.fromkeys(self._ignore)))
        origins = {key: each for key, each in origins.items() if key not in declared.drafts}
        self._let_go(declared)
        return Desired(state, management, tuple(problems), origins, self._strict)

    def _declared_twice(
        self, declared: Declared, origins: Mapping[Key, Definitions]
    ) -> Iterator[Problem]:
        """What a topology file and definitions both declare, and not alike: the file counts."""
        for key in origins.keys() & declared.drafts.keys():
            thing, draft = origins[key].things[key], declared.drafts[key]
            if differences(thing, draft.thing):
                where = draft.entry.reader.document.place(draft.entry.node)
                yield _otherwise(thing, origins[key].place(key), where, self._strict)

    def _let_go(self, declared: Declared) -> None:
        self._drafts.clear()
        declared.let_go()
        for entry in self._entries:
            entry.let_go()
        for document in self._documents:
            document.let_go()


def _joined(
    documents: Iterable[Definitions], strict: bool
) -> tuple[dict[Key, Thing], dict[Key, Definitions], list[Problem]]:
    """The things of several documents, where each comes from, and what two say differently."""
    things: dict[Key, Thing] = {}
    origins: dict[Key, Definitions] = {}
    problems: list[Problem] = []
    for document in documents:
        for key, thing in document.things.items():
            there = things.setdefault(key, thing)
            if origins.setdefault(key, document) is not document and differences(there, thing):
                where = origins[key].place(key)
                problems.append(_otherwise(thing, document.place(key), where, strict))
    return things, origins, problems


def _otherwise(thing: Thing, place: Place, where: Place, strict: bool) -> Problem:
    what = f"it is declared otherwise at {where.file}:{where.line}:{where.column}"
    message = f"{shown_reason(title(thing))} is left out: {what}"
    return Problem("T030", message, place, left_out=True, strict=strict)


def _read(document: Document, surroundings: Surroundings) -> Entry | None:
    """The whole document as an entry, None if it is empty or none at all."""
    if document.root is None:
        return None
    reader = Reader(document, surroundings)
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
    return any(key.text in VERSIONS for key, _ in _top(document))


def _top(document: Document) -> list[tuple[tree.Scalar, object]]:
    return list(document.root.entries) if isinstance(document.root, tree.Mapping) else []


def _take_variables(document: Document, reader: Reader) -> None:
    """The file's own variables; one may refer to those above it."""
    for key, node in _top(document):
        if key.text == "vars" and isinstance(node, tree.Mapping):
            for name, value in node.entries:
                if isinstance(value, tree.Scalar):
                    reader.variables[name.text] = reader.text(value)
