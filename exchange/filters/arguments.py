"""The arguments by which a client asks for a filter, on a binding or on a consumer."""

from collections.abc import Mapping
from typing import Any

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.filters.errors import FilterSyntaxError
from warrener.exchange.filters.filter import Filter, compile_filter

SELECTOR = "x-filter-jms-selector"
TAGS = "x-filter-tags"


def filter_from(arguments: Mapping[str, Any]) -> Filter | None:
    """The filter that `arguments` ask for, None if they ask for none or for every message.

    Raises: PreconditionFailed for a filter that does not compile, naming position and cause, and
    for a value that is no string.
    """
    sql = _text(arguments, SELECTOR)
    tags = _text(arguments, TAGS)
    if sql is None and tags is None:
        return None
    found = _compile(SELECTOR, sql=sql) if tags is None else _compile(TAGS, tags=tags)
    if sql is not None and tags is not None:
        _compile(SELECTOR, sql=sql)
        found = compile_filter(sql, tags)
    return None if found.matches_all else found


def _text(arguments: Mapping[str, Any], name: str) -> str | None:
    value = arguments.get(name)
    if value is not None and not isinstance(value, str):
        raise PreconditionFailed(f"invalid {name}: expected a string, not {value!r}")
    return value


def _compile(name: str, sql: str | None = None, tags: str | None = None) -> Filter:
    try:
        return compile_filter(sql, tags)
    except FilterSyntaxError as error:
        raise PreconditionFailed(f"invalid {name}: {error.reason}") from error
