import struct

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import PLAIN_GUEST, Client, HeldStore, Wire, encode, publication
from warrener import __version__
from warrener.protocol import methods as m
from warrener.protocol.frames import HEADER, HEARTBEAT_FRAME, METHOD, PROTOCOL_HEADER, frame
from warrener.protocol.tables import encode_table


def refused_login(mechanism: str) -> m.ConnectionClose:
    return m.ConnectionClose(
        403,
        f"ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. "
        "For details see the broker logfile.",
    )


def start(wire: Wire, **options: bool) -> Client:
    """A client that has been offered a login."""
    client = wire.connect(**options)
    client.send_bytes(PROTOCOL_HEADER)
    assert [type(item) for item in client.received(0)] == [m.ConnectionStart]
    return client


def log_in(
    client: Client,
    response: bytes = PLAIN_GUEST,
    mechanism: str = "PLAIN",
    capabilities: object = None,
) -> list[object]:
    properties = {} if capabilities is None else {"capabilities": capabilities}
    client.send(0, m.ConnectionStartOk(properties, mechanism, response, "en_US"))
    return client.received(0)


def logged_in(wire: Wire) -> Client:
    """A client that has to tune."""
    client = start(wire)
    log_in(client)
    return client


def closed_with(client: Client) -> int:
    """The reply code of the close that is all that has come; the client confirms it."""
    ((number, close),) = client.received()
    assert number == 0
    assert isinstance(close, m.ConnectionClose)
    if not client.closed:
        client.send(0, m.ConnectionCloseOk())
    assert client.closed
    return close.reply_code


# The protocol header


def test_the_protocol_header_is_answered_with_start():
    client = Wire(heartbeat_s=30).connect()
    client.send_bytes(PROTOCOL_HEADER)
    ((number, begun),) = client.received()
    assert number == 0
    assert (begun.version_major, begun.version_minor) == (0, 9)
    assert begun.mechanisms.split() == [b"PLAIN", b"AMQPLAIN"]
    assert begun.locales == b"en_US"


def test_start_says_who_the_broker_is_and_what_it_can():
    client = Wire().connect()
    client.send_bytes(PROTOCOL_HEADER)
    ((_, begun),) = client.received()
    properties = begun.server_properties
    assert (properties["product"], properties["version"]) == ("Warrener", __version__)
    assert set(properties["capabilities"].values()) == {True}
    assert properties["capabilities"].keys() >= {
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "authentication_failure_close",
        "per_consumer_qos",
    }


def test_a_broker_may_be_announced_as_the_one_it_is_like():
    client = Wire(announced_product="RabbitMQ").connect()
    client.send_bytes(PROTOCOL_HEADER)
    ((_, begun),) = client.received()
    properties = begun.server_properties
    assert (properties["product"], properties["version"]) == ("RabbitMQ", "3.13.7")
    assert properties["product_name"] == "Warrener"
    assert properties["product_version"] == __version__


@pytest.mark.parametrize(
    ("options", "sync"),
    [({}, "always"), ({"sync": "interval:5"}, "interval:5"), ({"memory": True}, "never")],
)
def test_start_says_when_a_confirmed_message_is_on_disk(options, sync):
    client = Wire(**options).connect()
    client.send_bytes(PROTOCOL_HEADER)
    ((_, begun),) = client.received()
    assert begun.server_properties["sync"] == sync


def test_the_protocol_header_may_come_in_pieces():
    client = Wire().connect()
    for at in range(len(PROTOCOL_HEADER)):
        assert client.received() == []
        client.send_bytes(PROTOCOL_HEADER[at : at + 1])
    assert [item.name for item in client.received(0)] == ["connection.start"]


def test_what_follows_the_protocol_header_at_once_is_read():
    client = Wire().connect()
    client.send_bytes(
        PROTOCOL_HEADER
        + encode(
            0,
            m.ConnectionStartOk({}, "PLAIN", PLAIN_GUEST, "en_US"),
            m.ConnectionTuneOk(),
            m.ConnectionOpen("/"),
        )
        + encode(1, m.ChannelOpen())
    )
    assert [(number, item.name) for number, item in client.received()] == [
        (0, "connection.start"),
        (0, "connection.tune"),
        (0, "connection.open-ok"),
        (1, "channel.open-ok"),
    ]


def test_a_large_publish_may_follow_the_handshake_at_once():
    client = Wire().connect()
    client.send_bytes(
        PROTOCOL_HEADER
        + encode(
            0,
            m.ConnectionStartOk({}, "PLAIN", PLAIN_GUEST, "en_US"),
            m.ConnectionTuneOk(),
            m.ConnectionOpen("/"),
        )
        + encode(1, m.ChannelOpen(), m.QueueDeclare(queue="q"))
        + publication(1, "", "q", bytes(200_000))
    )
    client.send(1, m.BasicGet(queue="q"))
    assert len(client.received(1)[-1].body) == 200_000


def test_the_header_of_0_9_is_taken_for_that_of_0_9_1():
    client = Wire().connect()
    client.send_bytes(b"AMQP\x01\x01\x00\x09")
    assert [item.name for item in client.received(0)] == ["connection.start"]


@pytest.mark.parametrize(
    "header",
    [
        b"AMQP\x00\x00\x09\x00",
        b"AMQP\x01\x01\x08\x00",
        b"AMQP\x00\x01\x00\x00",
        b"AMQP\x03\x01\x00\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello",
    ],
    ids=["0-9 without revision", "0-8", "1.0", "1.0 with SASL", "TLS", "text"],
)
def test_another_protocol_is_told_ours_and_the_socket_is_closed(header):
    client = Wire().connect()
    client.send_bytes(header)
    assert client.inbox.raw == PROTOCOL_HEADER
    assert client.closed


def test_another_protocol_is_found_out_by_the_first_byte_that_differs():
    client = Wire().connect()
    client.send_bytes(b"AMQP\x00\x00")
    assert not client.closed
    client.send_bytes(b"\x08")
    assert (client.inbox.raw, client.closed) == (PROTOCOL_HEADER, True)


@pytest.mark.parametrize("verb", [b"GET", b"POST", b"PUT", b"HEAD"])
def test_a_browser_is_told_in_its_own_language(verb):
    client = Wire().connect()
    client.send_bytes(verb + b" /api/queues HTTP/1.1\r\nHost: localhost:5672\r\n\r\n")
    answer, _, text = client.inbox.raw.partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Connection: close" in answer
    assert b"AMQP" in text
    assert client.closed


# Login


def test_a_handshake_with_plain_opens_the_connection():
    client = start(Wire(heartbeat_s=7))
    assert log_in(client) == [m.ConnectionTune(2047, 131072, 7)]
    client.send(0, m.ConnectionTuneOk(100, 8192, 5))
    client.send(0, m.ConnectionOpen("/"))
    assert client.received() == [(0, m.ConnectionOpenOk())]


def test_a_handshake_with_amqplain_opens_the_connection():
    response = encode_table({"LOGIN": "guest", "PASSWORD": "guest"})[4:]
    channel = Wire().login(mechanism="AMQPLAIN", response=response).channel()
    assert channel.queue("q") == "q"


CAN_BE_TOLD = {"authentication_failure_close": True}


@pytest.mark.parametrize("response", [b"\0guest\0wrong", b"\0guest\0", b"\0nobody\0guest", b"\0\0"])
def test_a_wrong_password_is_told_to_a_client_that_understands(response):
    client = start(Wire())
    assert log_in(client, response, capabilities=CAN_BE_TOLD) == [refused_login("PLAIN")]
    client.send(0, m.ConnectionCloseOk())
    assert client.closed


@pytest.mark.parametrize("capabilities", [None, {}, {"authentication_failure_close": False}])
def test_a_wrong_password_closes_the_socket_of_another_after_three_seconds(capabilities):
    wire = Wire()
    client = start(wire)
    assert log_in(client, b"\0guest\0wrong", capabilities=capabilities) == []
    wire.advance(2.9)
    assert not client.closed
    wire.advance(0.2)
    assert client.closed
    assert client.received() == []


def test_a_client_that_was_refused_can_say_nothing_more():
    client = start(Wire())
    log_in(client, b"\0guest\0wrong")
    client.send(0, m.ConnectionTuneOk(), m.ConnectionOpen("/"))
    client.send(1, m.ChannelOpen())
    client.send(0, m.ConnectionStartOk({}, "PLAIN", PLAIN_GUEST, "en_US"))
    assert client.received() == []


def test_guest_may_not_come_from_another_machine():
    client = start(Wire(), from_loopback=False)
    assert log_in(client, capabilities=CAN_BE_TOLD) == [refused_login("PLAIN")]


def test_an_unknown_mechanism_is_an_invalid_command():
    client = start(Wire())
    log = log_in(client, mechanism="EXTERNAL")
    assert [(close.reply_code, close.reply_text) for close in log] == [
        (503, "COMMAND_INVALID - unknown SASL mechanism 'EXTERNAL'")
    ]


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [("PLAIN", b""), ("PLAIN", b"guest"), ("PLAIN", b"\0\xff\0"), ("AMQPLAIN", b"garbage")],
)
def test_a_response_that_cannot_be_read_is_a_syntax_error(mechanism, response):
    client = start(Wire())
    log_in(client, response, mechanism, CAN_BE_TOLD)
    client.send(0, m.ConnectionCloseOk())
    assert client.closed


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [("PLAIN", b""), ("PLAIN", b"guest"), ("PLAIN", b"\0\xff\0"), ("AMQPLAIN", b"garbage")],
)
def test_a_response_that_cannot_be_read_is_told_as_502(mechanism, response):
    client = start(Wire())
    (close,) = log_in(client, response, mechanism)
    assert close.reply_code == 502
    assert close.reply_text.startswith("SYNTAX_ERROR - ")


@pytest.mark.parametrize("capabilities", ["many", 1, [True], {"connection.blocked": "yes"}])
def test_capabilities_of_another_form_are_none(capabilities):
    client = start(Wire())
    assert log_in(client, b"\0guest\0wrong", capabilities=capabilities) == []


def test_a_login_of_more_than_8192_bytes_is_a_frame_error():
    client = start(Wire())
    client.send(0, m.ConnectionStartOk({"x": "y" * 8192}, "PLAIN", PLAIN_GUEST, "en_US"))
    ((_, close),) = client.received()
    assert close.reply_code == 501
    assert client.closed


# Tuning


@pytest.mark.parametrize("tune", [(0, 0, 0), (2047, 131072, 60), (1, 4096, 1), (0, 8192, 0)])
def test_a_client_may_take_the_offer_or_less(tune):
    client = logged_in(Wire())
    client.send(0, m.ConnectionTuneOk(*tune))
    client.send(0, m.ConnectionOpen("/"))
    assert client.received(0) == [m.ConnectionOpenOk()]


@pytest.mark.parametrize(
    ("tune", "text"),
    [
        ((0, 131073, 0), "frame_max 131073"),
        ((0, 4095, 0), "frame_max 4095"),
        ((0, 1, 0), "frame_max 1"),
        ((2048, 0, 0), "channel_max 2048"),
    ],
)
def test_a_client_may_not_take_more_than_the_offer_or_too_little(tune, text):
    client = logged_in(Wire())
    client.send(0, m.ConnectionTuneOk(*tune))
    ((_, close),) = client.received()
    assert close.reply_code == 530
    assert text in close.reply_text
    assert (close.failing_class_id, close.failing_method_id) == (10, 31)


def test_a_frame_of_the_negotiated_size_is_read_and_a_larger_one_is_not():
    client = Wire().login(frame_max=4096)
    channel = client.channel()
    channel.queue("q")
    client.send_bytes(publication(1, "", "q", bytes(4088), frame_max=4096))
    assert channel.ready("q") == 1
    client.send_bytes(struct.pack(">BHI", METHOD, 1, 4097))
    assert closed_with(client) == 501


def test_a_channel_number_above_the_negotiated_maximum_is_not_allowed():
    client = Wire().login(channel_max=3)
    client.channel(3)
    client.send(4, m.ChannelOpen())
    ((_, close),) = client.received()
    assert close.reply_code == 530
    assert (close.failing_class_id, close.failing_method_id) == (20, 10)


def test_a_publish_above_the_highest_channel_is_not_allowed():
    client = Wire().login(channel_max=3)
    client.send_bytes(publication(4, "", "q", b"x"))
    assert closed_with(client) == 530


# Opening


def test_an_unknown_virtual_host_is_not_allowed():
    client = logged_in(Wire())
    client.send(0, m.ConnectionTuneOk())
    client.send(0, m.ConnectionOpen("staging"))
    assert client.received(0) == [
        m.ConnectionClose(530, "NOT_ALLOWED - vhost staging not found", 10, 40)
    ]


@pytest.mark.parametrize("channel", [0, 1])
def test_a_method_before_the_connection_is_open_is_an_error(channel):
    client = logged_in(Wire())
    client.send(0, m.ConnectionTuneOk())
    client.send(channel, m.ChannelOpen())
    assert closed_with(client) == 504


def test_a_publish_before_the_connection_is_open_is_an_error():
    client = start(Wire())
    client.send_bytes(publication(1, "", "q", b"x"))
    assert closed_with(client) == 504


@pytest.mark.parametrize(
    "method",
    [
        m.ConnectionStartOk({}, "PLAIN", PLAIN_GUEST, "en_US"),
        m.ConnectionTuneOk(),
        m.ConnectionOpen("/"),
        m.ConnectionCloseOk(),
    ],
    ids=lambda method: method.name,
)
def test_a_method_of_the_handshake_after_it_is_an_error(method):
    client = Wire().login()
    client.send(0, method)
    ((_, close),) = client.received()
    assert close.reply_code == 504
    assert (close.failing_class_id, close.failing_method_id) == (10, method.method_id)


def test_a_new_secret_is_taken_note_of():
    client = Wire().login()
    client.send(0, m.ConnectionUpdateSecret(b"new", "expired"))
    assert client.received() == [(0, m.ConnectionUpdateSecretOk())]


def test_a_client_may_leave_in_the_middle_of_the_handshake():
    client = logged_in(Wire())
    client.send(0, m.ConnectionClose(200, "changed my mind"))
    assert client.received() == [(0, m.ConnectionCloseOk())]


# Channels and methods


def test_a_method_on_a_channel_that_is_not_open_is_an_error():
    client = Wire().login()
    client.send(7, m.QueueDeclare(queue="q"))
    ((_, close),) = client.received()
    assert close.reply_code == 504
    assert (close.failing_class_id, close.failing_method_id) == (50, 10)


def test_an_ack_on_a_channel_that_is_not_open_is_an_error():
    client = Wire().login()
    client.send(7, m.BasicAck(1))
    ((_, close),) = client.received()
    assert close.reply_code == 504
    assert (close.failing_class_id, close.failing_method_id) == (60, 80)


def test_a_publish_on_a_channel_that_is_not_open_is_an_error():
    client = Wire().login()
    client.send_bytes(publication(7, "", "q", b"x"))
    ((_, close),) = client.received()
    assert close.reply_code == 504
    assert (close.failing_class_id, close.failing_method_id) == (60, 40)


def test_a_second_open_of_a_channel_is_an_error():
    client = Wire().login()
    client.channel(1)
    client.send(1, m.ChannelOpen())
    assert closed_with(client) == 504


@pytest.mark.parametrize("payload", [b"\x00\x32\x00\x63", b"\x00\x63\x00\x01"])
def test_a_method_that_does_not_exist_is_an_invalid_command(payload):
    client = Wire().login()
    client.channel(1)
    client.send_bytes(frame(METHOD, 1, payload))
    ((_, close),) = client.received()
    assert close.reply_code == 503
    ids = (close.failing_class_id, close.failing_method_id)
    assert ids == struct.unpack(">HH", payload)


def test_a_method_of_connection_on_a_channel_is_an_invalid_command():
    client = Wire().login()
    client.channel(1)
    client.send(1, m.ConnectionClose(200, "bye"))
    assert closed_with(client) == 503


def test_a_method_of_a_channel_on_channel_zero_is_an_error():
    client = Wire().login()
    client.send(0, m.QueueDeclare(queue="q"))
    assert closed_with(client) == 504


@pytest.mark.parametrize(
    "method",
    [m.QueueDeclareOk("q"), m.BasicDeliver("c", 1), m.ChannelOpenOk(), m.ConfirmSelectOk()],
    ids=lambda method: method.name,
)
def test_a_method_that_only_servers_send_is_an_invalid_command(method):
    client = Wire().login()
    client.channel(1).send(method)
    assert closed_with(client) == 503


def test_arguments_that_cannot_be_decoded_are_a_frame_error():
    client = Wire().login()
    client.channel(1)
    client.send_bytes(frame(METHOD, 1, b"\x00\x32\x00\x0a\x00\x00\xff"))
    ((_, close),) = client.received()
    assert close.reply_code == 501
    assert (close.failing_class_id, close.failing_method_id) == (50, 10)


@pytest.mark.parametrize(
    ("mistake", "code"),
    [
        (b"\x05\x00\x01\x00\x00\x00\x00\xce", 501),
        (frame(METHOD, 1, m.QueueDeclare().encode())[:-1] + b"\x00", 501),
        (struct.pack(">BHI", METHOD, 1, 1 << 20), 501),
        (frame(8, 1, b""), 505),
        (frame(3, 1, b"body"), 505),
        (publication(1, "", "q", b"x")[:-20] + frame(METHOD, 1, m.QueueDeclare().encode()), 501),
        (encode(1, m.BasicPublish()) + encode(1, m.QueueDeclare()), 505),
        (
            encode(1, m.BasicPublish()) + frame(HEADER, 1, struct.pack(">HHQ", 50, 0, 0) + b"\0\0"),
            505,
        ),
    ],
    ids=["type", "end", "size", "heartbeat", "body", "torn", "method inside", "class"],
)
def test_what_is_no_amqp_is_told_and_the_socket_is_closed(mistake, code):
    client = Wire().login()
    client.channel(1)
    client.send_bytes(mistake)
    ((_, close),) = client.received()
    assert close.reply_code == code
    assert client.closed


def test_what_is_no_amqp_in_the_handshake_is_told_as_well():
    client = start(Wire())
    client.send_bytes(b"\x05\x00\x01\x00\x00\x00\x00\xce")
    ((_, close),) = client.received()
    assert (close.reply_code, client.closed) == (501, True)


@pytest.mark.parametrize("channel", [0, 7])
def test_content_without_a_publish_is_unexpected_on_any_channel(channel):
    client = Wire().login()
    client.send_bytes(frame(3, channel, b"body"))
    ((_, close),) = client.received()
    assert close.reply_code == 505


def test_a_heartbeat_with_a_payload_is_a_frame_error():
    client = Wire().login()
    client.send_bytes(frame(8, 0, b"alive"))
    assert closed_with(client) == 501
    assert client.closed


# Time


def test_a_client_that_does_not_finish_the_handshake_is_dropped():
    wire = Wire(handshake_timeout_s=10)
    silent, slow = wire.connect(), wire.connect()
    wire.advance(9)
    slow.send_bytes(PROTOCOL_HEADER)
    slow.received()
    wire.advance(0.9)
    assert not silent.closed
    wire.advance(0.2)
    assert silent.closed
    assert slow.closed
    assert silent.received() == slow.received() == []


def test_a_client_that_finished_the_handshake_is_not():
    wire = Wire(handshake_timeout_s=10)
    client = wire.login()
    wire.advance(3600)
    assert not client.closed


def test_a_heartbeat_is_sent_after_half_the_time():
    wire = Wire()
    client = wire.login(heartbeat=10)
    wire.advance(4.9)
    assert client.heartbeats() == 0
    wire.advance(0.2)
    assert client.heartbeats() == 1
    wire.advance(4.8)
    assert client.heartbeats() == 0
    wire.advance(0.3)
    assert client.heartbeats() == 1


def test_any_other_output_counts_as_a_heartbeat():
    wire = Wire()
    client = wire.login(heartbeat=10)
    channel = client.channel()
    wire.advance(4)
    channel.queue("q")
    wire.advance(4)
    assert client.heartbeats() == 0


def test_a_client_that_is_not_heard_for_two_heartbeats_is_dropped():
    wire = Wire()
    client = wire.login(heartbeat=10)
    wire.advance(20)
    assert not client.closed
    wire.advance(0.5)
    assert client.closed
    assert client.received() == []


def test_a_heartbeat_keeps_a_client_alive():
    wire = Wire()
    client = wire.login(heartbeat=10)
    for _ in range(10):
        wire.advance(15)
        client.send_bytes(HEARTBEAT_FRAME)
    assert not client.closed
    assert client.received() == []


def test_any_other_input_counts_as_a_heartbeat():
    wire = Wire()
    client = wire.login(heartbeat=10)
    for _ in range(10):
        wire.advance(15)
        client.send_bytes(b"\x01")
        client.send_bytes(encode(1, m.ChannelOpen())[1:])
        client.send(1, m.ChannelClose())
    assert not client.closed


def test_without_heartbeats_nobody_is_dropped_or_told():
    wire = Wire()
    client = wire.login(heartbeat=0)
    wire.advance(86_400)
    assert not client.closed
    assert client.heartbeats() == 0


def test_heartbeats_of_the_handshake_are_passed_over():
    client = start(Wire())
    client.send_bytes(HEARTBEAT_FRAME)
    assert client.received() == []
    assert log_in(client)


def test_a_client_that_is_late_with_its_close_ok_is_dropped():
    wire = Wire(handshake_timeout_s=10)
    client = wire.login()
    client.send(0, m.ConnectionTuneOk())
    assert [close.reply_code for close in client.received(0)] == [504]
    wire.advance(9)
    assert not client.closed
    wire.advance(1.5)
    assert client.closed


# Closing


def test_a_client_that_closes_is_confirmed():
    client = Wire().login()
    client.send(0, m.ConnectionClose(200, "bye"))
    assert client.received() == [(0, m.ConnectionCloseOk())]


def test_a_client_that_closes_twice_is_confirmed_twice():
    client = Wire().login()
    client.send(0, m.ConnectionClose(200, "bye"), m.ConnectionClose(200, "bye again"))
    assert client.received() == [(0, m.ConnectionCloseOk())] * 2


def test_the_broker_waits_for_the_clients_close_ok():
    client = Wire().login()
    client.send(0, m.ConnectionTuneOk())
    assert [close.reply_code for close in client.received(0)] == [504]
    assert not client.closed
    client.send(0, m.ConnectionCloseOk())
    assert client.closed
    assert client.received() == []


def test_closes_may_cross():
    client = Wire().login()
    client.wire.shut_down()
    assert [close.reply_code for close in client.received(0)] == [320]
    client.send(0, m.ConnectionClose(200, "bye"))
    assert client.received() == [(0, m.ConnectionCloseOk())]


def test_what_comes_after_the_brokers_close_is_passed_over():
    client = Wire().login()
    channel = client.channel()
    channel.queue("q")
    client.send(0, m.ConnectionTuneOk())
    client.received()
    channel.send(m.QueueDeclare(queue="other"), m.TxSelect(), m.BasicAck(9))
    channel.publish("", "q", b"lost", bytes(200_000))
    client.send_bytes(frame(3, 1, b"body") + HEARTBEAT_FRAME)
    client.send(9, m.QueueDeclare(queue="other"))
    client.send(0, m.ConnectionTuneOk())
    assert client.received() == []
    client.send(0, m.ConnectionCloseOk())
    assert client.closed
    assert client.wire.login().channel().ready("q") == 0


def test_what_comes_after_the_clients_close_is_passed_over():
    wire = Wire()
    client = wire.login()
    client.channel(1)
    client.send_bytes(
        encode(0, m.ConnectionClose(200, "bye")) + encode(1, m.QueueDeclare(queue="late"))
    )
    assert client.received() == [(0, m.ConnectionCloseOk())]
    other = wire.login().channel()
    other.send(m.QueueDeclare(queue="late", passive=True))
    assert [close.reply_code for close in other.received()] == [404]


def test_a_mistake_after_the_brokers_close_is_not_told_again():
    client = Wire().login()
    client.send(0, m.ConnectionTuneOk())
    client.received()
    client.send_bytes(b"\x05\x00\x01\x00\x00\x00\x00\xce")
    assert client.received() == []
    assert client.closed


def test_shutting_down_tells_open_connections_320():
    wire = Wire()
    client, beginner = wire.login(), start(wire)
    wire.shut_down("broker shutdown")
    assert client.received() == [(0, m.ConnectionClose(320, "CONNECTION_FORCED - broker shutdown"))]
    assert not client.closed
    assert beginner.closed
    client.send(0, m.ConnectionCloseOk())
    assert client.closed


def ways_to_end(client: Client, how: str) -> None:
    match how:
        case "close":
            client.send(0, m.ConnectionClose(200, "bye"))
        case "vanish":
            client.vanish()
        case "mistake":
            client.send_bytes(b"\x05\x00\x01\x00\x00\x00\x00\xce")
        case "refused":
            client.send(0, m.ConnectionTuneOk())
        case "silence":
            client.wire.advance(100)


ends = pytest.mark.parametrize("how", ["close", "vanish", "mistake", "refused", "silence"])


@ends
def test_exclusive_queues_go_with_their_connection(how):
    wire = Wire()
    client, other = wire.login(heartbeat=10), wire.login().channel()
    client.channel().queue("mine", exclusive=True)
    ways_to_end(client, how)
    other.send(m.QueueDeclare(queue="mine", passive=True))
    assert [close.reply_code for close in other.received()] == [404]


@ends
def test_what_a_lost_client_did_not_acknowledge_goes_to_the_next(how):
    wire = Wire()
    client, other = wire.login(heartbeat=10), wire.login().channel()
    other.queue("q")
    client.channel().consume("q")
    other.publish("", "q", b"1", b"2", b"3")
    client.send(1, m.BasicAck(1))
    other.consume("q", "next")
    ways_to_end(client, how)
    assert other.received() == [
        Content(m.BasicDeliver("next", 1, True, "", "q"), b"2"),
        Content(m.BasicDeliver("next", 2, True, "", "q"), b"3"),
    ]


@ends
def test_an_auto_delete_queue_goes_with_the_connection_of_its_last_consumer(how):
    wire = Wire()
    client, other = wire.login(heartbeat=10), wire.login().channel()
    client.channel().queue("q", auto_delete=True)
    client.send(1, m.BasicConsume(queue="q", consumer_tag="c"))
    ways_to_end(client, how)
    other.send(m.QueueDeclare(queue="q", passive=True))
    assert [close.reply_code for close in other.received()] == [404]


@ends
def test_a_half_published_message_goes_with_its_connection(how):
    wire = Wire()
    client, other = wire.login(heartbeat=10), wire.login().channel()
    other.queue("q")
    client.channel()
    client.send_bytes(publication(1, "", "q", bytes(200_000))[:150_000])
    ways_to_end(client, how)
    assert other.ready("q") == 0


def test_a_client_that_vanished_is_not_written_to():
    wire = Wire()
    client, other = wire.login(), wire.login().channel()
    other.queue("q")
    client.channel().consume("q", no_ack=True)
    client.vanish()
    other.publish("", "q", b"1")
    assert client.received(1) == []
    assert other.ready("q") == 1


def test_a_publisher_that_vanished_is_not_confirmed():
    store = HeldStore()
    wire = Wire(store)
    client = wire.login()
    channel = client.channel()
    channel.queue("q", durable=True)
    channel.call(m.ConfirmSelect())
    channel.publish("", "q", b"1", properties=b"\x10\x00\x02")
    client.vanish()
    store.sync()
    wire.stored()
    assert client.received() == []
    assert wire.login().channel().ready("q") == 1


# Blocking


def test_a_client_that_can_be_told_is_told_that_it_is_blocked():
    client = Wire().login(capabilities={"connection.blocked": True})
    client.connection.block("low on memory")
    client.connection.block("low on memory")
    client.wire.end_pass()
    assert client.received() == [(0, m.ConnectionBlocked("low on memory"))]
    client.connection.unblock()
    client.connection.unblock()
    client.wire.end_pass()
    assert client.received() == [(0, m.ConnectionUnblocked())]


def test_a_client_that_was_not_blocked_is_not_unblocked():
    client = Wire().login()
    client.connection.unblock()
    client.wire.end_pass()
    assert client.received() == []


def test_a_client_that_cannot_be_told_is_not():
    client = Wire().login(capabilities={})
    client.connection.block("low on memory")
    client.connection.unblock()
    client.wire.end_pass()
    assert client.received() == []


def test_a_blocked_client_is_not_dropped_for_its_silence():
    """It may well talk: perhaps nothing is read of it."""
    wire = Wire()
    client = wire.login(heartbeat=10)
    client.connection.block("low on memory")
    wire.advance(100)
    assert not client.closed
