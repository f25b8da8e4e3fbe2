from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pamqp.decode
import pamqp.encode
import pika.data
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol import wire_tables
from warrener.protocol.errors import FrameError
from warrener.protocol.tables import (
    TABLE_DEPTH_MAX,
    TABLE_ITEMS_MAX,
    ByteArray,
    Float32,
    Int64,
    Timestamp,
    decode_headers,
    decode_table,
    edit_table,
    encode_table,
)


def sized(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def table_of(tagged: bytes) -> bytes:
    """A table of one entry named k."""
    return sized(b"\x01k" + tagged)


def decoded(tagged: bytes) -> object:
    table, _ = decode_table(table_of(tagged))
    return table["k"]


# Each tag


@pytest.mark.parametrize(
    ("tagged", "value"),
    [
        (b"b\xff", -1),
        (b"B\xff", 255),
        (b"s\xff\xfe", -2),
        (b"u\xff\xfe", 65534),
        (b"I\xff\xff\xff\xff", -1),
        (b"i\xff\xff\xff\xff", 2**32 - 1),
        (b"l" + b"\xff" * 8, -1),
        (b"L" + b"\xff" * 8, -1),
        (b"t\x00", False),
        (b"t\x01", True),
        (b"t\x02", True),
        (b"f\x3f\xc0\x00\x00", Float32(1.5)),
        (b"d\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5),
        (b"D\x02\x00\x00\x01\x3a", Decimal("3.14")),
        (b"D\x00\xff\xff\xff\xff", Decimal(-1)),
        (b"S\x00\x00\x00\x02\xc3\xa9", "é"),
        (b"S\x00\x00\x00\x02\xc3\x28", b"\xc3\x28"),
        (b"x\x00\x00\x00\x02ab", ByteArray(b"ab")),
        (b"T\x00\x00\x00\x00\x65\x53\xf1\x00", Timestamp(1_700_000_000)),
        (b"F\x00\x00\x00\x04\x01at\x01", {"a": True}),
        (b"F\x00\x00\x00\x00", {}),
        (b"A\x00\x00\x00\x05t\x01Vb\x07", [True, None, 7]),
        (b"V", None),
    ],
    ids=lambda value: repr(value[:1]) if isinstance(value, bytes) else "",
)
def test_each_tag_has_its_type(tagged, value):
    assert decoded(tagged) == value
    assert type(decoded(tagged)) is type(value)


def test_a_table_is_read_from_where_it_stands_to_where_it_ends():
    assert decode_table(b"??" + table_of(b"t\x01") + b"!!", 2) == ({"k": True}, 2 + 8)


def test_of_two_entries_with_one_name_the_last_counts():
    assert decode_table(sized(b"\x01kt\x00\x01kt\x01"))[0] == {"k": True}


def test_a_decimal_is_exact_whatever_precision_the_process_has_set():
    with localcontext() as context:
        context.prec = 2
        value = decoded(b"D\x05\x7f\xff\xff\xff")
    assert value == Decimal("21474.83647")


# What is wrong


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="no length"),
        pytest.param(b"\x00\x00\x00", id="half a length"),
        pytest.param(b"\x00\x00\x00\x05\x01kt\x01", id="longer than the data"),
        pytest.param(b"\xff\xff\xff\xff\x01kt\x01", id="longer than any data"),
        pytest.param(table_of(b""), id="no tag"),
        pytest.param(table_of(b"t"), id="no value"),
        pytest.param(table_of(b"?\x00"), id="unknown tag"),
        pytest.param(table_of(b"I\x00\x00"), id="half a number"),
        pytest.param(table_of(b"S\x00\x00\x00\x09abc"), id="a string beyond the end"),
        pytest.param(table_of(b"A\x00\x00\x00\x09t\x01"), id="an array beyond the end"),
        pytest.param(table_of(b"F\x00\x00\x00\x02\x05a"), id="a name beyond the inner table"),
        pytest.param(table_of(b"A\x00\x00\x00\x01t\x01"), id="a value beyond its array"),
        pytest.param(sized(b"\x02\xc3\x28V"), id="a name that is no UTF-8"),
        pytest.param(sized(b"\x05k"), id="a name beyond the end"),
    ],
)
def test_bytes_that_are_no_table_are_a_frame_error(data):
    with pytest.raises(FrameError):
        decode_table(data)


def test_a_table_may_not_reach_beyond_the_end_it_was_given():
    data = table_of(b"S\x00\x00\x00\x03abc")
    assert decode_table(data, 0, len(data))[0] == {"k": "abc"}
    with pytest.raises(FrameError):
        decode_table(data, 0, len(data) - 1)


def nested_tables(depth: int) -> bytes:
    data = sized(b"")
    for _ in range(depth - 1):
        data = table_of(b"F" + data)
    return data


def nested_arrays(depth: int) -> bytes:
    array = sized(b"")
    for _ in range(depth - 2):
        array = sized(b"A" + array)
    return table_of(b"A" + array)


@pytest.mark.parametrize("nested", [nested_tables, nested_arrays])
def test_nesting_ends_at_the_limit(nested):
    decode_table(nested(TABLE_DEPTH_MAX))
    for depth in (TABLE_DEPTH_MAX + 1, 5_000):
        with pytest.raises(FrameError, match="deeper than 32"):
            decode_table(nested(depth))


def test_items_without_width_count_against_the_limit():
    assert len(decoded(b"A" + sized(b"V" * (TABLE_ITEMS_MAX - 1)))) == TABLE_ITEMS_MAX - 1
    with pytest.raises(FrameError, match="more than 16384 items"):
        decoded(b"A" + sized(b"V" * TABLE_ITEMS_MAX))


def test_items_are_counted_over_all_depths():
    half = b"A" + sized(b"V" * (TABLE_ITEMS_MAX // 2))
    with pytest.raises(FrameError, match="more than 16384 items"):
        decode_table(sized(b"\x01a" + half + b"\x01b" + half))


def test_entries_of_one_name_count_each():
    with pytest.raises(FrameError, match="more than 16384 items"):
        decode_table(sized(b"\x00V" * (TABLE_ITEMS_MAX + 1)))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_frame_error(data):
    try:
        table, position = decode_table(sized(data))
    except FrameError:
        return
    assert isinstance(table, dict)
    assert position == 4 + len(data)


# Encoding

names = st.text(max_size=60)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.floats(allow_nan=False, width=32).map(Float32),
    st.text(),
    st.binary().map(ByteArray),
    st.integers(0, 2**64 - 1).map(Timestamp),
    st.builds(
        lambda unscaled, places: Decimal(f"{unscaled}E-{places}"),
        st.integers(-(2**31), 2**31 - 1),
        st.integers(0, 255),
    ),
)
field_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
tables = st.dictionaries(names, field_values, max_size=6)


def typed(value: object) -> object:
    """Make True differ from 1, and a Timestamp from an int."""
    if isinstance(value, dict):
        return {name: typed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value), value


@given(tables)
def test_what_was_encoded_is_decoded(table):
    encoded = encode_table(table)
    assert typed(decode_table(encoded)[0]) == typed(table)
    assert decode_table(encoded)[1] == len(encoded)


@given(tables)
def test_decoding_and_encoding_again_gives_the_same_bytes(table):
    encoded = encode_table(table)
    assert encode_table(decode_table(encoded)[0]) == encoded


@given(tables, st.data())
def test_a_table_cut_or_flipped_anywhere_is_a_table_or_a_frame_error(table, data):
    encoded = bytearray(encode_table(table))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(encoded), bytes(encoded[:place])):
        try:
            decode_table(damaged)
        except FrameError:
            continue


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        (True, b"t"),
        (1, b"I"),
        (-(2**31), b"I"),
        (2**31, b"l"),
        (1.5, b"d"),
        (Float32(1.5), b"f"),
        ("text", b"S"),
        (b"bytes", b"S"),
        (ByteArray(b"bytes"), b"x"),
        (Timestamp(1), b"T"),
        (Int64(1), b"l"),
        (Decimal("1.5"), b"D"),
        ([1], b"A"),
        ((1,), b"A"),
        ({"a": 1}, b"F"),
        (None, b"V"),
    ],
)
def test_what_we_write_keeps_to_tags_that_all_clients_read_alike(value, tag):
    assert encode_table({"k": value})[6:7] == tag


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(2**63, id="above 64 bits"),
        pytest.param(-(2**63) - 1, id="below 64 bits"),
        pytest.param(Int64(2**63), id="integer of ours beyond 64 bits"),
        pytest.param(Timestamp(-1), id="time before 1970"),
        pytest.param(Timestamp(2**64), id="time beyond 64 bits"),
        pytest.param(Float32(1e300), id="beyond single precision"),
        pytest.param(Decimal("NaN"), id="no number"),
        pytest.param(Decimal("2147483648"), id="above 32 bits"),
        pytest.param(Decimal("1E+999999"), id="a million zeros"),
        pytest.param(Decimal("1E-256"), id="too many places"),
        pytest.param("\ud800", id="half a character"),
    ],
)
def test_a_value_beyond_what_a_table_can_hold_is_refused(value):
    with pytest.raises(ValueError, match=r".+"):
        encode_table({"k": value})


def test_a_decimal_with_zeros_behind_is_written_out():
    assert decode_table(encode_table({"k": Decimal("2E+9")}))[0] == {"k": Decimal(2_000_000_000)}


@pytest.mark.parametrize("table", [{"k": object()}, {"k": {1, 2}}, {1: "k"}, {"k": [object()]}])
def test_a_value_without_a_tag_is_refused(table):
    with pytest.raises(TypeError):
        encode_table(table)


def test_a_name_longer_than_255_bytes_is_refused():
    with pytest.raises(ValueError, match="256 bytes"):
        encode_table({"k" * 256: 1})


def test_what_is_nested_too_deep_to_be_read_is_not_written():
    def nest(depth):
        return {"k": nest(depth - 1)} if depth > 1 else {}

    assert encode_table(nest(TABLE_DEPTH_MAX)) == nested_tables(TABLE_DEPTH_MAX)
    with pytest.raises(ValueError, match="nested too deeply"):
        encode_table(nest(TABLE_DEPTH_MAX + 1))


def test_a_table_that_holds_itself_is_refused():
    table: dict[str, object] = {}
    table["k"] = [table]
    with pytest.raises(ValueError, match="nested too deeply"):
        encode_table(table)


@given(wire_tables.entries)
def test_whatever_a_client_encodes_can_be_decoded_and_encoded_again(entries):
    data = wire_tables.table(entries)
    table, _ = decode_headers(data, 0, len(data))
    again = encode_table(table)
    # By their texts: a NaN is not equal to itself.
    assert repr(decode_headers(again, 0, len(again))[0]) == repr(table)


# Editing

changes = st.dictionaries(
    st.sampled_from(["a", "x-death", "x-delay", "new", "\udcff\x00"]),
    st.none() | st.integers(-5, 5) | st.text(max_size=5),
    max_size=4,
)


@given(wire_tables.entries, changes)
def test_what_is_not_edited_stays_as_it_was_byte_for_byte(entries, changes):
    edited = edit_table(wire_tables.table(entries), changes)
    kept = [
        (name, tagged)
        for name, tagged in entries
        if name.decode("utf-8", "surrogateescape") not in changes
    ]
    added = {name: value for name, value in changes.items() if value is not None}
    assert edited[4:] == wire_tables.table(kept)[4:] + encode_table(added)[4:]
    assert edited[:4] == (len(edited) - 4).to_bytes(4, "big")


@given(st.binary(max_size=100))
def test_bytes_that_are_no_table_are_not_edited(data):
    try:
        edit_table(data, {"a": None})
    except FrameError:
        return
    assert int.from_bytes(data[:4], "big") <= len(data) - 4


def test_names_are_text_in_arguments_and_any_bytes_in_headers():
    data = wire_tables.table([(b"\xc3\x28", b"V")])
    with pytest.raises(FrameError):
        decode_table(data)
    table, _ = decode_headers(data, 0, len(data))
    assert table == {"\udcc3(": None}
    assert encode_table(table) == data


# Other people's implementations

short_names = st.text(st.characters(codec="ascii"), max_size=40)
common = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.text(),
        st.none(),
        st.builds(
            lambda unscaled, places: Decimal(f"{unscaled}E-{places}"),
            st.integers(0, 2**31 - 1),
            st.integers(0, 9),
        ),
        st.integers(0, 2**32 - 1).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(short_names, inner, max_size=4),
    max_leaves=12,
)
common_tables = st.dictionaries(short_names, common, max_size=6)


def with_timestamps(value: object) -> object:
    if isinstance(value, datetime):
        return Timestamp(value.timestamp())
    if isinstance(value, dict):
        return {name: with_timestamps(item) for name, item in value.items()}
    if isinstance(value, list):
        return [with_timestamps(item) for item in value]
    return value


@given(common_tables)
def test_what_pamqp_encodes_we_decode(table):
    assert decode_table(pamqp.encode.field_table(table))[0] == with_timestamps(table)


@given(common_tables)
def test_what_pika_encodes_we_decode(table):
    pieces: list[bytes] = []
    pika.data.encode_table(pieces, table)
    assert decode_table(b"".join(pieces))[0] == with_timestamps(table)


@given(common_tables)
def test_what_we_encode_pamqp_decodes(table):
    encoded = encode_table(with_timestamps(table))
    assert pamqp.decode.field_table(encoded) == (len(encoded), table)


@given(st.floats(allow_nan=False, width=32), st.binary())
def test_floats_and_byte_arrays_of_pamqp_are_decoded(number, content):
    encoded = pamqp.encode.field_table({"f": number, "x": bytearray(content)})
    assert decode_table(encoded)[0] == {"f": number, "x": content}
