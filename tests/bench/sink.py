"""A peer that does no work: the rate it is loaded with is what the load generator can reach.

What: it answers the handshake and the topology, throws publishes away and confirms them by
counting bytes, and sends consumers deliveries of its own out of one prepared block. Nothing
passes from a publisher to a consumer.

How: one process, one thread per connection. Until the first publish or consume it reads frame by
frame and replies from a table; from then on it counts bytes, as the generator does.
"""

import multiprocessing
import socket
import struct
import threading
from multiprocessing.connection import Connection as Pipe

import frames
from connection import CLOSE
from load import consumer_tag
from scenarios import EXCHANGE, Scenario

OPEN_OK = frames.method(10, 41, b"\0", channel=0)
CLOSE_OK = frames.method(10, 51, channel=0)
START = frames.method(
    10,
    10,
    b"\0\x09" + bytes(4) + frames.long_string(b"PLAIN") + frames.long_string(b"en_US"),
    channel=0,
)
TUNE = frames.method(10, 30, struct.pack(">HIH", 0, frames.FRAME_MAX, 0), channel=0)
COUNTS = struct.pack(">II", 0, 0)
REPLIES = {
    (10, 11): TUNE,
    (10, 31): b"",
    (10, 40): OPEN_OK,
    (20, 10): frames.method(20, 11, bytes(4)),
    (40, 10): frames.method(40, 11),
    (40, 20): frames.method(40, 21),
    (50, 10): frames.method(50, 11, frames.short_string("q") + COUNTS),
    (50, 20): frames.method(50, 21),
    (50, 40): frames.method(50, 41, bytes(4)),
    (60, 10): frames.method(60, 11),
    (85, 10): frames.method(85, 11),
}


class Sink:
    """The sink for one scenario, in a process of its own, for the time of the block."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.port = 0
        self.pid: int | None = None

    def __enter__(self) -> "Sink":
        receiving, sending = multiprocessing.Pipe(duplex=False)
        self._process = multiprocessing.Process(target=serve, args=(self._scenario, sending))
        self._process.start()
        self.port = receiving.recv()
        self.pid = self._process.pid
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()


def serve(scenario: Scenario, announce: Pipe) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    announce.send(listener.getsockname()[1])
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=Peer(peer, scenario).run, daemon=True).start()


class Peer:
    def __init__(self, peer: socket.socket, scenario: Scenario) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = peer
        self._scenario = scenario
        self._reader = peer.makefile("rb")
        body = b"x" * scenario.size_bytes
        key, persistent = scenario.keys[0], scenario.persistent
        self._publish = frames.publish(EXCHANGE, key, body, persistent)
        self._delivery = frames.delivery(consumer_tag(0), EXCHANGE, key, body, persistent)
        self._held_max = scenario.prefetch or 1 << 62

    def run(self) -> None:
        try:
            self._read(len(frames.PROTOCOL_HEADER))
            self._socket.sendall(START)
            self._reply_until_the_load_begins()
        except (OSError, EOFError):
            pass  # the generator ends its consumers without a word

    def _reply_until_the_load_begins(self) -> None:
        while True:
            head = self._read(7)
            _, _, size = struct.unpack(">BHI", head)
            payload = self._read(size + 1)
            method = struct.unpack_from(">HH", payload)
            if method == (60, 40):
                return self._swallow(len(head) + len(payload))
            if method == (60, 20):
                return self._pour()
            if method == (10, 50):
                return self._socket.sendall(CLOSE_OK)
            self._socket.sendall(REPLIES[method])

    def _swallow(self, already: int) -> None:
        received, confirmed, last = already, 0, b""
        while not last.endswith(CLOSE):
            last = self._reader.read1(1 << 18)
            received += len(last)
            count = received // len(self._publish)
            if self._scenario.confirm_window and count > confirmed:
                confirmed = count
                self._socket.sendall(frames.ack(count, multiple=True))
        self._socket.sendall(CLOSE_OK)

    def _pour(self) -> None:
        sent = settled = 0
        block = min(self._held_max, self._scenario.publishes_per_send)
        while True:
            count = min(block, self._held_max - (sent - settled))
            if count:
                tag_at = frames.delivery_tag_at(consumer_tag(0))
                self._socket.sendall(frames.numbered(self._delivery, tag_at, sent + 1, count))
                sent += count
            else:
                settled = self._last_settled()

    def _last_settled(self) -> int:
        """Acknowledgements come in order here, so the last whole one says it all."""
        data = self._read(frames.ACK_SIZE) + self._reader.peek()
        whole = len(data) - len(data) % frames.ACK_SIZE
        self._read(whole - frames.ACK_SIZE)
        at = whole - frames.ACK_SIZE + frames.ACK_TAG_AT
        return int.from_bytes(data[at : at + frames.TAG_SIZE])

    def _read(self, count: int) -> bytes:
        data = self._reader.read(count)
        if len(data) < count:
            raise EOFError
        return data
