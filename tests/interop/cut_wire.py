"""A wire between a client and a broker that a test can cut.

What: a TCP relay on a port of its own. `cut()` closes both ends of every connection at once, as a
pulled cable or a dying host does: no AMQP close is sent to either side. New connections go through.

How: one thread accepts, and two threads per connection copy bytes, one for each direction.
"""

import contextlib
import socket
import threading
from collections.abc import Callable

from tests.patience import join

RECEIVE_BYTES_MAX = 65536


class CutWire:
    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closing = False
        self._run(self._accept)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def cut(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closing = True
        # Closing a listener wakes its accept() on some systems only; a connection does on all.
        socket.create_connection(self._listener.getsockname()).close()
        self.cut()
        for thread in self._threads:
            join(thread)
        for end in [self._listener, *self._ends]:
            end.close()

    def __enter__(self) -> "CutWire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            self._ends.append(client)
            if self._closing:
                return
            broker = socket.create_connection(self._target)
            self._ends.append(broker)
            self._run(self._copy, client, broker)
            self._run(self._copy, broker, client)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(RECEIVE_BYTES_MAX):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
