"""A compiled filter, and the way to get one.

`compile_filter` is the whole pipeline: grammar -> nodes -> folding -> closures. It needs no
broker:

    >>> eu = compile_filter("region = 'EU' AND amount > 100")
    >>> eu.matches(properties)
    True

Filters of the same text are one object for as long as anything holds it, so ten thousand bindings
with one filter hold one, and an index (index.py) evaluates it once. The last FILTERS_KEPT_MAX that
were asked for are held here, so a client that comes and goes does not pay for the parser again.
"""

from collections.abc import Iterator
from functools import lru_cache
from weakref import WeakValueDictionary

from warrener.exchange.filters import nodes
from warrener.exchange.filters.compiler import Compiler, Test, all_of, always
from warrener.exchange.filters.failing import note_failure
from warrener.exchange.filters.fields import (
    NO_HEADERS,
    Headers,
    Message,
    MessageProperties,
    field_of,
)
from warrener.exchange.filters.folding import fold
from warrener.exchange.filters.recursion import room_to_recurse
from warrener.exchange.filters.tags import parse_tags
from warrener.exchange.filters.text_limit import text_limit

# ActiveMQ keeps 100 parsed selectors, Artemis 1000.
FILTERS_KEPT_MAX = 1000


def compile_filter(sql: str | None = None, tags: str | None = None) -> "Filter":
    """The filter that a selector and a tag filter make; given both, both must match.

    Args:
        sql: an SQL92 selector as in docs/filters.md; None or blank for none.
        tags: RocketMQ tags, `TagA || TagB`; None, blank or `*` for none.

    Raises:
        FilterSyntaxError: one of the two is no filter; its `text` tells which.
    """
    return _compile_filter(sql, tags)


def prepare_selectors() -> None:
    """Load what reads selectors, which the first of them would have to wait for.

    It may be called in a thread: whoever wants a selector meanwhile waits for it, since a module is
    loaded once, under Python's own lock.
    """
    import warrener.exchange.filters.grammar  # noqa: F401


class Filter:
    """Tells whether a message matches.

    Attributes:
        sql, tags: the texts it was made from.
        selectors: what they were parsed to, constants folded; all must be TRUE.
        test: the compiled form, for an index that has the headers at hand.
        reads: the properties it looks at, among them "headers", and "redelivered" and "now".
            A verdict can change while a message waits only if it reads one of the last two.
        parts: how many nodes it has, and one. Evaluating one takes two microseconds at most.
    """

    __slots__ = ("__weakref__", "parts", "reads", "selectors", "sql", "tags", "test")

    def __init__(self, sql: str | None, tags: str | None) -> None:
        parsed = parse_filter(sql, tags)
        self.sql = sql
        self.tags = tags
        with room_to_recurse():
            compilers = [compiler_of(selector) for selector in parsed]
            self.selectors = tuple(map(_folded, parsed, compilers))
            self.test: Test = all_of(map(_compiled, self.selectors, compilers))
            self.reads = frozenset().union(*map(_sources, parsed))
            self.parts = 1 + sum(1 for selector in parsed for _ in _nodes_of(selector))

    def matches(
        self, properties: MessageProperties, redelivered: bool = False, now: int | None = None
    ) -> bool:
        """Whether the filter is TRUE for a message.

        Args:
            properties: of the message.
            redelivered: whether the message was delivered before.
            now: milliseconds since 1970; may be None unless `reads` names it.
        """
        headers = properties.headers
        return self.passes(
            NO_HEADERS if headers is None else headers, (properties, redelivered, now)
        )

    def passes(self, headers: Headers, message: Message) -> bool:
        """`test`, which does not pass if it raises an exception."""
        try:
            return self.test(headers, message)
        except Exception as error:
            note_failure(self.sql, self.tags, error, message[2])
            return False

    @property
    def matches_all(self) -> bool:
        """Whether it matches every message, as a blank filter does."""
        return self.test is always

    def __repr__(self) -> str:
        return f"compile_filter(sql={self.sql!r}, tags={self.tags!r})"


def parse_filter(sql: str | None, tags: str | None) -> list[nodes.Selector]:
    """The selectors of a filter as they are written, constants not yet folded."""
    parsed = [parse_tags(tags)] if tags is not None else []
    if sql is not None:
        # Imported here so that a broker without selectors does not load pyparsing.
        from warrener.exchange.filters.grammar import parse

        parsed.append(parse(sql))
    return parsed


_alive: WeakValueDictionary[tuple[str | None, str | None], Filter] = WeakValueDictionary()


@lru_cache(FILTERS_KEPT_MAX)
def _compile_filter(sql: str | None, tags: str | None) -> Filter:
    found = _alive.get((sql, tags))
    if found is None:
        found = _alive[sql, tags] = Filter(sql, tags)
    return found


def compiler_of(selector: nodes.Selector) -> Compiler:
    """What compiles a selector and its parts."""
    return Compiler(selector.convert_strings, text_limit(selector.condition))


def _folded(selector: nodes.Selector, compiler: Compiler) -> nodes.Selector:
    if selector.condition is None:
        return selector
    return nodes.Selector(fold(selector.condition, compiler), selector.convert_strings)


def _compiled(selector: nodes.Selector, compiler: Compiler) -> Test:
    return always if selector.condition is None else compiler.test(selector.condition, True)


def _nodes_of(selector: nodes.Selector) -> Iterator[nodes.Node]:
    """All nodes of a selector, in no order."""
    unread = [] if selector.condition is None else [selector.condition]
    while unread:
        node = unread.pop()
        unread += nodes.children(node)
        yield node


def _sources(selector: nodes.Selector) -> frozenset[str]:
    sources = set()
    for node in _nodes_of(selector):
        if isinstance(node, nodes.Clock):
            sources.add("now")
        elif isinstance(node, nodes.Identifier):
            field = field_of(node)
            sources.add("headers" if field is None else field.source)
    return frozenset(sources)
