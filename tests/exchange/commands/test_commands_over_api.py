"""Commands that ask the management API of a real broker."""

import json
from pathlib import Path

import pytest

from tests.exchange.commands.command import Shell
from warrener.exchange.commands.list import KINDS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_listed_with_its_columns(shell: Shell, kind: str) -> None:
    head, *_ = shell("list", kind).splitlines()
    assert head.split("\t") == list(KINDS[kind].columns)
    assert isinstance(json.loads(shell("list", kind, "--json")), list)
    if KINDS[kind].in_vhost:
        shell("list", kind, "--vhost", "/")


def test_a_list_can_be_narrowed(shell: Shell, queue: str) -> None:
    wanted = ["list", "queues", "--name", queue.upper(), "--columns", "name,durable"]
    assert shell(*wanted, "-q") == f"{queue}\ttrue\n"
    assert json.loads(shell(*wanted, "--json")) == [{"name": queue, "durable": True}]


def test_a_list_has_an_order_and_an_end(shell: Shell, queue: str) -> None:
    listed = shell("list", "exchanges", "-q", "--columns", "name", "--sort", "name", "--reverse")
    names = listed.splitlines()
    assert names == sorted(names, reverse=True)
    assert shell("list", "exchanges", "-q", "--limit", "1").count("\n") == 1


def test_what_is_declared_is_there_until_it_is_deleted(shell: Shell, queue: str) -> None:
    exchange = f"{queue}.x"
    assert (
        shell("declare", "exchange", exchange, "--type", "topic")
        == f"declared exchange {exchange}\n"
    )
    shell("declare", "binding", exchange, queue, "--key", "a.*", "--sql", "n > 1")
    listed = json.loads(shell("list", "bindings", "--name", exchange, "--json"))
    assert [each["arguments"] for each in listed] == [{"x-filter-jms-selector": "n > 1"}]
    shell("delete", "binding", exchange, queue, "--key", "a.*")
    assert json.loads(shell("list", "bindings", "--name", exchange, "--json")) == []
    assert shell.run("delete", "binding", exchange, queue).status == 1
    shell("delete", "exchange", exchange, "--yes")
    assert shell.run("delete", "exchange", exchange).errors == (
        f"warrener: there is no exchange {exchange}\n"
    )


def test_arguments_are_json_or_text(shell: Shell, queue: str) -> None:
    name = f"{queue}.limited"
    shell("declare", "queue", name, "-a", "x-max-length=5", "-a", "x-overflow=reject-publish")
    listed = json.loads(shell("list", "queues", "--name", name, "--json"))
    assert listed[0]["arguments"] == {"x-max-length": 5, "x-overflow": "reject-publish"}
    shell("delete", "queue", name)


def test_users_and_what_they_may_do(shell: Shell, queue: str) -> None:
    user = queue.replace(".", "-")
    shell("declare", "user", user, "--tags", "monitoring", input=b"secret\n")
    shell("declare", "permission", user, "--read", "^r")
    assert f"/\t{user}\t.*\t.*\t^r" in shell("list", "permissions")
    shell("delete", "permission", user)
    shell("delete", "user", user)
    assert user not in shell("list", "users")


def test_a_policy_and_a_virtual_host(shell: Shell, queue: str) -> None:
    shell("declare", "vhost", queue)
    shell("declare", "policy", "p", "-V", queue, "--pattern", "^a", "-a", "max-length=7")
    assert '{"max-length": 7}' in shell("list", "policies", "-V", queue)
    shell("delete", "policy", "p", "-V", queue)
    shell("delete", "vhost", queue)


def test_messages_are_got_and_looked_at(shell: Shell, queue: str) -> None:
    shell("pub", "-k", queue, "one", "two", "--header", "n=1")
    assert shell("peek", queue, "--count", "5") == "one\ntwo\n"
    document = json.loads(shell("get", queue, "--json"))
    assert (document["body"], document["properties"]["headers"]) == ("one", {"n": 1})
    assert shell("get", queue, "--format", "%k %s|") == f"{queue} two|"
    assert shell.run("get", queue).status == 1


def test_a_queue_is_purged(shell: Shell, queue: str) -> None:
    shell("pub", "-k", queue, "one", "two")
    assert shell("purge", queue, "--dry-run") == f"would remove 2 messages from {queue}\n"
    assert shell("purge", queue) == f"removed 2 messages from {queue}\n"
    assert json.loads(shell("purge", queue, "--json"))["messages"] == 0


def test_health_is_a_status(shell: Shell) -> None:
    assert "answers\tok\tWarrener" in shell("health")


def test_definitions_go_out_and_come_in(shell: Shell, queue: str, tmp_path: Path) -> None:
    path = tmp_path / "definitions.json"
    shell("definitions", "export", str(path))
    names = [each["name"] for each in json.loads(path.read_text())["queues"]]
    assert queue in names
    shell("delete", "queue", queue)
    shell("definitions", "import", str(path))
    assert queue in shell("list", "queues")
    shell("definitions", "import", input=shell("definitions", "export").encode())


@pytest.mark.parametrize("text", ["queues:\n- name: q\n", '{"queues": [NaN]}', "[" * 100_000])
def test_definitions_that_are_no_json_are_refused_with_what_to_do(shell: Shell, text: str) -> None:
    ran = shell.run("definitions", "import", input=text.encode())
    assert ran.status == 2
    assert "what was read is no JSON" in ran.errors
    assert "for YAML there is `warrener topology apply FILE" in ran.errors


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("get", "no such queue"), 1, "there is no queue no such queue"),
        (("purge", "no such queue"), 1, "there is no queue no such queue"),
        (("declare", "queue", "amq.mine"), 77, "not allowed"),
        (("declare", "queue", "q", "-a", "novalue"), 2, "name=value"),
        (("declare", "queue", ""), 2, "cannot be empty"),
        (("list", "nonsense"), 2, "invalid choice"),
        (("list", "queues", "--limit", "-1"), 2, "0 or more"),
        (("list", "queues", "--vhost", "no/where"), 1, "there is no virtual host no/where"),
        (("get", "q", "--count", "0"), 2, "at least 1"),
        (("definitions", "import", "/no/such/file"), 1, "cannot read /no/such/file"),
        (("top", "--interval", "0"), 2, "at least"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line_or_two(
    shell: Shell, arguments: tuple[str, ...], status: int, complaint: str
) -> None:
    ran = shell.run(*arguments)
    assert (ran.status, ran.output) == (status, "")
    assert complaint in ran.errors
