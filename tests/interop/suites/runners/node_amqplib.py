"""amqplib for Node: its whole suite, from the last package on npm that carries the tests."""

from pathlib import Path

from tests.interop.suites.command import run_command
from tests.interop.suites.trial import PLUGINS, TEST_SECONDS_MAX, Trial

PACKAGE = "amqplib@0.10.9"
WRITTEN_FOR = ("mocha@9", "claire@0.4.1")


def run(trial: Trial) -> None:
    source = trial.workshop.npm_package(PACKAGE, *WRITTEN_FOR)
    run_command(
        [
            source / "node_modules" / ".bin" / "mocha",
            "--exit",
            "--ui=tdd",
            f"--timeout={TEST_SECONDS_MAX * 1000}",
            f"--reporter={PLUGINS / 'record_outcomes.js'}",
            *sorted(Path(source, "test").glob("*.js")),
        ],
        seconds_max=trial.seconds_max,
        log=trial.log,
        folder=source,
        environment={"URL": trial.broker.url, "SUITE_OUTCOMES": str(trial.outcomes)},
    )
