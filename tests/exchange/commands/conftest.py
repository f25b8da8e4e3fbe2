"""A shell beside a broker, and names in it that nobody else uses."""

import secrets
from collections.abc import Iterator

import pytest

from tests.exchange.commands.command import Shell
from tests.interop.running_broker import RunningBroker


@pytest.fixture
def shell(running_broker: RunningBroker) -> Shell:
    return Shell(running_broker)


@pytest.fixture
def queue(shell: Shell) -> Iterator[str]:
    name = f"commands.{secrets.token_hex(4)}"
    shell("declare", "queue", name, "--quiet")
    yield name
    shell.run("delete", "queue", name)
