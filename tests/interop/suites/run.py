"""Runs the test suites of clients, and tools, against Warrener, or any broker; says what broke.

    python tests/interop/suites/run.py                        all of them, each on a fresh Warrener
    python tests/interop/suites/run.py --only kombu,aiormq    some
    python tests/interop/suites/run.py --url amqp://guest:guest@127.0.0.1:5672    RabbitMQ, say

Clients and tests come from PyPI, npm and Debian's packages and are kept in the temporary directory
for the next run. Exit status 1 if a test fails that known_differences.md does not name.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
# The folder of a script comes first in the path, and there our runners would hide the clients.
sys.path[0] = str(HERE.parents[2])

from tests.interop.suites.suite import SUITES, Result, cache_folder, run_suite  # noqa: E402
from tests.interop.suites.workshop import InstallationFailed, Workshop  # noqa: E402


def main() -> int:
    arguments = parse()
    broken = 0
    for name in arguments.only or SUITES:
        workshop = Workshop(cache_folder() / name)
        try:
            result = run_suite(SUITES[name], workshop, workshop.folder, arguments.url)
        except InstallationFailed as error:
            print(f"{name}: cannot be installed: {error}", flush=True)
            broken += 1
        else:
            print_result(result)
            broken += bool(result.unexpected)
    return 1 if broken else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", type=suites, metavar="NAMES", help=", ".join(SUITES))
    parser.add_argument("--url", help="a broker that runs already")
    return parser.parse_args()


def suites(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in SUITES:
            raise argparse.ArgumentTypeError(f"no suite {name!r}; there are {', '.join(SUITES)}")
    return names


def print_result(result: Result) -> None:
    print(result.row, flush=True)
    failed = result.outcomes.ids("failed")
    for test in sorted({*failed, *result.unexpected}):
        print(f"  {'known ' if test in result.known else 'FAILED'} {test}")
    for test in sorted(result.known.difference(failed)):
        if result.outcomes.by_id.get(test) == "passed":
            print(f"  passes although listed as a known difference: {test}")
    if result.unexpected:
        print(f"  logs: {result.folder}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
