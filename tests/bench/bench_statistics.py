"""What the statistics of the management API cost those who publish and consume.

    python tests/bench/bench_statistics.py
    python tests/bench/bench_statistics.py --rounds 100 --only S1

What: CPU per message of three brokers under the same load, each a process of its own that is
started anew for every run:

    off      no HTTP listener: nothing is sampled
    idle     the listener is there, rates are sampled, nobody asks
    asked    one client asks for /api/queues and /api/overview every second, as a monitor does

How: all three run at the same time, each with its own load, but only one of the publishers runs at
a time, for SLICE_S; then the next one goes on. So what else the machine does falls on all three
alike, which runs one after the other do not achieve on a shared machine. The figure is CPU over
messages of all slices together; beside it stand the quartiles of single rounds.
"""

import argparse
import base64
import multiprocessing
import signal
import statistics
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench_broker import Load, topology
from process import OwnBroker
from scenarios import SCENARIOS, Scenario

KINDS = ("off", "idle", "asked")
ASKED = ("/api/queues", "/api/overview")
INTERVAL_S = 1.0
SLICE_S = 0.4
WARM_UP_ROUNDS = 2
QUIET_S = 0.02
AUTHORIZATION = "Basic " + base64.b64encode(b"guest:guest").decode()


@dataclass(slots=True)
class Contender:
    """A broker with its load, and what each slice has cost: CPU seconds and messages."""

    kind: str
    load: Load
    slices: list[tuple[float, int]] = field(default_factory=list)

    def run(self, scenario: Scenario) -> None:
        """One slice, with all that is on the way at its end."""
        before = self.load.sample()
        self.load.signal_producers(signal.SIGCONT)
        time.sleep(SLICE_S)
        self.load.signal_producers(signal.SIGSTOP)
        while (now := self.load.sample()).delivered < now.published * scenario.copies:
            time.sleep(QUIET_S)
        if before.broker_cpu is None or now.broker_cpu is None:
            raise SystemExit("the CPU time of a process is known on Linux only")
        self.slices.append((now.broker_cpu - before.broker_cpu, now.delivered - before.delivered))


def main() -> None:
    options = parse()
    for scenario in SCENARIOS:
        if scenario.name in options.only.split(","):
            print(f"{scenario.name}: {scenario.title}", flush=True)
            report(contest(scenario, options.rounds))


def contest(scenario: Scenario, rounds: int) -> list[Contender]:
    with ExitStack() as stack:
        contenders = [Contender(kind, started(kind, scenario, stack)) for kind in KINDS]
        for number in range(WARM_UP_ROUNDS + rounds):
            for contender in contenders if number % 2 == 0 else contenders[::-1]:
                contender.run(scenario)
        for contender in contenders:
            del contender.slices[:WARM_UP_ROUNDS]
    return contenders


def started(kind: str, scenario: Scenario, stack: ExitStack) -> Load:
    """The load of a new broker, with its producers stopped."""
    broker = stack.enter_context(OwnBroker(http=kind != "off"))
    stack.enter_context(topology(scenario, broker.port))
    stack.enter_context(asking(broker.http_port, kind == "asked"))
    load = Load(scenario, broker)
    stack.callback(load.kill)
    load.start()
    load.signal_producers(signal.SIGSTOP)
    return load


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


def report(contenders: list[Contender]) -> None:
    off = contenders[0]
    for each in contenders:
        pairs = zip(each.slices, off.slices, strict=True)
        rounds = [cost([ours]) / cost([base]) - 1 for ours, base in pairs]
        low, _, high = statistics.quantiles(rounds, n=4)
        print(
            f"  {each.kind:6} {cost(each.slices) * 1e6:8.3f} us/msg"
            f"   {cost(each.slices) / cost(off.slices) - 1:+7.1%}"
            f"   (a round: {low:+.1%} to {high:+.1%})",
            flush=True,
        )


def cost(slices: list[tuple[float, int]]) -> float:
    """CPU seconds per message."""
    return sum(cpu for cpu, _ in slices) / sum(messages for _, messages in slices)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="S1,S2", help="scenarios by name")
    parser.add_argument("--rounds", type=int, default=40)
    return parser.parse_args()


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    sys.exit(main())
