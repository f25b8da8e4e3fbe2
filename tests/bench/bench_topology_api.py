"""A large topology over the management API: how long others have to wait meanwhile.

    PYTHONPATH=. .venv/bin/python tests/bench/bench_topology_api.py [--filters N]

The file of bench_topology_files.py (100 virtual hosts, 10,000 queues, 50,000 bindings) is planned,
applied, planned again and exported over HTTP, by a broker in this process that forgets; the client
is a process of its own. A task that sleeps for a millisecond at a time tells for how long it was
not woken at most, or how much time of a core the broker took meanwhile if that is less.
"""

import argparse
import multiprocessing
import resource
import socket
import sys
import time
from functools import partial
from typing import Any

import trio

from tests.bench.bench_topology_files import topology_text
from tests.exchange.management.managed import managed
from warrener.exchange.commands.serve import THREAD_SWITCH_S
from warrener.protocol.http.client import ClientConnection

NAP_S = 0.001
LOGIN = {"Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="}


def ask(port: int, method: str, target: str, body: bytes) -> tuple[int, int]:
    """Status and size of an answer."""
    with socket.create_connection(("127.0.0.1", port), 600) as sock:
        wire = ClientConnection("bench")
        sock.sendall(wire.ask(method, target, LOGIN, body))
        while (head := wire.next_head()) is None:
            wire.receive(sock.recv(1 << 16))
        size = 0
        while (part := wire.next_part()) != b"":
            if part is None:
                wire.receive(sock.recv(1 << 16))
            else:
                size += len(part)
        return head.status, size


class Watch:
    """The longest times for which a task that wants to be woken is not."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def run(self) -> None:
        last, used = time.perf_counter(), time.process_time()
        while True:
            await trio.sleep(NAP_S)
            now, used_now = time.perf_counter(), time.process_time()
            # Where the machine has been busy with others, it was not the broker that was late.
            self.late.append(min(now - last - NAP_S, used_now - used))
            last, used = now, used_now

    def shown(self) -> str:
        late, self.late = sorted(self.late, reverse=True), []
        worst = ", ".join(f"{each * 1000:.0f}" for each in late[:5])
        return f"longest waits {worst} ms"


async def main(filters: int) -> None:
    text = topology_text(filters).encode()
    print(f"{len(text) >> 10} KiB of YAML")
    sys.setswitchinterval(THREAD_SWITCH_S)
    watch = Watch()
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as client:
        async with managed() as broker, trio.open_nursery() as nursery:
            port = broker.api.port

            async def timed(name: str, *request: Any) -> None:
                watch.shown()
                began = time.perf_counter()
                answer = partial(client.apply, ask, (port, *request))
                status, size = await trio.to_thread.run_sync(answer)
                elapsed = time.perf_counter() - began
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
                print(
                    f"{name:<12} {status} {size >> 10:>6} KiB {elapsed:6.2f} s, {watch.shown()}, "
                    f"at most {peak} MiB"
                )

            await timed("nothing", "GET", "/api/whoami", b"")
            nursery.start_soon(watch.run)
            await timed("plan", "POST", "/api/x/topology/plan", text)
            await timed("apply", "POST", "/api/x/topology/apply", text)
            await timed("plan again", "POST", "/api/x/topology/plan", text)
            await timed("export", "GET", "/api/x/topology", b"")
            await timed("definitions", "GET", "/api/definitions", b"")
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filters", type=int, default=1000)
    trio.run(main, parser.parse_args().filters)
