"""Three choices of the journal's writer, measured: how files grow, one call or two, and who waits.

    .venv/bin/python tests/bench/bench_files.py [DIRECTORY]

The files take about 150 MiB in DIRECTORY (the current one by default) and are removed at the end.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable

Write = Callable[[int, bytes, int], None]

MIB = 1 << 20
ZEROS = bytes(MIB)
BUSY_S = 1.0


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    with tempfile.TemporaryDirectory(prefix="bench-files-", dir=folder) as directory:
        path = os.path.join(directory, "file")
        print_growth(path)
        print_calls(path)


def print_growth(path: str) -> None:
    print("microseconds for write + fdatasync")
    print(f"  {'batch':>8}  {'file':<26}  {'p50':>7}  {'p99':>7}  {'mean':>7}")
    for size, count in ((4096, 1500), (65536, 400), (MIB, 60)):
        for name in ("grows", "posix_fallocate", "zeros beforehand", "zeros, 1 MiB at a time"):
            times = sorted(growth(path, name, size, count))
            p50, p99 = times[count // 2], times[count * 99 // 100]
            mean = statistics.fmean(times)
            print(f"  {size:>8}  {name:<26}  {p50:>7.0f}  {p99:>7.0f}  {mean:>7.0f}")


def growth(path: str, name: str, size: int, count: int) -> list[float]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    prepare(handle, name, size * count)
    batch = os.urandom(size)
    filled = 0 if name == "zeros, 1 MiB at a time" else sys.maxsize
    times = []
    for offset in range(0, size * count, size):
        pieces = [batch]
        if offset + size > filled:
            pieces.append(ZEROS)
            filled = offset + size + MIB
        began = time.perf_counter()
        os.pwritev(handle, pieces, offset)
        os.fdatasync(handle)
        times.append((time.perf_counter() - began) * 1e6)
    os.close(handle)
    return times


def prepare(handle: int, name: str, total: int) -> None:
    if name == "posix_fallocate":
        os.posix_fallocate(handle, 0, total)
    if name == "zeros beforehand":
        for offset in range(0, total, MIB):
            os.pwrite(handle, ZEROS, offset)
    os.fsync(handle)


def print_calls(path: str) -> None:
    """A sync thread has to wait for the interpreter after each call while another thread works."""
    print(f"\nsyncs of 64 KiB a second for {BUSY_S:.0f} s, beside a main thread that")
    print(f"  {'':<26}  {'is idle':>10}  {'does I/O':>10}  {'computes':>10}")
    calls: dict[str, Write] = {"pwrite, fdatasync": two_calls, "pwritev(RWF_DSYNC)": one_call}
    for name, write in calls.items():
        rates = [syncs(path, write, busy) for busy in (idle, busy_with_calls, busy_computing)]
        print(f"  {name:<26}", *(f"{rate:>10,.0f}" for rate in rates), sep="  ")


def two_calls(handle: int, data: bytes, offset: int) -> None:
    os.pwrite(handle, data, offset)
    os.fdatasync(handle)


def one_call(handle: int, data: bytes, offset: int) -> None:
    os.pwritev(handle, [data], offset, os.RWF_DSYNC)


def syncs(path: str, write: Write, busy: Callable[[threading.Event], None]) -> float:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    prepare(handle, "zeros beforehand", MIB)
    stop = threading.Event()
    count = 0

    def sync() -> None:
        nonlocal count
        while not stop.is_set():
            write(handle, ZEROS[:65536], 65536 * (count % 16))
            count += 1

    thread = threading.Thread(target=sync)
    timer = threading.Timer(BUSY_S, stop.set)
    thread.start()
    timer.start()
    busy(stop)
    thread.join()
    os.close(handle)
    return count / BUSY_S


def idle(stop: threading.Event) -> None:
    stop.wait()


def busy_with_calls(stop: threading.Event) -> None:
    reader, writer = os.pipe()
    while not stop.is_set():
        sum(range(3000))
        os.write(writer, b"x")
        os.read(reader, 1)
    os.close(reader)
    os.close(writer)


def busy_computing(stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        for _ in range(3000):
            number += 1


if __name__ == "__main__":
    main()
