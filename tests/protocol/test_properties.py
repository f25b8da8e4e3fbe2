from datetime import UTC, datetime

import pamqp.commands
import pika.spec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol import wire_tables
from tests.protocol.wire_tables import sized
from warrener.protocol import properties as module
from warrener.protocol.errors import FrameError
from warrener.protocol.properties import Properties, PropertyFields, encode_properties
from warrener.protocol.tables import Timestamp, encode_table

NAMES = list(PropertyFields.__annotations__)

texts = st.text(max_size=80).filter(lambda text: len(text.encode("utf-8")) <= 255)
octets = st.integers(0, 255)
headers = st.dictionaries(
    texts, st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(), max_size=4
)
KINDS = {
    "headers": headers,
    "delivery_mode": octets,
    "priority": octets,
    "timestamp": st.integers(0, 2**64 - 1),
}
some_properties = st.fixed_dictionaries(
    {}, optional={name: KINDS.get(name, texts) for name in NAMES}
)


# Reading


def test_a_message_without_properties_has_none():
    properties = Properties(b"\x00\x00")
    assert [getattr(properties, name) for name in NAMES] == [None] * 14
    assert properties.fields() == {}
    assert properties.flags == 0
    assert not properties.persistent


@given(some_properties)
def test_what_was_encoded_is_read(fields):
    properties = Properties(encode_properties(**fields))
    for name in NAMES:
        assert getattr(properties, name) == fields.get(name)
    assert properties.fields() == fields


def test_the_properties_stand_in_the_order_of_their_flags():
    for place, name in enumerate(NAMES):
        bit = getattr(module, name.upper())
        value = {} if name == "headers" else 1 if name in KINDS else ""
        assert bit == 1 << 15 - place
        assert Properties(encode_properties(**{name: value})).flags == bit


def test_flags_say_what_is_there():
    properties = Properties(encode_properties(headers={"a": 1}, expiration="60000"))
    assert properties.flags == module.HEADERS | module.EXPIRATION


def test_headers_are_decoded_once():
    properties = Properties(encode_properties(headers={"a": [1, {"b": True}]}))
    assert properties.headers == {"a": [1, {"b": True}]}
    assert properties.headers is properties.headers


@given(some_properties, st.sampled_from([None, 0, 1, 2, 255]))
def test_persistent_is_delivery_mode_two(fields, delivery_mode):
    fields["delivery_mode"] = delivery_mode
    properties = Properties(encode_properties(**fields))
    assert properties.persistent == (delivery_mode == 2)
    assert properties.delivery_mode == delivery_mode


def test_persistent_is_known_without_decoding_what_stands_before():
    undecodable = b"\x01\xff" + b"\x01\xff" + b"\x00\x00\x00\x03???"
    assert Properties(b"\xf0\x00" + undecodable + b"\x02").persistent
    assert not Properties(b"\xf0\x00" + undecodable + b"\x01").persistent


def test_more_words_of_flags_are_passed_by():
    raw = b"\x10\x01" + b"\x00\x01" + b"\x00\x00" + b"\x02"
    properties = Properties(raw)
    assert properties.persistent
    assert properties.delivery_mode == 2
    assert properties.fields() == {"delivery_mode": 2}


# What is wrong


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="no flags"),
        pytest.param(b"\x00", id="half a word of flags"),
        pytest.param(b"\x00\x01", id="another word announced"),
        pytest.param(b"\x00\x01\x80\x00", id="a property of the second word"),
        pytest.param(b"\x00\x02", id="the bit that stands for no property"),
        pytest.param(b"\x00\x00!", id="bytes after the last property"),
        pytest.param(b"\x80\x00", id="no value"),
        pytest.param(b"\x80\x00\x05abc", id="half a string"),
        pytest.param(b"\x20\x00\x00\x00\x00\x09\x01aV", id="half a table"),
        pytest.param(b"\x20\x00\x00\x00\x00\x02??", id="no table"),
        pytest.param(b"\x00\x40\x00\x00", id="half a timestamp"),
    ],
)
def test_the_full_check_finds_what_is_wrong(raw):
    with pytest.raises(FrameError):
        Properties(raw).fields()


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x10\x00", b"\x10\x01\x00", b"\x90\x00", b"\x90\x00\x05abc", b"\x30\x00\x00\x00\x00"],
)
def test_persistent_of_a_list_that_ends_too_early_is_a_frame_error(raw):
    with pytest.raises(FrameError):
        _ = Properties(raw).persistent


@given(some_properties.filter(bool))
def test_a_list_cut_anywhere_is_a_frame_error(fields):
    raw = encode_properties(**fields)
    last = next(name for name in reversed(NAMES) if name in fields)
    for end in range(len(raw)):
        with pytest.raises(FrameError):
            Properties(raw[:end]).fields()
        with pytest.raises(FrameError):
            getattr(Properties(raw[:end]), last)


@given(st.binary(max_size=60))
def test_any_bytes_can_be_read_or_are_a_frame_error(raw):
    for attribute in [*NAMES, "persistent", "flags"]:
        try:
            getattr(Properties(raw), attribute)
        except FrameError:
            continue


def test_an_error_does_not_spoil_the_other_properties():
    properties = Properties(b"\x30\x00\x00\x00\x00\x02a?\x02")
    for _ in range(2):
        with pytest.raises(FrameError):
            _ = properties.headers
    assert properties.delivery_mode == 2


def test_text_that_is_no_utf_8_is_relayed_byte_for_byte():
    raw = b"\xa4\x00\x02\xc3\x28" + sized(b"\x02\xff\x01V") + b"\x01\x80"
    properties = Properties(raw)
    assert (properties.content_type, properties.correlation_id) == ("\udcc3(", "\udc80")
    assert properties.headers == {"\udcff\x01": None}
    assert encode_properties(**properties.fields()) == raw
    assert properties.replace(message_id=None).raw == raw


# Replacing


@given(some_properties, some_properties)
def test_a_replacement_has_the_changes_and_all_else(fields, changes):
    before = Properties(encode_properties(**fields))
    after = before.replace(**changes)
    assert after.fields() == fields | changes
    assert before.fields() == fields


@given(some_properties)
def test_replacing_by_none_removes(fields):
    removed = Properties(encode_properties(**fields)).replace(**dict.fromkeys(fields))
    assert removed.raw == b"\x00\x00"


def test_unchanged_headers_are_relayed_byte_for_byte():
    ours_would_differ = b"\x00\x00\x00\x08\x01ab\x07\x01ab\x08"
    raw = b"\x21\x00" + ours_would_differ + b"\x0560000"
    assert encode_table(Properties(raw).headers) != ours_would_differ
    assert Properties(raw).replace(expiration=None).raw == b"\x20\x00" + ours_would_differ


def test_a_list_that_is_wrong_is_not_replaced():
    with pytest.raises(FrameError):
        Properties(b"\x00\x00!").replace(priority=1)


@given(wire_tables.entries, some_properties)
def test_edited_headers_keep_all_others_and_all_other_properties(entries, fields):
    fields.pop("headers", None)
    raw = Properties(encode_properties(**fields, headers={})).raw
    empty = b"\0\0\0\0"
    at = Properties(raw)._spans()["headers"][0]
    raw = raw[:at] + wire_tables.table(entries) + raw[at + len(empty) :]
    edited = Properties(raw).edit_headers({"a": None, "x-death": [1]})
    kept = [entry for entry in entries if entry[0] not in (b"a", b"x-death")]
    start, end = edited._spans()["headers"]
    assert edited.raw[start + 4 : end] == (
        wire_tables.table(kept)[4:] + encode_table({"x-death": [1]})[4:]
    )
    assert edited.replace(headers=None).raw == encode_properties(**fields)


def test_headers_are_added_to_properties_without_any():
    raw = encode_properties(delivery_mode=2)
    assert Properties(raw).edit_headers({"a": None}).raw == raw
    assert Properties(raw).edit_headers({"a": 1}).fields() == {
        "delivery_mode": 2,
        "headers": {"a": 1},
    }


# Writing


def test_a_broker_made_list_is_flags_and_values():
    assert encode_properties(delivery_mode=2, content_type="text") == b"\x90\x00\x04text\x02"


@pytest.mark.parametrize(
    "fields",
    [{"priority": 256}, {"priority": -1}, {"timestamp": 2**64}, {"reply_to": "x" * 256}],
)
def test_a_value_that_does_not_fit_is_refused(fields):
    with pytest.raises(ValueError, match="fit"):
        encode_properties(**fields)


# Other people's implementations

client_properties = st.fixed_dictionaries(
    {},
    optional={
        name: texts.filter(bool) for name in NAMES if name not in KINDS and name != "cluster_id"
    }
    | {
        "headers": st.dictionaries(
            st.text("abcxyz", min_size=1, max_size=8),
            st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
            min_size=1,
            max_size=4,
        ),
        "delivery_mode": st.sampled_from([1, 2]),
        "priority": octets,
        "timestamp": st.integers(0, 2**32 - 1).map(Timestamp),
    },
)


@given(client_properties)
def test_what_pamqp_encodes_we_read(fields):
    theirs = {"message_type" if name == "type" else name: fields[name] for name in fields}
    if "timestamp" in fields:
        theirs["timestamp"] = datetime.fromtimestamp(fields["timestamp"], UTC)
    raw = pamqp.commands.Basic.Properties(**theirs).marshal()
    assert Properties(raw).fields() == fields


@given(client_properties)
def test_what_pika_encodes_we_read(fields):
    raw = b"".join(pika.spec.BasicProperties(**fields).encode())
    assert Properties(raw).fields() == fields


@given(client_properties)
def test_what_we_encode_pika_reads(fields):
    theirs = pika.spec.BasicProperties()
    theirs.decode(encode_properties(**fields))
    for name in NAMES:
        assert getattr(theirs, name) == fields.get(name)
