"""The suites there are, and how one is run against a broker.

What: `SUITES` has each `Suite` by name; `run_suite` runs one and returns a `Result`: the outcome of
every test, and those failures that are not known differences.

How: a suite whose tests mostly wait is run in shards, side by side, each with its part of the tests
and with a broker of its own, so that names which the tests share do not meet. With a broker that is
given from outside there is one shard. A broker of ours must live to the end and know no mistakes.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.interop.running_broker import BrokerDidNotStart, RunningBroker
from tests.interop.suites.command import TookTooLong
from tests.interop.suites.outcomes import (
    Outcomes,
    read_exclusions,
    read_known_differences,
    record,
)
from tests.interop.suites.runners import (
    aio_pika,
    aiormq,
    amqp091_go,
    amqp_tools,
    amqpstorm,
    amqpstorm_management,
    flower,
    grafana,
    kombu,
    node_amqplib,
    py_amqp,
    rabbitmqadmin,
)
from tests.interop.suites.trial import Address, Trial
from tests.interop.suites.workshop import Workshop

HERE = Path(__file__).parent
KNOWN_DIFFERENCES = HERE.parent / "known_differences.md"


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    run: Callable[[Trial], None]
    seconds_max: float = 300
    shards: int = 1


SUITES = {
    suite.name: suite
    for suite in (
        Suite("py-amqp", py_amqp.run),
        Suite("kombu", kombu.run, shards=3),
        Suite("aiormq", aiormq.run, seconds_max=600, shards=6),
        Suite("aio-pika", aio_pika.run, seconds_max=1200),
        Suite("amqpstorm", amqpstorm.run, shards=4),
        Suite("amqpstorm-mgmt", amqpstorm_management.run),
        Suite("node-amqplib", node_amqplib.run),
        Suite("amqp-tools", amqp_tools.run),
        Suite("amqp091-go", amqp091_go.run),
        Suite("rabbitmqadmin", rabbitmqadmin.run),
        Suite("grafana", grafana.run),
        Suite("flower", flower.run),
    )
}
COLUMNS = ("passed", "failed", "skipped", "excluded")


@dataclass(frozen=True, slots=True)
class Result:
    suite: str
    outcomes: Outcomes
    known: set[str]
    """The tests that may fail."""
    seconds: float
    folder: Path
    """Where logs and outcomes are."""

    @property
    def unexpected(self) -> list[str]:
        """What went wrong and should not have."""
        failed = [test for test in self.outcomes.ids("failed") if test not in self.known]
        if not self.outcomes.count("passed"):
            failed.append("(the suite itself) no test passed")
        return failed

    @property
    def row(self) -> str:
        counts = [f"{self.outcomes.count(column)} {column}" for column in COLUMNS]
        known = len(self.known.intersection(self.outcomes.ids("failed")))
        again = len(self.outcomes.repeated - self.known)
        counts[1] += f" ({known} known)" if known else ""
        counts += [f"{again} tried again"] if again else []
        return f"{self.suite}: {', '.join(counts)} in {self.seconds:.0f} s"


def run_suite(suite: Suite, workshop: Workshop, folder: Path, url: str | None = None) -> Result:
    """Run a suite on brokers of its own, or on the one at `url`.

    Raises: InstallationFailed.
    """
    outcomes, exclusions = folder / "outcomes.txt", folder / "exclusions.txt"
    outcomes.write_text("")
    exclude = HERE / "exclude" / f"{suite.name}.txt"
    exclusions.write_text("\n".join(read_exclusions(exclude)) if exclude.exists() else "")
    shards = suite.shards if url is None else 1
    start = time.monotonic()

    def run_shard(number: int) -> None:
        log = folder / f"log-{number}.txt"
        log.write_text("")
        try:
            with broker_at(url, outcomes, folder / f"broker-{number}.log") as address:
                trial = Trial(
                    broker=address,
                    is_warrener=url is None,
                    workshop=workshop,
                    outcomes=outcomes,
                    log=log,
                    exclusions=exclusions,
                    shard=(number, shards),
                    seconds_max=suite.seconds_max,
                )
                suite.run(trial)
        except (BrokerDidNotStart, TookTooLong) as error:
            record(outcomes, "failed", f"(the suite itself) {error}".replace("\n", " | "))

    if shards == 1:
        run_shard(0)  # in this thread, where an interrupt ends it at once
    else:
        with ThreadPoolExecutor(shards) as threads:
            for shard in [threads.submit(run_shard, number) for number in range(shards)]:
                shard.result()
    known = read_known_differences(KNOWN_DIFFERENCES).get(suite.name, set())
    seconds = time.monotonic() - start
    return Result(suite.name, Outcomes.read(outcomes), known, seconds, folder)


@contextlib.contextmanager
def broker_at(url: str | None, outcomes: Path, log: Path) -> Iterator[Address]:
    if url is not None:
        yield Address.of(url)
        return
    with tempfile.TemporaryDirectory(prefix="warrener-suite-") as folder:
        broker = RunningBroker(Path(folder))
        broker.start()
        try:
            yield Address.of(broker.url, broker.http_url)
        finally:
            status = broker.stop()
            said = Path(folder, "broker.log").read_text(errors="replace")
            log.write_text(said)
            if status != 0:
                record(outcomes, "failed", f"(the broker) ended with status {status}, see {log}")
            if "unexpected internal error" in said:
                record(outcomes, "failed", f"(the broker) had an internal error, see {log}")


def cache_folder() -> Path:
    """Where workshops are kept from run to run; a user's own, as others may write to /tmp too."""
    return Path(tempfile.gettempdir(), f"warrener-interop-{os.getuid()}")
