"""A blocking AMQP connection with one channel: handshake and topology, then the bare socket.

It waits for each reply, so it is of no use for load; the producer and the consumer take over
`socket` once everything is declared. It announces no capabilities, and no heartbeat, so that the
broker sends nothing they did not ask for.
"""

import socket
import struct

import frames

REPLY_SECONDS_MAX = 20.0
CLOSE = frames.method(
    10, 50, struct.pack(">H", 200) + frames.short_string("bye") + bytes(4), channel=0
)


class Refused(Exception):
    """The broker closed the channel or the connection, or sent what nobody waits for."""


class Connection:
    def __init__(self, port: int) -> None:
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), REPLY_SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self._shake_hands()
        self.socket.settimeout(None)

    def exchange_declare(self, name: str, kind: str, durable: bool) -> None:
        names = frames.short_string(name) + frames.short_string(kind)
        self._call(40, 10, b"\0\0" + names + bytes([durable << 1]) + bytes(4))

    def exchange_delete(self, name: str) -> None:
        self._call(40, 20, b"\0\0" + frames.short_string(name) + b"\0")

    def queue_declare(self, name: str, durable: bool) -> None:
        self._call(50, 10, b"\0\0" + frames.short_string(name) + bytes([durable << 1]) + bytes(4))

    def queue_length(self, name: str) -> int | None:
        """How many messages wait; None without such a queue, and then a new channel is open."""
        self.socket.sendall(
            frames.method(50, 10, b"\0\0" + frames.short_string(name) + b"\1" + bytes(4))
        )
        if self._next_method() == (50, 11):
            return struct.unpack_from(">I", self._payload, 4 + len(frames.short_string(name)))[0]
        self.socket.sendall(frames.method(20, 41))
        self._call(20, 10, b"\0")
        return None

    def queue_delete(self, name: str) -> None:
        self._call(50, 40, b"\0\0" + frames.short_string(name) + b"\0")

    def queue_bind(self, queue: str, exchange: str, key: str) -> None:
        names = b"".join(frames.short_string(name) for name in (queue, exchange, key))
        self._call(50, 20, b"\0\0" + names + b"\0" + bytes(4))

    def confirm_select(self) -> None:
        self._call(85, 10, b"\0")

    def prefetch(self, count: int) -> None:
        self._call(60, 10, struct.pack(">IHB", 0, count, 0))

    def consume_without_reply(self, queue: str, consumer_tag: str, auto_ack: bool) -> None:
        """The no-wait form: what the broker sends from here on is deliveries and nothing else."""
        names = frames.short_string(queue) + frames.short_string(consumer_tag)
        flags = bytes([(auto_ack << 1) | (1 << 3)])
        self.socket.sendall(frames.method(60, 20, b"\0\0" + names + flags + bytes(4)))

    def close(self) -> None:
        """Returns when the broker has read everything that was sent before."""
        self.socket.sendall(CLOSE)
        while self._next_method() != (10, 51):
            pass
        self.socket.close()

    def _shake_hands(self) -> None:
        self.socket.sendall(frames.PROTOCOL_HEADER)
        self._expect(10, 10)
        login = frames.short_string("PLAIN") + frames.long_string(b"\0guest\0guest")
        start_ok = bytes(4) + login + frames.short_string("en_US")
        self.socket.sendall(frames.method(10, 11, start_ok, channel=0))
        self._expect(10, 30)
        channels_max = struct.unpack_from(">H", self._payload, 4)[0]
        tune_ok = struct.pack(">HIH", channels_max, frames.FRAME_MAX, 0)
        opening = frames.short_string("/") + b"\0\0"
        self.socket.sendall(
            frames.method(10, 31, tune_ok, channel=0) + frames.method(10, 40, opening, channel=0)
        )
        self._expect(10, 41)
        self._call(20, 10, b"\0")

    def _call(self, class_id: int, method_id: int, arguments: bytes) -> None:
        """Every reply used here has the id that follows the one of its request."""
        self.socket.sendall(frames.method(class_id, method_id, arguments))
        self._expect(class_id, method_id + 1)

    def _expect(self, class_id: int, method_id: int) -> None:
        seen = self._next_method()
        if seen != (class_id, method_id):
            raise Refused(f"expected method {class_id}.{method_id}, got {self._text(seen)}")

    def _next_method(self) -> tuple[int, int]:
        head = self._take(7)
        kind, _channel, size = struct.unpack(">BHI", head)
        self._payload = self._take(size + 1)
        if kind != frames.METHOD:
            return self._next_method()
        class_id, method_id = struct.unpack_from(">HH", self._payload)
        return class_id, method_id

    def _text(self, method: tuple[int, int]) -> str:
        if method in ((10, 50), (20, 40)):
            return reply_text(self._payload)
        return "{}.{}".format(*method)

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            data = self.socket.recv(65536)
            if not data:
                raise Refused("the broker closed the socket")
            self._received += data
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken


def reply_text(payload: bytes) -> str:
    """What a close method says: its code and its text."""
    code, length = struct.unpack_from(">HB", payload, 4)
    return f"{code} {payload[7 : 7 + length].decode(errors='replace')}"


def explain(received: bytes) -> str:
    """Bytes that are not what the load expects: a close in them, or their beginning."""
    for close in (struct.pack(">HH", 20, 40), struct.pack(">HH", 10, 50)):
        found = received.find(close)
        if found >= 0 and found + 7 < len(received):
            return f"the broker closed: {reply_text(received[found:])}"
    return f"unexpected bytes from the broker: {received[:40]!r}"
