"""What concerns the whole run: how many processes share it, in which order, and its last lines.

`make unit` gives the files of tests to several processes (pytest-xdist, one file to one process).
The tests that start brokers mostly wait, so they come first, and there are more processes than
cores; what is only computation fills the gaps.

On a machine that is busy with other things a test may take long: no limit here is one of speed.
But a test that waits for what never comes ends after TEST_S_MAX, and its traceback says where.
"""

import os
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.patience import limit

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

WAITING_PROCESSES = 2
"""How many processes there are beyond one for each core."""
CLOSING_LINE = "closing line"
TEST_S_MAX = 1200
"""Of a test, of what is made for it, and of what is left to do after it."""


@pytest.fixture
def same_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals of the same history are the same files, to the last byte."""
    monkeypatch.setattr("warrener.storage.journal.secrets.randbits", lambda bits: 1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    with limit(f"what {item.name} needs", TEST_S_MAX):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with limit(f"the end of {item.name}", TEST_S_MAX):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    with limit(f"what {item.name} has left to be ended", TEST_S_MAX):
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return (os.cpu_count() or 1) + WAITING_PROCESSES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=rank)


def rank(item: pytest.Item) -> int:
    """Files that take longest come first, or the others would wait for them in the end."""
    if "suites" in item.path.parts:
        return 0
    return 1 if item.get_closest_marker("slow") else 2


def closing_line(item: pytest.Item, text: str) -> None:
    """Have a line printed at the end of the run, whichever process the test ran in."""
    item.user_properties.append((CLOSING_LINE, text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [*closing_lines(terminalreporter)]
    if lines:
        terminalreporter.section("client suites")
        for line in lines:
            terminalreporter.line(line)


def closing_lines(reporter: pytest.TerminalReporter) -> Iterator[str]:
    for outcome in ("passed", "failed"):
        for report in reporter.getreports(outcome):
            if report.when == "call":
                yield from (text for name, text in report.user_properties if name == CLOSING_LINE)
