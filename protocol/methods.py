"""The methods of AMQP 0-9-1 and of RabbitMQ's extensions to it, one class each.

A method on the wire is class id, method id (2 bytes each) and the arguments in the order of the
specification, without names or types:

    decode_method(payload) -> QueueDeclare(queue="tasks", durable=True, ...)
    QueueDeclare(queue="tasks").encode() -> payload

The classes below are the table of the specification: the numbers in the decorator, the arguments as
fields whose annotations are the types of the wire; codec.py makes the rest of it, with `name`
derived from the class name: QueueDeclareOk is "queue.declare-ok". Every field has a default, so
that one writes only what one means.

Names are those of the specification, with these exceptions: fields that RabbitMQ took back into use
have their names back (`auto_delete` and `internal` of exchange.declare), `global` is a word of
Python (`global_`), and the class and method that connection.close and channel.close complain of
are `failing_class_id` and `failing_method_id`.

Strict as RabbitMQ: bytes after the last argument, a missing octet of bits, a short string that is
no UTF-8 are all FrameError. (RabbitMQ lets bad UTF-8 pass in methods with content, to save time; we
have to make text of it, so we do not.) Only bits without a meaning are ignored.

This is the cold half: the frames of publish, deliver and ack pass by here only when they are
unusual. What is done per message is done by reader.py, and tested against this module.
"""

from dataclasses import field
from struct import Struct

from warrener.protocol.codec import Method, method
from warrener.protocol.errors import CommandInvalid, FrameError
from warrener.protocol.fields import (
    Bit,
    Long,
    LongLong,
    LongStr,
    Octet,
    RelayedStr,
    Short,
    ShortStr,
)
from warrener.protocol.tables import Table

_IDS = Struct(">HH")


def decode_method(payload: bytes) -> Method:
    """Read the payload of a method frame.

    Raises:
        CommandInvalid: there is no such method.
        FrameError: the arguments are not those of the method.
    """
    if len(payload) < _IDS.size:
        raise FrameError(f"a method frame of {len(payload)} bytes names no method")
    class_id, method_id = _IDS.unpack_from(payload)
    found = METHODS.get(class_id << 16 | method_id)
    if found is None:
        raise CommandInvalid(f"unknown method {class_id}.{method_id}", class_id, method_id)
    try:
        return found.decode_arguments(payload, _IDS.size)
    except FrameError as error:
        raise FrameError(f"{found.name}: {error.text}", class_id, method_id) from error


@method(10, 10, synchronous=True)
class ConnectionStart(Method):
    version_major: Octet = 0
    version_minor: Octet = 9
    server_properties: Table = field(default_factory=dict)
    mechanisms: LongStr = b"PLAIN"
    locales: LongStr = b"en_US"


@method(10, 11)
class ConnectionStartOk(Method):
    client_properties: Table = field(default_factory=dict)
    mechanism: ShortStr = ""
    response: LongStr = b""
    locale: ShortStr = ""


@method(10, 20, synchronous=True)
class ConnectionSecure(Method):
    challenge: LongStr = b""


@method(10, 21)
class ConnectionSecureOk(Method):
    response: LongStr = b""


@method(10, 30, synchronous=True)
class ConnectionTune(Method):
    channel_max: Short = 0
    frame_max: Long = 0
    heartbeat: Short = 0


@method(10, 31)
class ConnectionTuneOk(Method):
    channel_max: Short = 0
    frame_max: Long = 0
    heartbeat: Short = 0


@method(10, 40, synchronous=True)
class ConnectionOpen(Method):
    virtual_host: ShortStr = "/"
    reserved_1: ShortStr = ""
    reserved_2: Bit = False


@method(10, 41)
class ConnectionOpenOk(Method):
    reserved_1: ShortStr = ""


@method(10, 50, synchronous=True)
class ConnectionClose(Method):
    reply_code: Short = 0
    reply_text: ShortStr = ""
    failing_class_id: Short = 0
    failing_method_id: Short = 0


@method(10, 51)
class ConnectionCloseOk(Method): ...


# RabbitMQ's: told only to a client that announced the capability.
@method(10, 60)
class ConnectionBlocked(Method):
    reason: ShortStr = ""


@method(10, 61)
class ConnectionUnblocked(Method): ...


# RabbitMQ's: a new password or token for a connection that lasts longer than the old one.
@method(10, 70, synchronous=True)
class ConnectionUpdateSecret(Method):
    new_secret: LongStr = b""
    reason: ShortStr = ""


@method(10, 71)
class ConnectionUpdateSecretOk(Method): ...


@method(20, 10, synchronous=True)
class ChannelOpen(Method):
    reserved_1: ShortStr = ""


@method(20, 11)
class ChannelOpenOk(Method):
    reserved_1: LongStr = b""


@method(20, 20, synchronous=True)
class ChannelFlow(Method):
    active: Bit = False


@method(20, 21)
class ChannelFlowOk(Method):
    active: Bit = False


@method(20, 40, synchronous=True)
class ChannelClose(Method):
    reply_code: Short = 0
    reply_text: ShortStr = ""
    failing_class_id: Short = 0
    failing_method_id: Short = 0


@method(20, 41)
class ChannelCloseOk(Method): ...


# Class access: gone from 0-9-1, still sent by clients that began with 0-8. The ticket it hands out
# is what `reserved_1` once was in the methods below.
@method(30, 10, synchronous=True)
class AccessRequest(Method):
    realm: ShortStr = "/data"
    exclusive: Bit = False
    passive: Bit = True
    active: Bit = True
    write: Bit = True
    read: Bit = True


@method(30, 11)
class AccessRequestOk(Method):
    ticket: Short = 1


@method(40, 10, synchronous=True)
class ExchangeDeclare(Method):
    reserved_1: Short = 0
    exchange: ShortStr = ""
    type: ShortStr = "direct"
    passive: Bit = False
    durable: Bit = False
    auto_delete: Bit = False
    internal: Bit = False
    no_wait: Bit = False
    arguments: Table = field(default_factory=dict)


@method(40, 11)
class ExchangeDeclareOk(Method): ...


@method(40, 20, synchronous=True)
class ExchangeDelete(Method):
    reserved_1: Short = 0
    exchange: ShortStr = ""
    if_unused: Bit = False
    no_wait: Bit = False


@method(40, 21)
class ExchangeDeleteOk(Method): ...


# RabbitMQ's: bindings between exchanges.
@method(40, 30, synchronous=True)
class ExchangeBind(Method):
    reserved_1: Short = 0
    destination: ShortStr = ""
    source: ShortStr = ""
    routing_key: ShortStr = ""
    no_wait: Bit = False
    arguments: Table = field(default_factory=dict)


@method(40, 31)
class ExchangeBindOk(Method): ...


@method(40, 40, synchronous=True)
class ExchangeUnbind(Method):
    reserved_1: Short = 0
    destination: ShortStr = ""
    source: ShortStr = ""
    routing_key: ShortStr = ""
    no_wait: Bit = False
    arguments: Table = field(default_factory=dict)


# 51, not the 41 one would expect: RabbitMQ chose it, and the clients go by it.
@method(40, 51)
class ExchangeUnbindOk(Method): ...


@method(50, 10, synchronous=True)
class QueueDeclare(Method):
    reserved_1: Short = 0
    queue: ShortStr = ""
    passive: Bit = False
    durable: Bit = False
    exclusive: Bit = False
    auto_delete: Bit = False
    no_wait: Bit = False
    arguments: Table = field(default_factory=dict)


@method(50, 11)
class QueueDeclareOk(Method):
    queue: ShortStr = ""
    message_count: Long = 0
    consumer_count: Long = 0


@method(50, 20, synchronous=True)
class QueueBind(Method):
    reserved_1: Short = 0
    queue: ShortStr = ""
    exchange: ShortStr = ""
    routing_key: ShortStr = ""
    no_wait: Bit = False
    arguments: Table = field(default_factory=dict)


@method(50, 21)
class QueueBindOk(Method): ...


@method(50, 30, synchronous=True)
class QueuePurge(Method):
    reserved_1: Short = 0
    queue: ShortStr = ""
    no_wait: Bit = False


@method(50, 31)
class QueuePurgeOk(Method):
    message_count: Long = 0


@method(50, 40, synchronous=True)
class QueueDelete(Method):
    reserved_1: Short = 0
    queue: ShortStr = ""
    if_unused: Bit = False
    if_empty: Bit = False
    no_wait: Bit = False


@method(50, 41)
class QueueDeleteOk(Method):
    message_count: Long = 0


@method(50, 50, synchronous=True)
class QueueUnbind(Method):
    reserved_1: Short = 0
    queue: ShortStr = ""
    exchange: ShortStr = ""
    routing_key: ShortStr = ""
    arguments: Table = field(default_factory=dict)


@method(50, 51)
class QueueUnbindOk(Method): ...


@method(60, 10, synchronous=True)
class BasicQos(Method):
    prefetch_size: Long = 0
    prefetch_count: Short = 0
    global_: Bit = False


@method(60, 11)
class BasicQosOk(Method): ...


@method(60, 20, synchronous=True)
class BasicConsume(Method):
    reserved_1: Short = 0
    queue: ShortStr = ""
    consumer_tag: ShortStr = ""
    no_local: Bit = False
    no_ack: Bit = False
    exclusive: Bit = False
    no_wait: Bit = False
    arguments: Table = field(default_factory=dict)


@method(60, 21)
class BasicConsumeOk(Method):
    consumer_tag: ShortStr = ""


@method(60, 30, synchronous=True)
class BasicCancel(Method):
    consumer_tag: ShortStr = ""
    no_wait: Bit = False


@method(60, 31)
class BasicCancelOk(Method):
    consumer_tag: ShortStr = ""


@method(60, 40, has_content=True)
class BasicPublish(Method):
    reserved_1: Short = 0
    exchange: ShortStr = ""
    routing_key: RelayedStr = ""
    mandatory: Bit = False
    immediate: Bit = False


@method(60, 50, has_content=True)
class BasicReturn(Method):
    reply_code: Short = 0
    reply_text: ShortStr = ""
    exchange: ShortStr = ""
    routing_key: RelayedStr = ""


@method(60, 60, has_content=True)
class BasicDeliver(Method):
    consumer_tag: ShortStr = ""
    delivery_tag: LongLong = 0
    redelivered: Bit = False
    exchange: ShortStr = ""
    routing_key: RelayedStr = ""


@method(60, 70, synchronous=True)
class BasicGet(Method):
    reserved_1: Short = 0
    queue: ShortStr = ""
    no_ack: Bit = False


@method(60, 71, has_content=True)
class BasicGetOk(Method):
    delivery_tag: LongLong = 0
    redelivered: Bit = False
    exchange: ShortStr = ""
    routing_key: RelayedStr = ""
    message_count: Long = 0


@method(60, 72)
class BasicGetEmpty(Method):
    reserved_1: ShortStr = ""


@method(60, 80)
class BasicAck(Method):
    delivery_tag: LongLong = 0
    multiple: Bit = False


@method(60, 90)
class BasicReject(Method):
    delivery_tag: LongLong = 0
    requeue: Bit = True


# The answerless form of recover, out of use since 0-9-1 has the other.
@method(60, 100)
class BasicRecoverAsync(Method):
    requeue: Bit = False


@method(60, 110, synchronous=True)
class BasicRecover(Method):
    requeue: Bit = False


@method(60, 111)
class BasicRecoverOk(Method): ...


# RabbitMQ's: sent by consumers, and by a broker that could not take a published message.
@method(60, 120)
class BasicNack(Method):
    delivery_tag: LongLong = 0
    multiple: Bit = False
    requeue: Bit = True


@method(90, 10, synchronous=True)
class TxSelect(Method): ...


@method(90, 11)
class TxSelectOk(Method): ...


@method(90, 20, synchronous=True)
class TxCommit(Method): ...


@method(90, 21)
class TxCommitOk(Method): ...


@method(90, 30, synchronous=True)
class TxRollback(Method): ...


@method(90, 31)
class TxRollbackOk(Method): ...


# RabbitMQ's: a broker that answers for each message published on the channel.
@method(85, 10, synchronous=True)
class ConfirmSelect(Method):
    no_wait: Bit = False


@method(85, 11)
class ConfirmSelectOk(Method): ...


METHODS: dict[int, type[Method]] = {
    described.id: described
    for described in list(vars().values())
    if isinstance(described, type) and issubclass(described, Method) and described is not Method
}
