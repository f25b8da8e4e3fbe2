"""A pytest plugin for other people's suites: leaves out what is excluded, writes down outcomes.

It runs in the virtual environment of the suite's client, so it can import nothing of ours. The
files are named by the environment: SUITE_EXCLUSIONS holds a pattern to a line, SUITE_OUTCOMES gets
`OUTCOME<TAB>ID` as it happens. SUITE_SHARD says which part of the tests is ours: `0/4` is the first
quarter.
"""

import os
import re
import zlib
from pathlib import Path

import pytest

OUTCOMES = Path(os.environ["SUITE_OUTCOMES"])
EXCLUSIONS = [
    # fnmatch would take the brackets of a parametrised test for a set of characters.
    re.compile(re.escape(pattern).replace(r"\*", ".*") + r"(?![\w-])")
    for pattern in Path(os.environ["SUITE_EXCLUSIONS"]).read_text().splitlines()
]

SHARD, SHARDS = map(int, os.environ["SUITE_SHARD"].split("/"))


def write(outcome, test):
    with OUTCOMES.open("a") as file:
        file.write(f"{outcome}\t{one_line(test)}\n")


def one_line(test):
    return test.replace("\n", "\\n").replace("\t", "\\t")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    # By the id and not by the place in the list, which may differ from process to process.
    items[:] = [item for item in items if zlib.crc32(item.nodeid.encode()) % SHARDS == SHARD]
    excluded = [i for i in items if any(e.match(one_line(i.nodeid)) for e in EXCLUSIONS)]
    for item in excluded:
        write("excluded", item.nodeid)
        items.remove(item)
    config.hook.pytest_deselected(items=excluded)


def pytest_collection_finish(session):
    for item in session.items:
        write("collected", item.nodeid)


def pytest_collectreport(report):
    if report.failed:
        write("failed", f"collection of {report.nodeid}")


def pytest_runtest_logreport(report):
    # A test counts when its body ran, or where it went wrong before or after; pytest-rerunfailures
    # reports a failure that is tried again as "rerun".
    if report.outcome in ("failed", "skipped", "rerun") or (
        report.passed and report.when == "call"
    ):
        write(report.outcome, report.nodeid)
