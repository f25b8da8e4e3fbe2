"""What the statistics of the management API cost those who publish and consume.

    python tests/bench/bench_statistics.py
    python tests/bench/bench_statistics.py --rounds 9 --seconds 3 --only S1

What: CPU per message of three brokers under the same load, each a process of its own that is
started anew for every run:

    off      no HTTP listener: nothing is sampled
    idle     the listener is there, rates are sampled, nobody asks
    asked    one client asks for /api/queues and /api/overview every second, as a monitor does

How: each round takes them in turn, the other way round every second time; the figure is the median
over the rounds of what a broker cost in proportion to `off` in the same round. On a machine with
other work a single round is off by several per cent, a median of nine by about one.
"""

import argparse
import base64
import multiprocessing
import statistics
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from bench_broker import measure
from process import OwnBroker
from scenarios import SCENARIOS, Scenario

KINDS = ("off", "idle", "asked")
ASKED = ("/api/queues", "/api/overview")
INTERVAL_S = 1.0
AUTHORIZATION = "Basic " + base64.b64encode(b"guest:guest").decode()


def main() -> None:
    options = parse()
    for scenario in SCENARIOS:
        if scenario.name in options.only.split(","):
            print(f"{scenario.name}: {scenario.title}", flush=True)
            report(rounds(scenario, options.rounds, options.seconds))


def rounds(scenario: Scenario, count: int, seconds: float) -> list[dict[str, float]]:
    """For each round: CPU microseconds per message by kind of broker."""
    found = []
    for number in range(count):
        kinds = KINDS if number % 2 == 0 else KINDS[::-1]
        found.append({kind: cost(kind, scenario, seconds) for kind in kinds})
    return found


def cost(kind: str, scenario: Scenario, seconds: float) -> float:
    with OwnBroker(http=kind != "off") as broker, asking(broker.http_port, kind == "asked"):
        result = measure(scenario, broker, seconds)
    if result.broker_us_per_message is None:
        raise SystemExit("the CPU time of a process is known on Linux only")
    return result.broker_us_per_message


@contextmanager
def asking(port: int, wanted: bool) -> Iterator[None]:
    """A client of the API, while the block runs."""
    over = threading.Event()
    client = threading.Thread(target=ask_until, args=(over, port), daemon=True)
    if wanted:
        client.start()
    try:
        yield
    finally:
        over.set()
        if wanted:
            client.join()


def ask_until(over: threading.Event, port: int) -> None:
    while not over.wait(INTERVAL_S):
        for path in ASKED:
            headers = {"Authorization": AUTHORIZATION}
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()


def report(found: list[dict[str, float]]) -> None:
    for kind in KINDS:
        median = statistics.median(each[kind] for each in found)
        ratios = sorted(each[kind] / each["off"] for each in found)
        print(
            f"  {kind:6} {median:8.3f} us/msg   {statistics.median(ratios) - 1:+7.1%} of off"
            f"   (rounds {ratios[0] - 1:+.1%} to {ratios[-1] - 1:+.1%})",
            flush=True,
        )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="S1,S2", help="scenarios by name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time of each run")
    return parser.parse_args()


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    sys.exit(main())
