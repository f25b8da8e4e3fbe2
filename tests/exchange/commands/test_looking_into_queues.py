"""Commands that look at messages, and those that move them, at a real broker."""

import json
from collections.abc import Iterator

import pytest

from tests.exchange.commands.command import Shell

pytestmark = pytest.mark.slow


@pytest.fixture
def filled(shell: Shell, queue: str) -> str:
    """A queue with one cheap message and two dear ones."""
    shell("pub", "-k", queue, "-H", "amount=5", "--tags", "cheap", "-P", f"message_id={queue}", "a")
    shell("pub", "-k", queue, "-H", "amount=500", "b", "c")
    return queue


@pytest.fixture
def delayed(shell: Shell, queue: str) -> Iterator[str]:
    """An exchange that holds three messages back, for a long time."""
    name = f"{queue}.later"
    shell("declare", "exchange", name, "--type", "x-delayed-message", "-a", "x-delayed-type=fanout")
    shell("declare", "binding", name, queue)
    shell("pub", "-e", name, "-H", "x-delay:integer=3600000", "a", "b", "c")
    yield name
    shell("delete", "exchange", name)


def messages(shell: Shell, queue: str) -> int:
    return int(shell("list", "queues", "-q", "--name", queue, "--columns", "messages"))


def test_a_peek_leaves_messages_as_they_were(shell: Shell, filled: str) -> None:
    assert shell("peek", filled, "-n", "9") == shell("peek", filled, "-n", "9") == "a\nb\nc\n"
    assert shell("get", filled, "-n", "3", "-f", "%r") == "000"


def test_a_peek_may_have_a_filter(shell: Shell, filled: str) -> None:
    assert shell("peek", filled, "-n", "9", "--sql", "amount > 100") == "b\nc\n"
    assert shell("peek", filled, "--tags", "cheap || free") == "a\n"
    assert shell.run("peek", filled, "--tags", "free").status == 1
    wrong = shell.run("peek", filled, "--sql", "amount >")
    assert (wrong.status, wrong.output) == (1, "")
    assert wrong.errors.startswith("warrener: refused: column 9: expected")


def test_messages_are_found_in_all_queues(shell: Shell, filled: str) -> None:
    (found,) = json.loads(shell("search", "--message-id", filled, "--json"))
    assert (found["queue"], found["payload"]) == (filled, "a")
    assert shell("search", "--message-id", filled, "--columns", "queue,payload", "-q") == (
        f"{filled}\ta\n"
    )
    assert shell.run("search", "--message-id", f"{filled}.no").status == 1
    assert shell.run("search").status == 2


def test_dead_letters_are_moved_back(shell: Shell, filled: str) -> None:
    dead, shaky = f"{filled}.dead", f"{filled}.shaky"
    shell("declare", "queue", dead)
    letters = ["-a", "x-dead-letter-exchange=", "-a", f"x-dead-letter-routing-key={dead}"]
    shell("declare", "queue", shaky, *letters, "-a", "x-max-length=1")
    shell("pub", "-k", shaky, "-H", "n=1", "one")
    shell("pub", "-k", shaky, "-H", "n=2", "two", "three")
    shell("purge", shaky)
    assert messages(shell, dead) == 2
    tried = shell("redrive", dead, "--sql", "n = 2", "--dry-run")
    assert tried == f"would move 1 message: 1 to queue {shaky}\n"
    assert shell("redrive", dead, "--sql", "n = 2") == f"moved 1 message: 1 to queue {shaky}\n"
    assert shell("peek", shaky) == "two\n"
    assert json.loads(shell("redrive", dead, "--to", "amq.default", "-k", filled, "--json"))[
        "destinations"
    ] == [{"exchange": "", "routing_key": filled, "messages": 1}]
    shell("delete", "queue", shaky)
    shell("delete", "queue", dead)


def test_what_cannot_be_moved_stays_and_is_told(shell: Shell, filled: str) -> None:
    ran = shell.run("redrive", filled)
    assert (ran.status, ran.output) == (1, "moved 0 messages\n")
    assert ran.errors == "warrener: 3 stay: no x-death tells where it came from\n"
    assert shell.run("redrive", filled, "--key", "x").status == 2
    assert shell.run("redrive", f"{filled}.no").errors == (
        f"warrener: there is no queue {filled}.no\n"
    )
    assert messages(shell, filled) == 3


def test_delayed_messages_are_listed_hurried_and_cancelled(
    shell: Shell, queue: str, delayed: str
) -> None:
    first, second, third = json.loads(shell("delayed", "list", delayed, "--json"))
    assert [first["payload"], second["payload"], third["payload"]] == ["a", "b", "c"]
    hurried = str(second["sequence"])
    assert shell("delayed", "expedite", delayed, hurried) == f"expedited {hurried}\n"
    assert shell("get", queue) == "b\n"
    tried = shell("delayed", "cancel", delayed, str(first["sequence"]), "--dry-run")
    assert tried == f"would cancel {first['sequence']}\n"
    ran = shell.run("delayed", "cancel", delayed, str(first["sequence"]), hurried, "--json")
    assert ran.status == 3
    assert json.loads(ran.output) == {
        "done": [first["sequence"]],
        "missing": [second["sequence"]],
    }
    assert shell("delayed", "list", delayed, "-q", "--columns", "payload") == "c\n"
    assert shell.run("delayed", "cancel", delayed, hurried).status == 1
    assert "only an exchange of type" in shell.run("delayed", "list", "amq.topic").errors
