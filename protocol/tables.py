"""Field tables: the dictionaries of AMQP, in method arguments and in the headers of a message.

A table is a 4-byte length and that many bytes of entries; an entry is a name (a short string), an
octet that tags the type, and the value. The published specification and the brokers disagree on
the tags; this is the list that RabbitMQ, and so every client, goes by:

    tag    value                          in Python     written for
    b B    8 bits, signed and unsigned    int
    s u    16 bits, signed and unsigned   int
    I i    32 bits, signed and unsigned   int           I: an int of 32 bits
    l L    64 bits, both signed           int           l: a larger int, Int64
    t      an octet, 0 is false           bool          bool
    f      single precision               Float32       Float32
    d      double precision               float         float
    D      decimal places, 32 bits        Decimal       Decimal
    S      long string                    str, or bytes if no UTF-8
                                                        str, bytes
    x      long string                    ByteArray     ByteArray
    T      seconds since 1970, 64 bits    Timestamp     Timestamp
    F      table                          dict          a mapping
    A      4-byte length and values       list          list, tuple
    V      nothing                        None          None

We read all of it and write the last column, which leaves out the tags that clients read in
different ways (py-amqp takes `s` for a string, swaps `b` and `B`, and reads `l` unsigned: keep
integers of our own making from going below -2**31). Decoding therefore loses the width of an
integer. A table that came from a client is relayed as bytes; where some of its entries have to
change, `edit_table` copies all the others as they are.

Everything that can be decoded can be encoded. Names of entries may be any bytes where a broker only
relays them (`fields.py`); in the arguments of a method they are text.

A table is decoded from hostile bytes. Depth and number of items are limited, each length is checked
before use, and whatever is wrong is a FrameError. Of two entries with one name the last one counts.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from struct import Struct
from typing import Annotated, Any, TypeAlias, Union

from warrener.protocol.errors import FrameError
from warrener.protocol.fields import (
    RELAYED,
    FieldType,
    decode_length,
    decode_relayed_string,
    decode_short_string,
    encode_length,
    encode_relayed_string,
    require,
)

FieldValue: TypeAlias = Union[
    bool, int, float, Decimal, str, bytes, "list[FieldValue]", "dict[str, FieldValue]", None
]
FieldTable: TypeAlias = dict[str, FieldValue]

# A frame of 128 KiB has room for some 20,000 tables inside each other, far more than Python can
# recurse into; what people write by hand or by serialiser stays below ten.
TABLE_DEPTH_MAX = 32

# An item of no width (tag V) costs one byte on the wire and a hundred in memory: without a limit
# a client would have us spend memory it did not send. RabbitMQ's own x-death needs some tens.
TABLE_ITEMS_MAX = 16_384
UNLIMITED = 1 << 62


class Float32(float):
    """A float that came, and goes out, in single precision."""


class ByteArray(bytes):
    """Bytes under tag x, where plain bytes are a long string that is no UTF-8."""


class Int64(int):
    """An int that goes out in 64 bits however small it is: clients in Java or C# cast to a type."""


class Timestamp(int):
    """Seconds since 1970-01-01 UTC, as the wire has it: unsigned, without a zone."""


def decode_table(
    data: bytes,
    position: int = 0,
    end: int | None = None,
    *,
    depth_max: int = TABLE_DEPTH_MAX,
    items_max: int = TABLE_ITEMS_MAX,
) -> tuple[FieldTable, int]:
    """Read the table whose length stands at `position`; return it and the position after it.

    Raises:
        FrameError: the bytes before `end` are no table, or one beyond the limits.
    """
    end = len(data) if end is None else end
    reader = _TableReader(data, depth_max, items_max, decode_short_string)
    return reader.table(position, end, depth_max)


def decode_headers(
    data: bytes, position: int, end: int, items_max: int = UNLIMITED
) -> tuple[FieldTable, int]:
    """Read a table as `decode_table` does, but with names of any bytes. Raises: FrameError.

    The number of items is limited when headers come in from a client; a broker may have added more.
    """
    reader = _TableReader(data, TABLE_DEPTH_MAX, items_max, decode_relayed_string)
    return reader.table(position, end, TABLE_DEPTH_MAX)


def encode_table(table: Mapping[str, object], *, depth_max: int = TABLE_DEPTH_MAX) -> bytes:
    """Return `table` as bytes, with its length in front.

    Raises:
        TypeError: a name is no string, or a value of a type that no tag stands for.
        ValueError: a number, a name or the depth goes beyond what a table can hold.
    """
    return _encode_table(table, depth_max)


def edit_table(table: bytes, changes: Mapping[str, object]) -> bytes:
    """Return an encoded table with some entries set, or removed if the change is None.

    All other entries are copied byte for byte, and stand in front of those that are set.

    Raises:
        FrameError: `table` is no table.
        TypeError, ValueError: as from `encode_table`.
    """
    position, end = decode_length(table, 0, len(table))
    pieces = []
    while position < end:
        start = position
        name, position = decode_relayed_string(table, start, end)
        position = _skip_value(table, position, end)
        if name not in changes:
            pieces.append(table[start:position])
    added = {name: value for name, value in changes.items() if value is not None}
    return encode_length(b"".join((*pieces, encode_table(added)[LENGTH_BYTES:])))


LENGTH_BYTES = 4


class _TableReader:
    """Reads one outermost table, counting its items over all depths."""

    __slots__ = ("data", "depth_max", "items_left", "items_max", "read_name")

    def __init__(
        self,
        data: bytes,
        depth_max: int,
        items_max: int,
        read_name: Callable[[bytes, int, int], tuple[str, int]],
    ) -> None:
        self.data = data
        self.depth_max = depth_max
        self.items_max = items_max
        self.items_left = items_max
        self.read_name = read_name

    def table(self, position: int, end: int, depth_left: int) -> tuple[FieldTable, int]:
        position, end = self._enter(position, end, depth_left)
        table: FieldTable = {}
        while position < end:
            name, position = self.read_name(self.data, position, end)
            table[name], position = self._value(position, end, depth_left - 1)
        return table, end

    def _array(self, position: int, end: int, depth_left: int) -> tuple[list[FieldValue], int]:
        position, end = self._enter(position, end, depth_left)
        array: list[FieldValue] = []
        while position < end:
            value, position = self._value(position, end, depth_left - 1)
            array.append(value)
        return array, end

    def _enter(self, position: int, end: int, depth_left: int) -> tuple[int, int]:
        if not depth_left:
            raise FrameError(f"a table is nested deeper than {self.depth_max} levels")
        return decode_length(self.data, position, end)

    def _value(self, position: int, end: int, depth_left: int) -> tuple[FieldValue, int]:
        self.items_left -= 1
        if self.items_left < 0:
            raise FrameError(f"a table has more than {self.items_max} items")
        start = require(position, 1, end)
        tag = self.data[position]
        if tag in _FIXED_WIDTH:
            width, read = _FIXED_WIDTH[tag]
            following = require(start, width, end)
            return read(self.data, start), following
        if tag == _TABLE:
            return self.table(start, end, depth_left)
        if tag == _ARRAY:
            return self._array(start, end, depth_left)
        return self._string(tag, start, end)

    def _string(self, tag: int, position: int, end: int) -> tuple[FieldValue, int]:
        if tag not in (_LONG_STRING, _BYTE_ARRAY):
            raise FrameError(f"unknown tag {bytes((tag,))!r} at offset {position - 1} of a table")
        start, following = decode_length(self.data, position, end)
        content = self.data[start:following]
        if tag == _BYTE_ARRAY:
            return ByteArray(content), following
        try:
            return content.decode("utf-8"), following
        except UnicodeDecodeError:
            return content, following


def _skip_value(data: bytes, position: int, end: int) -> int:
    """Return where the value ends whose tag is at `position`, without looking into it."""
    start = require(position, 1, end)
    tag = data[position]
    if tag in _FIXED_WIDTH:
        return require(start, _FIXED_WIDTH[tag][0], end)
    if tag in _WITH_LENGTH:
        return decode_length(data, start, end)[1]
    raise FrameError(f"unknown tag {bytes((tag,))!r} at offset {position} of a table")


_TABLE = ord("F")
_ARRAY = ord("A")
_LONG_STRING = ord("S")
_BYTE_ARRAY = ord("x")
_WITH_LENGTH = frozenset((_TABLE, _ARRAY, _LONG_STRING, _BYTE_ARRAY))


def _fixed(layout: str, make: Callable[..., FieldValue]) -> tuple[int, Callable[..., FieldValue]]:
    """A value of constant width: that width, and the function that reads it."""
    structure = Struct(layout)

    def read(data: bytes, position: int) -> FieldValue:
        return make(*structure.unpack_from(data, position))

    return structure.size, read


def _decimal(places: int, unscaled: int) -> Decimal:
    # By way of text: arithmetic would round to whatever precision the process has set.
    return Decimal(f"{unscaled}E-{places}")


_FIXED_WIDTH = {
    ord("b"): _fixed(">b", int),
    ord("B"): _fixed(">B", int),
    ord("s"): _fixed(">h", int),
    ord("u"): _fixed(">H", int),
    ord("I"): _fixed(">i", int),
    ord("i"): _fixed(">I", int),
    ord("l"): _fixed(">q", int),
    ord("L"): _fixed(">q", int),
    ord("t"): _fixed(">?", bool),
    ord("f"): _fixed(">f", Float32),
    ord("d"): _fixed(">d", float),
    ord("D"): _fixed(">Bi", _decimal),
    ord("T"): _fixed(">Q", Timestamp),
    ord("V"): _fixed(">", lambda: None),
}


def _encode_table(table: Mapping[str, object], depth_left: int) -> bytes:
    _require_depth(depth_left)
    entries: list[bytes] = []
    for name, value in table.items():
        if not isinstance(name, str):
            raise TypeError(f"the name of a table entry must be a string, not {name!r}")
        entries += encode_relayed_string(name), _encode_value(value, depth_left - 1)
    return encode_length(b"".join(entries))


def _encode_array(values: Sequence[object], depth_left: int) -> bytes:
    _require_depth(depth_left)
    return encode_length(b"".join(_encode_value(value, depth_left - 1) for value in values))


def _require_depth(depth_left: int) -> None:
    if not depth_left:
        raise ValueError("a table is nested too deeply")


def _encode_value(value: object, depth_left: int) -> bytes:
    if isinstance(value, Mapping):
        return b"F" + _encode_table(value, depth_left)
    if isinstance(value, list | tuple):
        return b"A" + _encode_array(value, depth_left)
    for kind, encode in _ENCODERS:
        if isinstance(value, kind):
            return encode(value)
    raise TypeError(f"no table can hold {value!r}")


def _encode_int(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return _INT32.pack(b"I", value)
    return _encode_int64(value)


def _encode_int64(value: int) -> bytes:
    if -(2**63) <= value < 2**63:
        return _INT64.pack(b"l", value)
    raise ValueError(f"{value} does not fit 64 bits")


def _encode_timestamp(value: int) -> bytes:
    if not 0 <= value < 2**64:
        raise ValueError(f"{value} is no timestamp: 64 bits, unsigned")
    return _UINT64.pack(b"T", value)


def _encode_float32(value: float) -> bytes:
    try:
        return _SINGLE.pack(b"f", value)
    except OverflowError:
        raise ValueError(f"{value} does not fit single precision") from None


def _encode_decimal(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    # Nine zeros fill 32 bits; the check also keeps 1E+999999 from being written out.
    if not isinstance(exponent, int) or not -255 <= exponent <= 9 or len(digits) > 10:
        raise ValueError(f"{value} is no decimal of 32 bits and 255 places")
    unscaled = int("".join(map(str, digits))) * 10 ** max(0, exponent) * (-1) ** sign
    if not -(2**31) <= unscaled < 2**31:
        raise ValueError(f"{value} does not fit a decimal of 32 bits")
    return _DECIMAL.pack(b"D", max(0, -exponent), unscaled)


_INT32 = Struct(">ci")
_INT64 = Struct(">cq")
_UINT64 = Struct(">cQ")
_SINGLE = Struct(">cf")
_DOUBLE = Struct(">cd")
_DECIMAL = Struct(">cBi")

# In this order: a bool, a Timestamp, an Int64 are ints to Python, a Float32 is a float, a ByteArray
# bytes.
_ENCODERS: tuple[tuple[type, Callable[[Any], bytes]], ...] = (
    (str, lambda value: b"S" + encode_length(value.encode("utf-8", RELAYED))),
    (bool, lambda value: b"t\x01" if value else b"t\x00"),
    (Timestamp, _encode_timestamp),
    (Int64, _encode_int64),
    (int, _encode_int),
    (Float32, _encode_float32),
    (float, lambda value: _DOUBLE.pack(b"d", value)),
    (ByteArray, lambda value: b"x" + encode_length(value)),
    (bytes, lambda value: b"S" + encode_length(value)),
    (Decimal, _encode_decimal),
    (type(None), lambda value: b"V"),
)

TABLE: FieldType[FieldTable] = FieldType(decode_table, encode_table)
HEADERS_TABLE: FieldType[FieldTable] = FieldType(decode_headers, encode_table)
Table = Annotated[FieldTable, TABLE]
