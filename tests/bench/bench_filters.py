"""What filters cost: compiling one, evaluating one, finding the matching ones among many.

    python tests/bench/bench_filters.py                     everything, some minutes
    python tests/bench/bench_filters.py --filters-max 1000  shorter
    python tests/bench/bench_filters.py --only index

Times are the least of several runs, in CPU time of this process, so that what else the machine does
counts for little. Headers are decoded, as the broker has them once per message. Each table stands
beside a baseline: a bare look-up in a dictionary for one evaluation, and evaluating every filter
for an index.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

from warrener.exchange.filters import Filter, FilterIndex, SampleProperties

SIZES = (1, 10, 100, 1_000, 10_000, 100_000)
RUNS = 7
SECONDS_PER_RUN = 0.05
# Evaluating more filters than this one by one would only repeat the line above.
NAIVE_MAX = 10_000

HEADERS = {
    "region": "EU",
    "amount": 250.5,
    "status": "paid",
    "name": "Alice",
    "cancelled": False,
    "weight": 5,
    "price": 10.5,
    "quantity": 100,
    "discount": 0.25,
}

SINGLE = {
    "one comparison": "region = 'EU'",
    "five comparisons": (
        "region = 'EU' AND amount > 100 AND weight <= 20 AND status <> 'open' AND quantity = 100"
    ),
    "five operators, mixed": (
        "region = 'EU' AND amount > 100 AND status IN ('paid', 'open') AND NOT cancelled"
        " AND name LIKE 'A%'"
    ),
    "five operators, arithmetic": "price * quantity * (1 - discount) > 500 AND weight < 6",
    "five operators, the first decides": (
        "region = 'US' AND amount > 100 AND weight <= 20 AND status <> 'open' AND quantity = 100"
    ),
}

WORST_TO_PARSE = {
    "250 alternatives": " OR ".join(f"a = {number}" for number in range(250)),
    "64 parentheses": "(" * 64 + "a = 1" + ")" * 64,
    "64 levels of everything": "(b OR b AND NOT b = 1 - 2 * " * 31 + "b" + ")" * 31 + " = b",
    "IN with 497 choices": "a IN (" + ", ".join(str(number) for number in range(497)) + ")",
}


@dataclass(frozen=True, slots=True)
class Load:
    """Filters by number, and a message that finds few or many of them."""

    name: str
    sql: Callable[[int], str]
    headers: Callable[[int], dict[str, object]]


LOADS = (
    Load(
        "selective: region = 'R<i>' AND amount > <j>, one matches",
        lambda number: f"region = 'R{number}' AND amount > {number % 100}",
        lambda size: {"region": f"R{size // 2}", "amount": 100, "id": 1},
    ),
    Load(
        "selective: id BETWEEN <10i> AND <10i + 9>, one matches",
        lambda number: f"id BETWEEN {number * 10} AND {number * 10 + 9}",
        lambda size: {"region": "R1", "amount": 100, "id": size // 2 * 10 + 5},
    ),
    Load(
        "selective: name LIKE 'N<i>-%', one matches",
        lambda number: f"name LIKE 'N{number}-%'",
        lambda size: {"region": "R1", "name": f"N{size // 2}-x", "id": 1},
    ),
    Load(
        "unselective: amount > <i>, all match",
        lambda number: f"amount > {number}",
        lambda size: {"region": "R1", "amount": size + 1, "id": 1},
    ),
    Load(
        "no access: region IS NULL OR amount <> <i>, all but one match",
        lambda number: f"region IS NULL OR amount <> {number}",
        lambda size: {"region": "R1", "amount": size // 2, "id": 1},
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--filters-max", type=int, default=SIZES[-1])
    parser.add_argument("--only", choices=("compile", "evaluate", "index"))
    arguments = parser.parse_args()
    if arguments.only in (None, "compile"):
        compile_table()
    if arguments.only in (None, "evaluate"):
        evaluate_table()
    if arguments.only in (None, "index"):
        for load in LOADS:
            index_table(load, arguments.filters_max)


def compile_table() -> None:
    print("\nfrom text to a compiled filter")
    Filter("a = 1", None)
    line("tags, two", seconds_of(lambda: Filter(None, "TagA || TagB")))
    for name, sql in (SINGLE | WORST_TO_PARSE).items():
        line(name, seconds_of(lambda sql=sql: Filter(sql, None)))


def evaluate_table() -> None:
    print("\none evaluation, headers decoded")
    properties = SampleProperties(headers=HEADERS)
    line("baseline: headers.get('region') == 'EU'", seconds_of(baseline))
    for name, sql in SINGLE.items():
        filter = Filter(sql, None)
        line(name, seconds_of(lambda filter=filter: filter.matches(properties)))


def baseline() -> bool:
    return HEADERS.get("region") == "EU"


def index_table(load: Load, filters_max: int) -> None:
    print(f"\nper message: {load.name}")
    print(f"{'filters':>10} {'index':>12} {'one by one':>12} {'evaluated':>10} {'add, each':>12}")
    for size in [size for size in SIZES if size <= filters_max]:
        filters = [Filter(load.sql(number), None) for number in range(size)]
        index, adding = filled(filters)
        properties = SampleProperties(headers=load.headers(size))
        index.match(properties)
        evaluated = index.statistics().evaluations
        indexed = seconds_of(lambda index=index, sent=properties: index.match(sent))
        print(
            f"{size:>10,} {shown(indexed):>12} {naive(filters, properties):>12} "
            f"{evaluated:>10,} {shown(adding / size):>12}"
        )


def filled(filters: list[Filter]) -> tuple[FilterIndex[int], float]:
    index: FilterIndex[int] = FilterIndex()
    started = time.process_time()
    for number, filter in enumerate(filters):
        index.add(filter, number)
    return index, time.process_time() - started


def naive(filters: list[Filter], properties: SampleProperties) -> str:
    if len(filters) > NAIVE_MAX:
        return "-"
    return shown(seconds_of(lambda: [each for each in filters if each.matches(properties)]))


def seconds_of(do: Callable[[], object]) -> float:
    """The least CPU time of one call."""
    do()
    started = time.process_time()
    do()
    once = max(time.process_time() - started, 1e-7)
    calls = max(1, min(100_000, int(SECONDS_PER_RUN / once)))
    return min(run(do, calls) for _ in range(RUNS)) / calls


def run(do: Callable[[], object], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        do()
    return time.process_time() - started


def line(name: str, seconds: float) -> None:
    print(f"    {name:<44} {shown(seconds):>12}")


def shown(seconds: float) -> str:
    for factor, unit in ((1e9, "ns"), (1e6, "us"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:,.3g} {unit}"
    return f"{seconds:,.3g} s"


if __name__ == "__main__":
    main()
