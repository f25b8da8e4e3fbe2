"""A command as its users run it: its output, its complaints and its exit status."""

import os
import subprocess
import sys
from dataclasses import dataclass

from tests.interop.running_broker import RunningBroker

PATIENCE_S = 60


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    output: str
    errors: str


def warrener(*arguments: str, input: bytes = b"", **environment: str) -> Ran:
    """Run a command; its standard output is no terminal."""
    ran = subprocess.run(
        [sys.executable, "-m", "warrener", *arguments],
        input=input,
        capture_output=True,
        timeout=PATIENCE_S,
        env=os.environ | environment,
    )
    assert b"Traceback" not in ran.stderr, ran.stderr.decode()
    return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


class Shell:
    """Somebody who has told the environment where a broker is."""

    def __init__(self, broker: RunningBroker) -> None:
        self.variables = {"WARRENER_URL": broker.url, "WARRENER_API": broker.http_url}

    def run(self, *arguments: str, input: bytes = b"") -> Ran:
        return warrener(*arguments, input=input, **self.variables)

    def __call__(self, *arguments: str, input: bytes = b"") -> str:
        """What a command prints that goes well."""
        ran = self.run(*arguments, input=input)
        assert ran.status == 0, ran
        return ran.output
