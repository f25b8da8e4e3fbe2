"""A trial: one suite, one broker, one run.

A runner is a module with `run(trial)` and a docstring that says what it runs. It installs its
client in `trial.workshop`, runs the tests against `trial.broker`, and has their outcomes written to
`trial.outcomes`; `run_pytest` does the last two for suites that are written for pytest.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.interop.suites.command import run_command
from tests.interop.suites.workshop import Workshop

PLUGINS = Path(__file__).with_name("plugins")
TEST_SECONDS_MAX = 60
MANAGEMENT_PORT = 15672
"""Of a broker that is not our own."""
RERUNS = 2
TOOLS = ("pytest>=8.4,<10", "pytest-timeout>=2.4", "pytest-rerunfailures>=15")
"""What `run_pytest` needs beside the client."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker listens and as whom to log in."""

    url: str
    host: str
    port: int
    user: str
    password: str
    vhost: str
    http_url: str
    """Where its management API is."""

    @classmethod
    def of(cls, url: str, http_url: str = "") -> "Address":
        parts = urlsplit(url)
        user, password = parts.username or "guest", parts.password or "guest"
        host, port = parts.hostname or "127.0.0.1", parts.port or 5672
        path = parts.path[1:]
        full = f"amqp://{user}:{password}@{host}:{port}{'/' + path if path else ''}"
        return cls(
            full,
            host,
            port,
            unquote(user),
            unquote(password),
            unquote(path) or "/",
            http_url or f"http://{host}:{MANAGEMENT_PORT}",
        )


@dataclass(frozen=True, slots=True)
class Trial:
    broker: Address
    is_warrener: bool
    """Whether further brokers of the same kind may be started, stopped and killed."""
    workshop: Workshop
    outcomes: Path
    log: Path
    exclusions: Path
    """The patterns that are not run, one to a line; `*` stands for anything."""
    shard: tuple[int, int]
    """Which part of the tests is to be run, counted from 0, and of how many."""
    seconds_max: float


def run_pytest(
    trial: Trial,
    python: Path,
    source: Path,
    *arguments: str,
    plugins: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run tests in `source`; `plugins` are modules of the folder of that name."""
    options = ["-p", "record_outcomes", "-p", "no:cacheprovider", "-q", "-rfE", "--tb=short"]
    # Some of their tests race with themselves; what needed another try is counted.
    options += ["--reruns", str(RERUNS), "--reruns-delay", "1"]
    for plugin in plugins:
        options += ["-p", plugin]
    run_command(
        [python, "-m", "pytest", *options, "--timeout", str(TEST_SECONDS_MAX), *arguments],
        seconds_max=trial.seconds_max,
        log=trial.log,
        folder=source,
        environment={
            "PYTHONPATH": os.pathsep.join((str(PLUGINS), os.environ.get("PYTHONPATH", ""))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SUITE_OUTCOMES": str(trial.outcomes),
            "SUITE_EXCLUSIONS": str(trial.exclusions),
            "SUITE_SHARD": "/".join(map(str, trial.shard)),
            **(environment or {}),
        },
    )
