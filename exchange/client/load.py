"""Load: publishers and consumers in processes of their own, which do as little as they can.

A publisher sends the same block of publishes again and again. A consumer does not read messages: it
counts the frames that begin one. Both write what they have done, and what it cost them, into memory
that they share with whoever started them.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray

from warrener.exchange.client.connection import connect
from warrener.exchange.client.errors import ClientError
from warrener.protocol import methods as m
from warrener.protocol.frames import (
    FRAME_HEAD_BYTES,
    FRAME_OVERHEAD_BYTES,
    METHOD,
    frame,
    unpack_frame_head,
)
from warrener.protocol.properties import encode_properties

BLOCK_BYTES = 64 * 1024
LOOK_S = 0.2
"""How often a worker with nothing to do sees whether it is to end."""
ACKNOWLEDGED_TOGETHER = 100


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be done to a broker."""

    url: str
    queue: str
    size_bytes: int
    persistent: bool
    window: int
    """Publishes that may be without a confirm; 0 for no confirms."""
    prefetch: int
    """Deliveries that may be without an acknowledgement; 0 for no acknowledgements."""
    publishers: int
    consumers: int


class Counters:
    """What the workers have done; each writes into places of its own."""

    def __init__(self, load: Load) -> None:
        workers = load.publishers + load.consumers
        self.done = RawArray(ctypes.c_uint64, workers)
        self.cpu_s = RawArray(ctypes.c_double, workers)
        self.ready = RawArray(ctypes.c_uint8, workers)
        self.flags = RawArray(ctypes.c_uint8, 2)


GO, STOP = 0, 1


class Workers:
    """All processes of a load."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.counters = Counters(load)
        self._processes: list[BaseProcess] = []

    def start(self, patience_s: float) -> bool:
        """Start all, and let the publishers go when all are ready; returns whether they are."""
        context = get_context("spawn")
        for number in range(self.load.publishers + self.load.consumers):
            run = publish if number < self.load.publishers else consume
            arguments = (run, self.load, self.counters, number)
            self._processes.append(context.Process(target=work, args=arguments, daemon=True))
            self._processes[-1].start()
        end = time.monotonic() + patience_s
        while not all(self.counters.ready):
            if time.monotonic() > end or not all(each.is_alive() for each in self._processes):
                return False
            time.sleep(0.01)
        self.counters.flags[GO] = 1
        return True

    @property
    def published(self) -> int:
        return sum(self.counters.done[: self.load.publishers])

    @property
    def delivered(self) -> int:
        return sum(self.counters.done[self.load.publishers :])

    @property
    def cpu_s(self) -> float:
        return sum(self.counters.cpu_s)

    @property
    def has_failed(self) -> bool:
        return any(each.exitcode for each in self._processes)

    def stop_publishers(self, patience_s: float) -> None:
        """Publish no more; returns when all was sent, and confirmed if it is to be."""
        self.counters.flags[STOP] = 1
        for each in self._processes[: self.load.publishers]:
            each.join(patience_s)

    def end(self) -> None:
        for each in self._processes:
            each.terminate()
            each.join()


Worker = Callable[[Load, Counters, int], None]


def work(run: Worker, load: Load, counters: Counters, number: int) -> None:
    """What a process does."""
    try:
        run(load, counters, number)
    except ClientError as error:
        raise SystemExit(f"warrener: load: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(1) from None


def publish(load: Load, counters: Counters, number: int) -> None:
    properties = encode_properties(delivery_mode=2 if load.persistent else 1)
    with connect(load.url, name="warrener bench publisher") as connection:
        channel = connection.channel()
        if load.window:
            channel.confirm()
        one = channel.encoded(b"x" * load.size_bytes, load.queue, "", properties)
        count = max(1, BLOCK_BYTES // len(one))
        count = max(1, min(count, load.window // 5)) if load.window else count
        block = one * count
        counters.ready[number] = 1
        while not counters.flags[GO]:
            time.sleep(0.001)
        published = 0
        while not counters.flags[STOP]:
            channel.publish_encoded(block, count)
            channel.flush()
            published += count
            if load.window:
                channel.wait_for_confirms(max(0, load.window - count))
            counters.done[number] = published
            counters.cpu_s[number] = time.process_time()
        channel.wait_for_confirms()


def consume(load: Load, counters: Counters, number: int) -> None:
    """Runs until its process is ended."""
    connection = connect(load.url, name="warrener bench consumer")
    channel = connection.channel()
    if load.prefetch:
        channel.prefetch(load.prefetch)
    # The queue is empty until all are ready: nothing but the answer comes with the answer.
    channel.consume(load.queue, no_ack=not load.prefetch)
    counters.ready[number] = 1
    together = max(1, min(ACKNOWLEDGED_TOGETHER, load.prefetch // 2))
    delivered = acknowledged = 0
    rest = b""
    while True:
        found, rest = count_methods(rest + connection.read(LOOK_S))
        delivered += found
        if load.prefetch and delivered - acknowledged >= together:
            acknowledged = delivered
            connection.send_bytes(frame(METHOD, 1, m.BasicAck(delivered, True).encode()))
        counters.done[number] = delivered
        counters.cpu_s[number] = time.process_time()


def count_methods(data: bytes) -> tuple[int, bytes]:
    """How many methods there are in whole frames, and what is left of a frame."""
    position = count = 0
    end = len(data) - FRAME_HEAD_BYTES
    while position <= end:
        kind, _, size = unpack_frame_head(data, position)
        following = position + FRAME_OVERHEAD_BYTES + size
        if following > len(data):
            break
        count += kind == METHOD
        position = following
    return count, data[position:]
