"""The greeting: what is said before it is known who the client is.

The client sends the protocol header, the broker says what it is, the client logs in. Bytes of
someone unknown are taken piece by piece, one frame at a time: what a client sends behind its
login, without waiting for an answer, is not looked at before the login has been checked.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from warrener import __version__
from warrener.exchange.access.users import Login, Users
from warrener.exchange.config import Config
from warrener.exchange.likeness import RABBITMQ, RABBITMQ_VERSION
from warrener.protocol import methods as m
from warrener.protocol.errors import AccessRefused, NotAllowed
from warrener.protocol.frames import (
    FRAME_HEAD_BYTES,
    FRAME_MIN_BYTES,
    FRAME_OVERHEAD_BYTES,
    PROTOCOL_HEADER,
    unpack_frame_head,
)
from warrener.protocol.sasl import EXTERNAL, MECHANISMS, read_response

HANDSHAKE_FRAME_MAX_BYTES = 8192
"""The largest frame before one was negotiated, as in RabbitMQ; login needs far less."""
REFUSED_LOGIN_DELAY_S = 3
"""Time before the socket of a refused client that cannot be told is closed: slows guessing."""

CAPABILITIES = (
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
    "accept_consumer_cancel_ok",
)

HEADERS = (PROTOCOL_HEADER, b"AMQP\x01\x01\x00\x09")
"""The protocol header, and the form that old clients of 0-9 send."""
HTTP_STARTS = (b"GET ", b"POST", b"PUT ", b"HEAD")
HTTP_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
    b"This port speaks AMQP 0-9-1, not HTTP.\n"
)


def speaks_amqp(data: bytes) -> bool | None:
    """Whether `data` begins with a protocol header; None as long as it may become one."""
    start = data[: len(PROTOCOL_HEADER)]
    if start in HEADERS:
        return True
    return None if any(header.startswith(start) for header in HEADERS) else False


def answer_to_strangers(data: bytes) -> bytes:
    """What is said to a client that does not begin with a protocol header."""
    return HTTP_ANSWER if data[:4] in HTTP_STARTS else PROTOCOL_HEADER


def first_frame(data: bytes) -> bytes:
    """The frame that `data` begins with, nothing as long as it is incomplete.

    A frame that is too large for a greeting is not waited for: whoever reads it will say so.
    """
    if len(data) < FRAME_HEAD_BYTES:
        return b""
    _, _, length = unpack_frame_head(data, 0)
    end: int = FRAME_OVERHEAD_BYTES + length
    return data[:end] if len(data) >= end or length > HANDSHAKE_FRAME_MAX_BYTES else b""


def refused_login(mechanism: str) -> AccessRefused:
    """What a client is told whose login failed, for whatever reason."""
    return AccessRefused(
        f"Login was refused using authentication mechanism {mechanism}. "
        "For details see the broker logfile."
    )


def negotiated(method: m.ConnectionTuneOk, config: Config) -> tuple[int, int]:
    """The largest frame and the highest channel number; 0 leaves either to the broker.

    Raises: NotAllowed for more than was offered, or frames smaller than AMQP allows.
    """
    frame_max = method.frame_max or config.frame_max_bytes
    channel_max = method.channel_max or config.channel_max
    if not FRAME_MIN_BYTES <= frame_max <= config.frame_max_bytes:
        raise NotAllowed(
            f"negotiated frame_max {frame_max} is not between {FRAME_MIN_BYTES} and "
            f"{config.frame_max_bytes}"
        )
    if channel_max > config.channel_max:
        raise NotAllowed(f"negotiated channel_max {channel_max} is above {config.channel_max}")
    return frame_max, channel_max


def start(config: Config, *, certified: bool) -> m.ConnectionStart:
    """What the broker says first; somebody with a certificate may refer to it."""
    mechanisms = MECHANISMS + b" " + EXTERNAL.encode() if certified else MECHANISMS
    return m.ConnectionStart(server_properties=server_properties(config), mechanisms=mechanisms)


def begin_login(
    users: Users, method: m.ConnectionStartOk, certified_name: str, excluded: Container[str]
) -> Login:
    """Begin the login that a client asks for; whoever is `excluded` will be refused.

    Raises: ProtocolError for a mechanism or a response that cannot be understood.
    """
    if method.mechanism == EXTERNAL and certified_name:
        return users.vouched(certified_name, admitted=certified_name not in excluded)
    name, password = read_response(method.mechanism, method.response)
    return users.login(name, password, admitted=name not in excluded)


def tune(config: Config) -> m.ConnectionTune:
    """What the broker offers to whoever has logged in."""
    return m.ConnectionTune(config.channel_max, config.frame_max_bytes, config.heartbeat_s)


def server_properties(config: Config) -> dict[str, Any]:
    """What the broker says of itself in connection.start.

    There are clients that look at the product and take the ways of an old broker with one they do
    not know: whoever uses these can have it announced as RabbitMQ. Its own name is always there.
    """
    product, version = config.announced_product, __version__
    if product == RABBITMQ:
        version = RABBITMQ_VERSION
    return {
        "product": product,
        "version": version,
        "product_name": "Warrener",
        "product_version": __version__,
        "platform": "Python",
        "information": "https://pypi.org/project/warrener/",
        "sync": "never" if config.memory else config.sync,
        "capabilities": dict.fromkeys(CAPABILITIES, True),
    }


def shares_prefetch(client_properties: dict[str, Any], config: Config) -> bool:
    """Whether a client means all consumers of a channel by a prefetch that is not global.

    The specification says so; RabbitMQ means each consumer made from then on. Kombu asks what the
    server is: it sends RabbitMQ, from 3.3 to 3.x, a global prefetch for what it sends anybody else
    without the flag. Celery relies on it: a worker with several queues is to hold no more tasks
    than it has been allowed to, and raises the limit while its consumers run. Kombu does not tell
    its name, but it is what the client py-amqp is used with.
    """
    is_kombu = client_properties.get("product") == "py-amqp"
    return is_kombu and server_properties(config)["product"] != "RabbitMQ"


def has_capability(client_properties: dict[str, Any], name: str) -> bool:
    """Whether a client says of itself that it can do something."""
    capabilities = client_properties.get("capabilities")
    return isinstance(capabilities, dict) and capabilities.get(name) is True
