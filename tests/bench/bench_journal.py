"""What the journal costs: appends a second, and the latency of a single commit.

    .venv/bin/python tests/bench/bench_journal.py [DIRECTORY]

Beside each latency stands a loop of plain write + fdatasync calls, interleaved with it in the
same run on the same disk: what the disk takes, against what the journal adds to it (two hand-overs
between threads). The last table shows what becomes of that when the main thread never waits.

The files take about 500 MiB in DIRECTORY (the current one by default) and are
removed at the end.
"""

import os
import statistics
import sys
import tempfile
import time
from _thread import LockType as Lock
from _thread import allocate_lock
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from warrener.storage.journal import Journal
from warrener.storage.null import NullStore
from warrener.storage.store import Store

# the size of what the broker puts before a body: exchange, routing key, queues
HEAD = os.urandom(40)
BODY_BYTES = (100, 1024, 64 * 1024)
APPENDS_PER_COMMIT = 64
BYTES_PER_RUN = 48 * 1024 * 1024
APPENDS_MAX = 100_000
OUTSTANDING = 1000
SINGLES = 1000
BUSY_S = 1.0


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    with tempfile.TemporaryDirectory(prefix="bench-journal-", dir=folder) as directory:
        print_throughput(directory)
        print_latency(directory)
        print_contention(directory)


def print_throughput(directory: str) -> None:
    print(f"appends/s, a commit after every {APPENDS_PER_COMMIT}")
    names = ("append alone", "null store", "sync=never", "sync=always", "window 1000")
    print(f"  {'body':>6}", *(f"{name:>12}" for name in names), sep="  ")
    for size in BODY_BYTES:
        cells = "  ".join(f"{rate:>12,.0f}" for rate in throughput(directory, os.urandom(size)))
        print(f"  {size:>6}  {cells}")


def throughput(directory: str, body: bytes) -> list[float]:
    count = min(APPENDS_MAX, BYTES_PER_RUN // len(body))
    return [
        best(lambda: append_alone(directory, body, count)),
        best(lambda: appends(NullStore(), body, count)),
        best(lambda: logged(directory, "never", body, count)),
        best(lambda: logged(directory, "always", body, count)),
        best(lambda: windowed(directory, body, count)),
    ]


def best(run: Callable[[], float]) -> float:
    """Of three: the machine is shared."""
    return max(run() for _ in range(3))


def append_alone(directory: str, body: bytes, count: int) -> float:
    """Nothing but append(): what the broker's thread pays per message."""
    with journal(directory, "never") as (store, _):
        append = store.append
        began = time.perf_counter()
        for _ in range(count):
            append(1, HEAD, body, 1)
        return count / (time.perf_counter() - began)


def appends(store: Store, body: bytes, count: int) -> float:
    began = time.perf_counter()
    for index in range(count):
        store.append(1, HEAD, body, 1)
        if index % APPENDS_PER_COMMIT == APPENDS_PER_COMMIT - 1:
            store.commit()
    store.commit()
    return count / (time.perf_counter() - began)


def logged(directory: str, sync: str, body: bytes, count: int) -> float:
    """Until all of it is durable."""
    with journal(directory, sync) as (store, moved):
        began = time.perf_counter()
        appends(store, body, count)
        while store.durable < store.end:
            moved.acquire()
        return count / (time.perf_counter() - began)


def windowed(directory: str, body: bytes, count: int) -> float:
    """As a publisher with 1000 outstanding confirms would drive it."""
    with journal(directory, "always") as (store, moved):
        began = time.perf_counter()
        while store.end <= count:
            while store.end - store.durable > OUTSTANDING - APPENDS_PER_COMMIT:
                moved.acquire()
            for _ in range(APPENDS_PER_COMMIT):
                store.append(1, HEAD, body, 1)
            store.commit()
        return count / (time.perf_counter() - began)


def print_latency(directory: str) -> None:
    print(f"\nmicroseconds from append to durable, one at a time, {SINGLES} of them interleaved")
    print(f"  {'body':>6}  {'':<26}  {'p50':>7}  {'p99':>7}  {'mean':>7}")
    for size in BODY_BYTES:
        body = os.urandom(size)
        for name, times in latencies(directory, body).items():
            times.sort()
            p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
            mean = statistics.fmean(times)
            print(f"  {size:>6}  {name:<26}  {p50:>7.0f}  {p99:>7.0f}  {mean:>7.0f}")


def latencies(directory: str, body: bytes) -> dict[str, list[float]]:
    """The contenders take turns, so that a slow moment of the disk hits them alike."""
    with (
        journal(directory, "always") as (store, moved),
        raw_file(directory, preallocated=False) as grows,
        raw_file(directory, preallocated=True) as filled,
    ):
        contenders: dict[str, Callable[[], None]] = {
            "journal": lambda: commit_one(store, moved, body),
            "raw, file grows": lambda: grows(body),
            "raw, file of zeros": lambda: filled(body),
        }
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(SINGLES):
            for name, contender in contenders.items():
                began = time.perf_counter()
                contender()
                times[name].append((time.perf_counter() - began) * 1e6)
        return times


def commit_one(store: Journal, moved: Lock, body: bytes) -> None:
    store.append(1, HEAD, body, 1)
    store.commit()
    while store.durable < store.end:
        moved.acquire()


def print_contention(directory: str) -> None:
    print(f"\nmicroseconds from append to durable beside a busy main thread, {BUSY_S:.0f} s each")
    print(f"  {'sys.setswitchinterval':>21}  {'main thread':<26}  {'p50':>7}  {'p99':>7}  passes")
    for interval_s in (0.005, 0.0005, 0.0001):
        for name, calls in (("computes", False), ("computes and makes calls", True)):
            times, passes = contended(directory, interval_s, calls)
            p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
            print(f"  {interval_s:>21}  {name:<26}  {p50:>7.0f}  {p99:>7.0f}  {passes}")


def contended(directory: str, interval_s: float, calls: bool) -> tuple[list[float], int]:
    """Commits one at a time by a thread that never waits: the writer has to fight for its turn."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval_s)
    reader, writer = os.pipe()
    times = []
    passes = 0
    with journal(directory, "always") as (store, moved):
        end = time.perf_counter() + BUSY_S
        while time.perf_counter() < end:
            began = time.perf_counter()
            store.append(1, HEAD, HEAD, 1)
            store.commit()
            while not moved.acquire(blocking=False):
                passes += 1
                sum(range(3000))
                if calls:
                    os.write(writer, b"x")
                    os.read(reader, 1)
            times.append((time.perf_counter() - began) * 1e6)
    os.close(reader)
    os.close(writer)
    sys.setswitchinterval(before)
    return sorted(times), passes


@contextmanager
def raw_file(directory: str, preallocated: bool) -> Iterator[Callable[[bytes], None]]:
    handle, path = tempfile.mkstemp(dir=directory)
    if preallocated:
        for offset in range(0, SINGLES * (max(BODY_BYTES) + 100), 1 << 20):
            os.pwrite(handle, bytes(1 << 20), offset)
    os.fsync(handle)
    offset = 0

    def write(body: bytes) -> None:
        nonlocal offset
        offset += os.pwritev(handle, (HEAD, body), offset)
        os.fdatasync(handle)

    yield write
    os.close(handle)
    os.unlink(path)


@contextmanager
def journal(directory: str, sync: str) -> Iterator[tuple[Journal, Lock]]:
    """An empty journal, and a lock that its thread opens whenever something became durable."""
    moved = allocate_lock()
    moved.acquire()

    def on_durable() -> None:
        if moved.locked():
            moved.release()

    with tempfile.TemporaryDirectory(dir=directory) as folder:
        store = Journal(folder, sync=sync, on_durable=on_durable, on_failure=print)
        list(store.recover())
        yield store, moved
        store.close()


if __name__ == "__main__":
    main()
