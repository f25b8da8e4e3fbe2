"""Tables as clients encode them, of every tag and with names of any bytes, for Hypothesis."""

from hypothesis import strategies as st

WIDTHS = {b"b": 1, b"B": 1, b"s": 2, b"u": 2, b"I": 4, b"i": 4, b"l": 8, b"L": 8}
WIDTHS |= {b"t": 1, b"f": 4, b"d": 8, b"D": 5, b"T": 8, b"V": 0}
NAMES = [b"a", b"ab", b"CC", b"x-death", b"x-delay", b"x-delivery-count", "ö".encode(), b"\xff\x00"]


def sized(body: bytes) -> bytes:
    """A body after its length in four bytes."""
    return len(body).to_bytes(4, "big") + body


def entry(name: bytes, tagged: bytes) -> bytes:
    """An entry of a table."""
    return bytes((len(name),)) + name + tagged


def table(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A table of these entries, of which several may have one name."""
    return sized(b"".join(entry(name, tagged) for name, tagged in entries))


def _fixed(tag: bytes) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=WIDTHS[tag], max_size=WIDTHS[tag]).map(lambda value: tag + value)


names = st.sampled_from(NAMES) | st.binary(max_size=20)
scalars = st.sampled_from(sorted(WIDTHS)).flatmap(_fixed) | st.builds(
    lambda tag, value: tag + sized(value), st.sampled_from([b"S", b"x"]), st.binary(max_size=20)
)
tagged_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: b"A" + sized(b"".join(items)))
        | st.lists(st.tuples(names, inner), max_size=4).map(lambda entries: b"F" + table(entries))
    ),
    max_leaves=8,
)
"""Values with their tags."""
entries = st.lists(st.tuples(names, tagged_values), max_size=6)
"""The entries of a table, by name and value."""
