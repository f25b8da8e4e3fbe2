import re
from dataclasses import fields

import pamqp.commands
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warrener.protocol.errors import CommandInvalid, FrameError
from warrener.protocol.fields import (
    BIT,
    LONG,
    LONG_LONG,
    LONG_STRING,
    OCTET,
    RELAYED_STRING,
    SHORT,
    SHORT_STRING,
)
from warrener.protocol.methods import (
    METHODS,
    AccessRequest,
    AccessRequestOk,
    BasicAck,
    BasicReject,
    ChannelClose,
    ConnectionOpen,
    ConnectionStart,
    ExchangeDeclare,
    QueueDeclare,
    decode_method,
)
from warrener.protocol.tables import TABLE, encode_table

# The specification with RabbitMQ's extensions: class, method, S for synchronous and C for content,
# name, and the types of the arguments (o octet, h short, l long, q longlong, s shortstr,
# S longstr, b bit, t table) and their names, in order, as pamqp has them. A shortstr that is
# relayed, and may be any bytes, is r. An indented line goes on with the names.
SPECIFICATION = """
10  10 S connection.start            ootSS     version_major version_minor server_properties
                                           mechanisms locales
10  11 - connection.start-ok         tsSs      client_properties mechanism response locale
10  20 S connection.secure           S         challenge
10  21 - connection.secure-ok        S         response
10  30 S connection.tune             hlh       channel_max frame_max heartbeat
10  31 - connection.tune-ok          hlh       channel_max frame_max heartbeat
10  40 S connection.open             ssb       virtual_host capabilities insist
10  41 - connection.open-ok          s         known_hosts
10  50 S connection.close            hshh      reply_code reply_text class_id method_id
10  51 - connection.close-ok
10  60 - connection.blocked          s         reason
10  61 - connection.unblocked
10  70 S connection.update-secret    Ss        new_secret reason
10  71 - connection.update-secret-ok
20  10 S channel.open                s         out_of_band
20  11 - channel.open-ok             S         channel_id
20  20 S channel.flow                b         active
20  21 - channel.flow-ok             b         active
20  40 S channel.close               hshh      reply_code reply_text class_id method_id
20  41 - channel.close-ok
30  10 S access.request              sbbbbb    realm exclusive passive active write read
30  11 - access.request-ok           h         ticket
40  10 S exchange.declare            hssbbbbbt ticket exchange exchange_type passive durable
                                           auto_delete internal nowait arguments
40  11 - exchange.declare-ok
40  20 S exchange.delete             hsbb      ticket exchange if_unused nowait
40  21 - exchange.delete-ok
40  30 S exchange.bind               hsssbt    ticket destination source routing_key nowait
                                           arguments
40  31 - exchange.bind-ok
40  40 S exchange.unbind             hsssbt    ticket destination source routing_key nowait
                                           arguments
40  51 - exchange.unbind-ok
50  10 S queue.declare               hsbbbbbt  ticket queue passive durable exclusive auto_delete
                                           nowait arguments
50  11 - queue.declare-ok            sll       queue message_count consumer_count
50  20 S queue.bind                  hsssbt    ticket queue exchange routing_key nowait arguments
50  21 - queue.bind-ok
50  30 S queue.purge                 hsb       ticket queue nowait
50  31 - queue.purge-ok              l         message_count
50  40 S queue.delete                hsbbb     ticket queue if_unused if_empty nowait
50  41 - queue.delete-ok             l         message_count
50  50 S queue.unbind                hssst     ticket queue exchange routing_key arguments
50  51 - queue.unbind-ok
60  10 S basic.qos                   lhb       prefetch_size prefetch_count global_
60  11 - basic.qos-ok
60  20 S basic.consume               hssbbbbt  ticket queue consumer_tag no_local no_ack
                                           exclusive nowait arguments
60  21 - basic.consume-ok            s         consumer_tag
60  30 S basic.cancel                sb        consumer_tag nowait
60  31 - basic.cancel-ok             s         consumer_tag
60  40 C basic.publish               hsrbb     ticket exchange routing_key mandatory immediate
60  50 C basic.return                hssr      reply_code reply_text exchange routing_key
60  60 C basic.deliver               sqbsr     consumer_tag delivery_tag redelivered exchange
                                           routing_key
60  70 S basic.get                   hsb       ticket queue no_ack
60  71 C basic.get-ok                qbsrl     delivery_tag redelivered exchange routing_key
                                           message_count
60  72 - basic.get-empty             s         cluster_id
60  80 - basic.ack                   qb        delivery_tag multiple
60  90 - basic.reject                qb        delivery_tag requeue
60 100 - basic.recover-async         b         requeue
60 110 S basic.recover               b         requeue
60 111 - basic.recover-ok
60 120 - basic.nack                  qbb       delivery_tag multiple requeue
85  10 S confirm.select              b         nowait
85  11 - confirm.select-ok
90  10 S tx.select
90  11 - tx.select-ok
90  20 S tx.commit
90  21 - tx.commit-ok
90  30 S tx.rollback
90  31 - tx.rollback-ok
"""

FIELD_TYPES = {
    "o": OCTET,
    "h": SHORT,
    "l": LONG,
    "q": LONG_LONG,
    "s": SHORT_STRING,
    "r": RELAYED_STRING,
    "S": LONG_STRING,
    "b": BIT,
    "t": TABLE,
}

# Where our name for a field is neither the one of pamqp nor a mere `reserved_1`.
OUR_NAMES = {
    "nowait": "no_wait",
    "exchange_type": "type",
    "class_id": "failing_class_id",
    "method_id": "failing_method_id",
}
RESERVED = {
    "ticket",
    "capabilities",
    "insist",
    "known_hosts",
    "out_of_band",
    "channel_id",
    "cluster_id",
}


def rows():
    for line in re.sub(r"\n +", " ", SPECIFICATION.strip()).splitlines():
        class_id, method_id, kind, name, *rest = line.split()
        types, names = (rest[0], rest[1:]) if rest else ("", [])
        yield pytest.param(int(class_id), int(method_id), kind, name, types, names, id=name)


COLUMNS = ("class_id", "method_id", "kind", "name", "types", "names")


@pytest.mark.parametrize(COLUMNS, list(rows()))
def test_each_method_is_the_one_of_the_specification(class_id, method_id, kind, name, types, names):
    described = METHODS[class_id << 16 | method_id]
    assert (described.class_id, described.method_id) == (class_id, method_id)
    assert described.id == class_id << 16 | method_id
    assert described.name == name
    assert (described.synchronous, described.has_content) == (kind == "S", kind == "C")
    assert [f.type.__metadata__[0] for f in fields(described)] == [FIELD_TYPES[t] for t in types]
    for ours, theirs in zip(fields(described), names, strict=True):
        reserved = theirs in RESERVED and class_id != 30
        assert ours.name == OUR_NAMES.get(theirs, theirs) or (
            reserved and ours.name.startswith("reserved_")
        )


def test_no_method_is_missing_from_the_table_and_none_is_beyond_it():
    assert len(METHODS) == len(list(rows())) == 66


# Round trips

each_method = pytest.mark.parametrize(
    "described", METHODS.values(), ids=lambda described: described.name
)
# There are 66 methods, and the codecs of the field types have tests of their own.
few_examples = settings(max_examples=25)

short_texts = st.text(max_size=60).filter(lambda text: len(text.encode("utf-8")) <= 255)
VALUES = {
    OCTET: st.integers(0, 2**8 - 1),
    SHORT: st.integers(0, 2**16 - 1),
    LONG: st.integers(0, 2**32 - 1),
    LONG_LONG: st.integers(0, 2**64 - 1),
    SHORT_STRING: short_texts,
    RELAYED_STRING: st.binary(max_size=255).map(lambda b: b.decode("utf-8", "surrogateescape")),
    LONG_STRING: st.binary(),
    BIT: st.booleans(),
    TABLE: st.dictionaries(
        short_texts,
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.text()
        | st.lists(st.text()),
        max_size=3,
    ),
}


def instances_of(described):
    return st.builds(described, *(VALUES[f.type.__metadata__[0]] for f in fields(described)))


@each_method
@few_examples
@given(st.data())
def test_each_method_is_decoded_as_it_was_encoded(described, data):
    method = data.draw(instances_of(described))
    decoded = decode_method(method.encode())
    assert type(decoded) is described
    assert decoded == method


@each_method
@few_examples
@given(st.data())
def test_each_method_cut_anywhere_is_a_frame_error(described, data):
    payload = data.draw(instances_of(described)).encode()
    for end in range(len(payload)):
        with pytest.raises(FrameError):
            decode_method(payload[:end])


@given(st.sampled_from(sorted(METHODS)), st.binary(max_size=60))
def test_any_arguments_are_a_method_or_a_frame_error(method_id, arguments):
    try:
        method = decode_method(method_id.to_bytes(4, "big") + arguments)
    except FrameError:
        return
    assert method.id == method_id


# pamqp takes a long string for text, a longlong for signed, and sorts the names of a table. What is
# reserved it accepts with its own values only, so those come from there.

UNKNOWN_TO_PAMQP = {"access.request", "access.request-ok"}

PAMQP_VALUES = VALUES | {
    SHORT_STRING: st.text("abc-_.:", max_size=20),
    RELAYED_STRING: st.text("abc-_.:", max_size=20),
    LONG_STRING: st.text(max_size=20),
    LONG_LONG: st.integers(0, 2**63 - 1),
    TABLE: st.dictionaries(st.text("abc", max_size=5), st.booleans() | st.text(), max_size=3).map(
        lambda table: dict(sorted(table.items()))
    ),
}


@pytest.mark.filterwarnings("ignore:This command is deprecated:DeprecationWarning")
@pytest.mark.parametrize(COLUMNS, [row for row in rows() if row.id not in UNKNOWN_TO_PAMQP])
@few_examples
@given(data=st.data())
def test_each_method_is_encoded_as_pamqp_encodes_it(
    class_id, method_id, kind, name, types, names, data
):
    theirs = pamqp.commands.INDEX_MAPPING[class_id << 16 | method_id](
        **{
            name: data.draw(PAMQP_VALUES[FIELD_TYPES[field_type]])
            for name, field_type in zip(names, types, strict=True)
            if name not in RESERVED
        }
    )
    values = (getattr(theirs, name) for name in names)
    ours = METHODS[class_id << 16 | method_id](
        *(
            value.encode() if field_type == "S" else value
            for value, field_type in zip(values, types, strict=True)
        )
    )
    assert ours.encode()[4:] == theirs.marshal()
    assert theirs.synchronous == ours.synchronous


# By hand


def test_queue_declare_octet_by_octet():
    payload = (
        b"\x00\x32\x00\x0a"  # queue.declare
        b"\x00\x00"  # reserved
        b"\x05tasks"
        b"\x12"  # durable, no-wait
        b"\x00\x00\x00\x04\x01at\x01"
    )
    declare = QueueDeclare(queue="tasks", durable=True, no_wait=True, arguments={"a": True})
    assert decode_method(payload) == declare
    assert declare.encode() == payload


def test_access_request_octet_by_octet():
    payload = b"\x00\x1e\x00\x0a\x05/data\x1e"
    assert decode_method(payload) == AccessRequest("/data", passive=True, active=True)
    assert decode_method(b"\x00\x1e\x00\x0b\x00\x01") == AccessRequestOk(ticket=1)


def test_an_unknown_method_is_command_invalid():
    with pytest.raises(CommandInvalid, match=r"unknown method 60\.99") as caught:
        decode_method(b"\x00\x3c\x00\x63")
    assert (caught.value.class_id, caught.value.method_id) == (60, 99)


@pytest.mark.parametrize("payload", [b"", b"\x00\x3c\x00"])
def test_a_payload_without_a_method_is_a_frame_error(payload):
    with pytest.raises(FrameError, match="names no method"):
        decode_method(payload)


def test_a_frame_error_says_which_method_could_not_be_read():
    with pytest.raises(FrameError, match=r"^basic\.ack: ") as caught:
        decode_method(BasicAck(7).encode()[:-1])
    assert (caught.value.class_id, caught.value.method_id) == (60, 80)


def test_bytes_after_the_last_argument_are_a_frame_error():
    with pytest.raises(FrameError, match="after the last argument"):
        decode_method(BasicAck(7).encode() + b"\x00")


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x00\x32\x00\x1e\x00\x00\x02\xc3\x28\x00", id="queue.purge"),
        pytest.param(b"\x00\x3c\x00\x28\x00\x00\x02\xc3\x28\x00\x00", id="basic.publish"),
    ],
)
def test_a_name_that_is_no_utf8_is_a_frame_error(payload):
    with pytest.raises(FrameError, match="UTF-8"):
        decode_method(payload)


def test_a_table_that_is_no_table_is_a_frame_error():
    payload = QueueDeclare(arguments={"a": 1}).encode()
    with pytest.raises(FrameError, match="unknown tag"):
        decode_method(payload.replace(b"I", b"?"))


def test_a_table_may_not_reach_into_the_next_field():
    start = ConnectionStart(server_properties={}, mechanisms=b"PLAIN")
    damaged = start.encode().replace(encode_table({}), b"\x00\x00\x00\xff", 1)
    with pytest.raises(FrameError, match="255 bytes due"):
        decode_method(damaged)


def test_defaults_are_what_a_client_means_by_saying_nothing():
    assert ExchangeDeclare(exchange="e").type == "direct"
    assert BasicReject(delivery_tag=1).requeue
    assert ConnectionOpen().virtual_host == "/"


def test_methods_of_one_class_do_not_share_their_default_table():
    assert QueueDeclare().arguments is not QueueDeclare().arguments


def test_a_close_says_what_failed_beside_what_it_is():
    close = ChannelClose(404, "NOT_FOUND - no queue", 50, 10)
    assert (close.failing_class_id, close.failing_method_id) == (50, 10)
    assert (close.class_id, close.method_id) == (20, 40)
