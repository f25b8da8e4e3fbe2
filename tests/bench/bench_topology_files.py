"""A large topology: how long it takes to validate, to plan, to apply and to export.

    .venv/bin/python tests/bench/bench_topology_files.py [--filters N]

100 virtual hosts, 10,000 queues and 50,000 bindings, a tenth of them with one of N filters (1000 by
default). The broker is one in this process that forgets.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from warrener.exchange.broker import Broker
from warrener.exchange.server.codec import CODEC
from warrener.exchange.topology.applying import apply
from warrener.exchange.topology.document import LOADER
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.loading import Topology
from warrener.exchange.topology.writing import as_definitions, as_yaml
from warrener.storage.null import NullStore

VHOSTS = 100
QUEUES = 100
EXCHANGES = 10
BINDINGS = 500

Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filters", type=int, default=1000)
    arguments = parser.parse_args()
    text = topology_text(arguments.filters)
    print(f"{len(text) >> 10} KiB of YAML, parser {LOADER.__name__}")
    broker = Broker(NullStore(), CODEC)
    target = InProcess(broker)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "topology.yaml"
        path.write_text(text, "utf-8")
        topology = timed("validate", lambda: Topology.load(path))
        plan = timed("plan", lambda: topology.plan(broker))
        outcome = timed("apply", lambda: apply(plan, target))
        assert outcome.failed is None, outcome
        again = timed("plan again", lambda: topology.plan(broker))
        assert again.is_empty, again.text()
        state = timed("read", target.read).state
        path.write_text(timed("export YAML", lambda: as_yaml(state)), "utf-8")
        definitions = Path(folder) / "definitions.json"
        definitions.write_text(timed("export JSON", lambda: as_definitions(state)), "utf-8")
        timed("validate JSON", lambda: Topology.load(definitions))
    print(f"{len(outcome.done)} steps")


def timed(name: str, work: Callable[[], Result]) -> Result:
    began, used = time.perf_counter(), time.process_time()
    result = work()
    elapsed, used = time.perf_counter() - began, time.process_time() - used
    print(f"{name:<14} {elapsed:6.2f} s, {used:6.2f} s of CPU")
    sys.stdout.flush()
    return result


def topology_text(filters: int) -> str:
    lines = ["version: 1", "vhosts:"]
    for vhost in range(VHOSTS):
        lines += [f"- name: v{vhost}", "  exchanges:"]
        lines += [f"  - {{ name: e{number}, type: topic }}" for number in range(EXCHANGES)]
        lines.append("  queues:")
        lines += [
            f"  - {{ name: q{number}, message-ttl: 1h, max-length: 100k }}"
            for number in range(QUEUES)
        ]
        lines.append("  bindings:")
        for number in range(BINDINGS):
            condition = (vhost * BINDINGS + number) // 10 % max(filters, 1)
            chosen = f", filter: {{ sql: \"region = 'r{condition}' AND amount > 10\" }}"
            given = chosen if filters and number % 10 == 0 else ""
            ends = f"source: e{number % EXCHANGES}, queue: q{number % QUEUES}"
            lines.append(f"  - {{ {ends}, routing_key: key.{number}{given} }}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
