"""amqp091-go, the client of the RabbitMQ team for Go: unit and integration tests.

Compiler and client are Debian's packages. Each test gets a process of its own, as a test that
panics or hangs takes its process with it.
"""

import re
import subprocess
from pathlib import Path

from tests.interop.suites.command import TookTooLong, run_command
from tests.interop.suites.outcomes import record
from tests.interop.suites.trial import TEST_SECONDS_MAX, Trial
from tests.interop.suites.workshop import InstallationFailed

PACKAGES = (
    "golang-1.19-go",
    "golang-1.19-src",
    "golang-github-rabbitmq-amqp091-go-dev",
    "golang-uber-goleak-dev",
    "golang-github-stretchr-testify-dev",
)
COMPILE_SECONDS_MAX = 300
VERDICTS = {"PASS": "passed", "SKIP": "skipped", "FAIL": "failed"}


def run(trial: Trial) -> None:
    root = trial.workshop.debian_packages(*PACKAGES)
    source = root / "usr/share/gocode/src/github.com/rabbitmq/amqp091-go"
    environment = {
        "GOROOT": str(root / "usr/lib/go-1.19"),
        "GOPATH": str(root / "usr/share/gocode"),
        "GOCACHE": str(trial.workshop.folder / "go-cache"),
        "GO111MODULE": "off",
        "CGO_ENABLED": "0",
        "AMQP_URL": f"{trial.broker.url}/",
    }
    program = compile_tests(trial, root, source, environment)
    listed = subprocess.run([program, "-test.list", "."], stdout=subprocess.PIPE, text=True)
    tests = [name for name in listed.stdout.split() if name.startswith(("Test", "Example"))]
    excluded = trial.exclusions.read_text().splitlines()
    for test in tests:
        outcome = "excluded" if test in excluded else "collected"
        record(trial.outcomes, outcome, test)
    for test in tests:
        if test not in excluded:
            record(trial.outcomes, run_test(trial, program, test, source, environment), test)


def compile_tests(trial: Trial, root: Path, source: Path, environment: dict[str, str]) -> Path:
    program = trial.workshop.folder / "amqp091.test"
    command = [root / "usr/lib/go-1.19/bin/go", "test", "-c", "-tags=integration", "-o", program]
    status = run_command(
        [*command, "."],
        seconds_max=COMPILE_SECONDS_MAX,
        log=trial.log,
        folder=source,
        environment=environment,
    )
    if status:
        raise InstallationFailed(f"the tests do not compile, see {trial.log}")
    return program


def run_test(
    trial: Trial, program: Path, test: str, source: Path, environment: dict[str, str]
) -> str:
    """Returns the outcome, which the test's own line says: a skipped test exits as a passed one."""
    said_before = trial.log.stat().st_size
    limit = f"-test.timeout={TEST_SECONDS_MAX}s"
    try:
        run_command(
            [program, "-test.v", limit, f"-test.run=^{test}$"],
            seconds_max=TEST_SECONDS_MAX + 5,
            log=trial.log,
            folder=source,
            environment=environment,
        )
    except TookTooLong:
        return "failed"
    said = trial.log.read_bytes()[said_before:].decode(errors="replace")
    verdict = re.search(rf"^--- (PASS|FAIL|SKIP): {test} ", said, re.MULTILINE)
    return VERDICTS[verdict[1]] if verdict else "failed"
