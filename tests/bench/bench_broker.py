"""Loads a broker with each scenario in turn and prints what it did and what it cost.

    python tests/bench/bench_broker.py                       a broker of its own
    python tests/bench/bench_broker.py --port 5672 --pid N   one that runs already
    python tests/bench/bench_broker.py --sink                no broker: what the generator reaches

README.md in this folder says how to read the figures.
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import load
from connection import Connection, Refused
from process import GivenBroker, OwnBroker, cpu_seconds
from scenarios import EXCHANGE, SCENARIOS, Scenario
from sink import Sink

WARM_UP_SHARE = 0.2
READY_SECONDS_MAX = 20.0
CONFIRM_SECONDS_MAX = 20.0
DRAIN_SECONDS_MAX = 20.0
QUIET_SECONDS = 1.0

Broker = OwnBroker | GivenBroker | Sink


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of all counters at one moment."""

    time: float
    published: int
    confirmed: int
    delivered: int
    broker_cpu: float | None
    generator_cpu: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """Rates over the measured time.

    `backlog` is how far the publishers were ahead of the consumers at its end, `left` what was
    published and never delivered although nothing else was on the way any more.
    """

    published_per_s: float
    confirmed_per_s: float
    delivered_per_s: float
    broker_cpu_s_per_s: float | None
    broker_us_per_message: float | None
    generator_cpu_s_per_s: float | None
    backlog: int
    left: int


class Load:
    """The processes that load a broker with one scenario."""

    def __init__(self, scenario: Scenario, broker: Broker) -> None:
        self._scenario = scenario
        self._broker = broker
        self._counters = load.Counters(scenario.producers, scenario.consumers)
        self._consumers = [
            self._process(load.consume, number) for number in range(scenario.consumers)
        ]
        self._producers = [
            self._process(load.produce, number) for number in range(scenario.producers)
        ]

    def start(self) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        for process in self._consumers + self._producers:
            process.start()
        while not all(self._counters.ready):
            if time.monotonic() > deadline or self._failed():
                raise LoadFailed("the load generator could not start")
            time.sleep(0.01)

    def sample(self) -> Sample:
        if self._failed():
            raise LoadFailed("a process of the load generator failed")
        costs = [cpu_seconds(process.pid) for process in self._consumers + self._producers]
        return Sample(
            time.monotonic(),
            sum(self._counters.published),
            sum(self._counters.confirmed),
            sum(self._counters.delivered),
            cpu_seconds(self._broker.pid),
            None if None in costs else sum(cost for cost in costs if cost is not None),
        )

    def end(self) -> int:
        """Stops publishing, waits for what is on the way; returns how much never came."""
        self._counters.stop[0] = 1
        for producer in self._producers:
            producer.join(CONFIRM_SECONDS_MAX)
            if producer.exitcode != 0:
                raise LoadFailed("a producer did not get its confirms")
        return self._wait_for_the_rest() if self._consumers else 0

    def signal_producers(self, number: int) -> None:
        for producer in self._producers:
            assert producer.pid is not None
            os.kill(producer.pid, number)

    def kill(self) -> None:
        for process in self._consumers + self._producers:
            if process.pid is not None:
                process.kill()
                process.join()

    def _wait_for_the_rest(self) -> int:
        expected = sum(self._counters.published) * self._scenario.copies
        deadline = time.monotonic() + DRAIN_SECONDS_MAX
        before, changed = -1, time.monotonic()
        while (seen := sum(self._counters.delivered)) < expected:
            now = time.monotonic()
            if seen != before:
                before, changed = seen, now
            if now > changed + QUIET_SECONDS:
                return expected - seen
            if now > deadline:
                return 0  # a backlog that shrinks is slow, not lost
            time.sleep(0.05)
        return expected - seen

    def _process(self, loop: Callable[[load.Worker], None], number: int) -> multiprocessing.Process:
        worker = load.Worker(self._scenario, self._broker.port, self._counters, number)
        return multiprocessing.Process(target=load.run, args=(loop, worker), daemon=True)

    def _failed(self) -> bool:
        return any(process.exitcode for process in self._consumers + self._producers)


class LoadFailed(Exception):
    """The scenario has no figures; a process of the generator has printed why."""


def measure(scenario: Scenario, broker: Broker, seconds: float) -> Result:
    with topology(scenario, broker.port):
        processes = Load(scenario, broker)
        try:
            processes.start()
            time.sleep(seconds * WARM_UP_SHARE)
            first = processes.sample()
            time.sleep(seconds)
            last = processes.sample()
            left = 0 if isinstance(broker, Sink) else processes.end()
        finally:
            processes.kill()
    return compare(scenario, first, last, left)


@contextmanager
def topology(scenario: Scenario, port: int) -> Iterator[None]:
    connection = Connection(port)
    connection.exchange_delete(EXCHANGE)
    connection.exchange_declare(EXCHANGE, scenario.kind, scenario.persistent)
    for queue in scenario.queue_names:
        connection.queue_delete(queue)
        connection.queue_declare(queue, scenario.persistent)
        connection.queue_bind(queue, EXCHANGE, queue)
    connection.close()
    try:
        yield
    finally:
        connection = Connection(port)
        for queue in scenario.queue_names:
            connection.queue_delete(queue)
        connection.exchange_delete(EXCHANGE)
        connection.close()


def compare(scenario: Scenario, first: Sample, last: Sample, left: int) -> Result:
    elapsed = last.time - first.time
    figure = getattr(last, scenario.figure) - getattr(first, scenario.figure)
    broker = difference(first.broker_cpu, last.broker_cpu)
    generator = difference(first.generator_cpu, last.generator_cpu)
    return Result(
        published_per_s=(last.published - first.published) / elapsed,
        confirmed_per_s=(last.confirmed - first.confirmed) / elapsed,
        delivered_per_s=(last.delivered - first.delivered) / elapsed,
        broker_cpu_s_per_s=None if broker is None else broker / elapsed,
        broker_us_per_message=None if broker is None or not figure else broker / figure * 1e6,
        generator_cpu_s_per_s=None if generator is None else generator / elapsed,
        backlog=max(0, last.published * scenario.copies - last.delivered)
        if scenario.consumers
        else 0,
        left=left,
    )


def difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


HEADINGS = ("published/s", "confirmed/s", "delivered/s", "broker cpu", "us/msg", "load cpu")


def heading() -> str:
    columns = "  ".join(f"{name:>11}" for name in HEADINGS)
    return f"{'':5}{'':70}{columns}  {'backlog':>9}"


def row(scenario: Scenario, result: Result) -> str:
    rates = (result.published_per_s, result.confirmed_per_s, result.delivered_per_s)
    costs = (
        result.broker_cpu_s_per_s,
        result.broker_us_per_message,
        result.generator_cpu_s_per_s,
    )
    columns = [f"{rate:11,.0f}" if rate else f"{'-':>11}" for rate in rates]
    columns += [f"{cost:11.2f}" if cost is not None else f"{'-':>11}" for cost in costs]
    lost = f"  {result.left:,} NEVER DELIVERED" if result.left else ""
    return f"{scenario.name:5}{scenario.title:70}{'  '.join(columns)}  {result.backlog:9,}{lost}"


def run(scenarios: list[Scenario], broker: Broker | None, arguments: argparse.Namespace) -> int:
    results: dict[str, object] = {}
    failed = 0
    if not arguments.json:
        print(heading(), flush=True)
    for scenario in scenarios:
        try:
            result = measure_somewhere(scenario, broker, arguments.seconds)
        except (LoadFailed, Refused, OSError) as error:
            failed += 1
            results[scenario.name] = {"title": scenario.title, "error": str(error)}
            print(f"{scenario.name:5}{scenario.title:70}{error}", file=sys.stderr, flush=True)
            continue
        results[scenario.name] = {"title": scenario.title, **dataclasses.asdict(result)}
        if not arguments.json:
            print(row(scenario, result), flush=True)
    if arguments.json:
        json.dump(results, sys.stdout, indent=1)
    return 1 if failed else 0


def measure_somewhere(scenario: Scenario, broker: Broker | None, seconds: float) -> Result:
    if broker is not None:
        return measure(scenario, broker, seconds)
    with Sink(scenario) as sink:
        # Nothing passes through a sink, so there is no backlog between its two sides.
        return dataclasses.replace(measure(scenario, sink, seconds), backlog=0)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, help="a broker that runs on this port of 127.0.0.1")
    parser.add_argument("--pid", type=int, help="the process of that broker, to see its CPU time")
    parser.add_argument("--sink", action="store_true", help="load a peer that does no work")
    parser.add_argument("--only", default="", help="scenarios by name, such as S1,S3")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time per scenario")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    names = arguments.only.split(",") if arguments.only else [s.name for s in SCENARIOS]
    unknown = set(names) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        raise SystemExit(f"no such scenario: {', '.join(sorted(unknown))}")
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in names]
    if arguments.sink:
        return run(scenarios, None, arguments)
    given = arguments.port is not None
    with GivenBroker(arguments.port, arguments.pid) if given else OwnBroker() as broker:
        return run(scenarios, broker, arguments)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    sys.exit(main())
