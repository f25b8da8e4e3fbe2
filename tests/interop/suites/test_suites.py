"""Other people's tests of their AMQP clients, each suite as one test.

Only those whose client and tests come by pip and that are done within two minutes; the others are
run by `make interop`. A suite fails with any test that neither its exclude list nor
known_differences.md names. Its counts are printed at the end of the run.

What is fetched is kept in pytest's cache. A suite that cannot be fetched is skipped, with what pip
said, for that is no fault of the broker's; with WARRENER_SUITES=required it fails.
"""

import os
from pathlib import Path

import pytest

from tests.conftest import closing_line
from tests.interop.suites.suite import SUITES, run_suite
from tests.interop.suites.workshop import InstallationFailed, Workshop

pytestmark = pytest.mark.slow

LOG_LINES_SHOWN = 400


@pytest.fixture(autouse=True)
def no_endless_wait() -> None:
    """In place of the limit for a single test: a suite has one of its own."""


@pytest.mark.parametrize("name", ["aiormq", "amqpstorm", "amqpstorm-mgmt", "kombu", "py-amqp"])
def test_the_suite_of_a_client_passes(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert request.config.cache is not None
    workshop = Workshop(request.config.cache.mkdir("suites") / name)
    url = os.environ.get("WARRENER_TEST_URL")
    try:
        result = run_suite(SUITES[name], workshop, tmp_path, url)
    except InstallationFailed as error:
        if os.environ.get("WARRENER_SUITES") == "required":
            raise
        pytest.skip(f"{name} cannot be fetched: {' | '.join(str(error).splitlines())}")
    closing_line(request.node, result.row)
    for log in sorted(tmp_path.glob("*log*")) if result.unexpected else ():
        print(f"--- {log.name}", *log.read_text().splitlines()[-LOG_LINES_SHOWN:], sep="\n")
    assert result.unexpected == []
