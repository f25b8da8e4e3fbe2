"""Runs the test suites of AMQP clients against Warrener, or any broker, and says what broke.

    python tests/interop/suites/run.py                        all of them, each on a fresh Warrener
    python tests/interop/suites/run.py --only kombu,aiormq    some
    python tests/interop/suites/run.py --url amqp://guest:guest@127.0.0.1:5672    RabbitMQ, say

Clients and tests come from PyPI, npm and Debian's packages and are kept in the temporary directory
for the next run. Exit status 1 if a test fails that known_differences.md does not name.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# The folder of a script comes first in the path, and there our runners would hide the clients.
sys.path[0] = str(HERE.parents[2])

from tests.interop.running_broker import BrokerDidNotStart, RunningBroker  # noqa: E402
from tests.interop.suites.command import TookTooLong  # noqa: E402
from tests.interop.suites.outcomes import (  # noqa: E402
    Outcomes,
    read_exclusions,
    read_known_differences,
    record,
)
from tests.interop.suites.runners import (  # noqa: E402
    aio_pika,
    aiormq,
    amqp091_go,
    amqp_tools,
    amqpstorm,
    kombu,
    node_amqplib,
    py_amqp,
)
from tests.interop.suites.trial import Address, Trial, cache_folder  # noqa: E402
from tests.interop.suites.workshop import InstallationFailed, Workshop  # noqa: E402

KNOWN_DIFFERENCES = HERE.parent / "known_differences.md"
SUITE_SECONDS_MAX = 300

RUNNERS: dict[str, Callable[[Trial], None]] = {
    "py-amqp": py_amqp.run,
    "kombu": kombu.run,
    "aiormq": aiormq.run,
    "aio-pika": aio_pika.run,
    "amqpstorm": amqpstorm.run,
    "node-amqplib": node_amqplib.run,
    "amqp-tools": amqp_tools.run,
    "amqp091-go": amqp091_go.run,
}
SECONDS_MAX = {"aio-pika": 1200, "aiormq": 600}
NOT_YET = {
    "amqpstorm-mgmt": "needs the management API",
    "rabbitmqadmin": "needs the management API",
}


@dataclass(frozen=True, slots=True)
class Result:
    suite: str
    outcomes: Outcomes
    seconds: float
    log: Path


def main() -> int:
    arguments = parse()
    results = []
    for suite in arguments.only or RUNNERS:
        results.append(run_suite(suite, arguments.url))
        print_row(results[-1], header=len(results) == 1)
    for suite, reason in NOT_YET.items():
        if not arguments.only:
            print(f"{suite:<14} not yet: {reason}")
    known = read_known_differences(KNOWN_DIFFERENCES)
    return 1 if sum(print_failures(result, known) for result in results) else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", type=suites, metavar="NAMES", help=", ".join(RUNNERS))
    parser.add_argument("--url", help="a broker that runs already")
    return parser.parse_args()


def suites(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name in NOT_YET:
            raise argparse.ArgumentTypeError(f"{name} is not run yet: {NOT_YET[name]}")
        if name not in RUNNERS:
            raise argparse.ArgumentTypeError(f"no suite {name!r}; there are {', '.join(RUNNERS)}")
    return names


def run_suite(suite: str, url: str | None) -> Result:
    """Run one suite; what keeps it from running counts as a failure."""
    workshop = Workshop(cache_folder() / suite)
    files = {name: workshop.folder / f"{name}.txt" for name in ("outcomes", "exclusions", "log")}
    for file in files.values():
        file.write_text("")
    exclude = HERE / "exclude" / f"{suite}.txt"
    if exclude.exists():
        files["exclusions"].write_text("\n".join(read_exclusions(exclude)))
    start = time.monotonic()
    try:
        with broker_at(url, files["outcomes"], workshop.folder / "broker.log") as address:
            trial = Trial(
                Address.of(address),
                is_warrener=url is None,
                workshop=workshop,
                **files,
                seconds_max=SECONDS_MAX.get(suite, SUITE_SECONDS_MAX),
            )
            RUNNERS[suite](trial)
    except (BrokerDidNotStart, InstallationFailed, TookTooLong) as error:
        record(files["outcomes"], "failed", f"(the suite itself) {error}".replace("\n", " | "))
    outcomes = Outcomes.read(files["outcomes"])
    return Result(suite, outcomes, time.monotonic() - start, files["log"])


@contextlib.contextmanager
def broker_at(url: str | None, outcomes: Path, log: Path) -> Iterator[str]:
    """A broker of our own unless there is one; ours must live to the end, and know no mistakes."""
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="warrener-suite-") as folder:
        broker = RunningBroker(Path(folder))
        broker.start()
        try:
            yield broker.url
        finally:
            status = broker.stop()
            said = Path(folder, "broker.log").read_text(errors="replace")
            log.write_text(said)
            if status != 0:
                record(outcomes, "failed", f"(the broker) ended with status {status}, see {log}")
            if "unexpected internal error" in said:
                record(outcomes, "failed", f"(the broker) had an internal error, see {log}")


def print_row(result: Result, header: bool) -> None:
    columns = ("passed", "failed", "skipped", "excluded")
    if header:
        print(f"{'suite':<14}{''.join(f'{name:>10}' for name in columns)}{'time':>9}")
    counts = "".join(f"{result.outcomes.count(name):>10}" for name in columns)
    print(f"{result.suite:<14}{counts}{result.seconds:>7.0f} s", flush=True)


def print_failures(result: Result, known: dict[str, set[str]]) -> int:
    """Returns how many of them are not known differences."""
    expected = known.get(result.suite, set())
    failed = result.outcomes.ids("failed")
    if failed:
        print(f"\n{result.suite}, {result.log}:")
    for test in failed:
        print(f"  {'known ' if test in expected else 'FAILED'} {test}")
    for test in sorted(expected - set(failed)):
        if result.outcomes.by_id.get(test) == "passed":
            print(f"\n{result.suite}: passes although listed as a known difference: {test}")
    return len(set(failed) - expected)


if __name__ == "__main__":
    sys.exit(main())
