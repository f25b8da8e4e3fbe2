"""Short ways to read topology text in tests."""

from collections.abc import Mapping
from textwrap import dedent

from warrener.exchange.topology.desired import Desired, Source, read_topology
from warrener.exchange.topology.reading import Surroundings


def read(*texts: str, environment: Mapping[str, str] | None = None) -> Desired:
    """Files named a, b, c ..., read together; indentation of the test does not count."""
    sources = [
        Source(name, dedent(text).encode()) for name, text in zip("abcdef", texts, strict=False)
    ]
    return read_topology(sources, Surroundings(environment or {}))


def valid(*texts: str, environment: Mapping[str, str] | None = None) -> Desired:
    desired = read(*texts, environment=environment)
    assert not desired.has_errors, desired.problems
    return desired


def said(desired: Desired) -> list[str]:
    """The problems, in short."""
    return [
        f"{p.place.file}:{p.place.line}:{p.place.column} {p.code} {p.message}"
        for p in desired.problems
    ]
