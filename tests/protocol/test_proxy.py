"""PROXY headers of both versions, whole, in pieces, and wrong."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.protocol.proxy import SIGNATURE, NotProxied, Proxied, read_proxy_header

V1 = b"PROXY TCP4 192.0.2.7 192.0.2.1 49152 5672\r\n"
V1_IPV6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 49152 5672\r\n"


def v2(command: int, family: int, addresses: bytes) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(addresses)) + addresses


V2 = v2(0x21, 0x11, bytes([192, 0, 2, 7, 192, 0, 2, 1]) + struct.pack(">HH", 49152, 5672))
V2_IPV6 = v2(0x21, 0x21, bytes([0x20, 1, 0xD, 0xB8]) + bytes(28) + struct.pack(">HH", 1, 2))


def test_version_1_names_the_client():
    assert read_proxy_header(V1 + b"AMQP") == Proxied(len(V1), ("192.0.2.7", 49152))
    assert read_proxy_header(V1_IPV6) == Proxied(len(V1_IPV6), ("2001:db8::7", 49152))


def test_version_2_names_the_client():
    assert read_proxy_header(V2 + b"AMQP") == Proxied(len(V2), ("192.0.2.7", 49152))
    assert read_proxy_header(V2_IPV6) == Proxied(len(V2_IPV6), ("2001:db8::", 1))


def test_further_fields_of_version_2_are_passed_over():
    header = v2(0x21, 0x11, V2[16:] + b"\x04\x00\x01x")
    assert read_proxy_header(header) == Proxied(len(header), ("192.0.2.7", 49152))


@pytest.mark.parametrize(
    "header", [b"PROXY UNKNOWN\r\n", v2(0x20, 0, b""), v2(0x20, 0x11, b"xxx"), v2(0x21, 0, b"")]
)
def test_a_proxy_that_speaks_for_itself_names_nobody(header: bytes):
    assert read_proxy_header(header) == Proxied(len(header), None)


@pytest.mark.parametrize("header", [V1, V1_IPV6, V2, V2_IPV6])
def test_as_long_as_a_header_is_incomplete_more_is_needed(header: bytes):
    for length in range(len(header)):
        assert read_proxy_header(header[:length]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"AMQP\0\0\x09\x01",
        b"PROXX ",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 49152\r\n",
        b"PROXY TCP4 2001:db8::7 192.0.2.1 49152 5672\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 70000 5672\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 -1 5672\r\n",
        b"PROXY UDP4 192.0.2.7 192.0.2.1 1 5672\r\n",
        b"PROXY TCP4 " + b"1" * 200,
        v2(0x22, 0x11, V2[16:]),
        v2(0x11, 0x11, V2[16:]),
        v2(0x21, 0x12, V2[16:]),
        v2(0x21, 0x11, V2[16:-1]),
    ],
)
def test_anything_else_is_refused(data: bytes):
    with pytest.raises(NotProxied):
        read_proxy_header(data)


@given(data=st.binary(max_size=300) | st.binary(max_size=200).map(lambda rest: SIGNATURE + rest))
def test_no_bytes_lead_to_anything_but_an_answer_or_a_refusal(data: bytes):
    try:
        header = read_proxy_header(data)
    except NotProxied:
        return
    assert header is None or header.size <= len(data)
