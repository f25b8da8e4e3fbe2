"""Checks: for clients that come without tests, functions whose names say what must hold."""

import subprocess
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.interop.suites.outcomes import record
from tests.interop.suites.trial import Trial

T = TypeVar("T")


def run_checks(trial: Trial, checks: Sequence[Callable[[T], None]], client: T) -> None:
    """Call each check with the client, and record its outcome under its name."""
    excluded = trial.exclusions.read_text().splitlines()
    for check in checks:
        name = check.__name__
        outcome = "excluded" if name in excluded else outcome_of(trial, check, client)
        record(trial.outcomes, outcome, name)


def outcome_of(trial: Trial, check: Callable[[T], None], client: T) -> str:
    try:
        check(client)
    except (AssertionError, subprocess.TimeoutExpired):
        with trial.log.open("a") as log:
            log.write(f"{check.__name__}:\n{traceback.format_exc()}\n")
        return "failed"
    return "passed"
