"""Commands by the names that rabbitmqctl has: what they stand for, and that it works."""

import json
import re
from pathlib import Path

import pytest

from tests.exchange.commands.command import Shell, warrener
from warrener.exchange.commands import COMMANDS
from warrener.exchange.commands.aliases import ALIASES, spelled_out, usage
from warrener.exchange.commands.completion import words_after

PAGE = Path(__file__).parents[3] / "docs" / "aliases.md"


@pytest.mark.parametrize(
    ("line", "spelled"),
    [
        (
            "list_queues name messages",
            "list queues --columns=name,messages --vhost /",
        ),
        ("list_queues -p v name -s", "list queues --columns=name --vhost v --quiet"),
        ("list_queues name -p v messages", "list queues --columns=name,messages --vhost v"),
        ("list_bindings source_name", "list bindings --columns=source --vhost /"),
        ("list_users --formatter json", "list users --output=json"),
        ("list_users -q --url http://x", "list users --url=http://x"),
        ("add_user ada secret", "declare user ada --new --password=secret"),
        ("add_user ada", "declare user ada --new"),
        ("change_password ada", "change user ada --password=-"),
        ("set_user_tags ada a b", "change user ada --tags=a,b"),
        ("set_user_tags ada", "change user ada --tags="),
        (
            "set_permissions -p v ada ^c ^w ^r",
            "declare permission ada --configure=^c --write=^w --read=^r --vhost v",
        ),
        (
            "set_policy --priority 3 p ^q {} --apply-to queues",
            "declare policy p --pattern=^q --definition={} --vhost / --priority=3"
            " --apply-to=queues",
        ),
        ("delete_queue q -e --dry-run", "delete queue q --yes --vhost / --if-empty --dry-run"),
        ("close_connection c", "delete connection c --yes"),
        ("close_connection c bye", "delete connection c --reason=bye --yes"),
        ("await_startup --timeout 5", "health --ping --wait=300 --wait=5"),
    ],
)
def test_an_alias_stands_for_a_line_of_ours(line: str, spelled: str) -> None:
    assert spelled_out(line.split()) == spelled.split()


@pytest.mark.parametrize("name", ALIASES)
def test_what_an_alias_stands_for_is_there(name: str) -> None:
    alias = ALIASES[name]
    words = alias.command.split()
    assert words[0] in COMMANDS
    known = set(words_after([each for each in words if not each.isupper() and each[0] != "-"]))
    own = [*alias.options.values(), *alias.flags.values()]
    needed = {each.partition("=")[0] for each in [*words, *own] if each.startswith("--")}
    assert needed <= known
    assert not alias.in_vhost or "--vhost" in known


def test_the_page_and_the_help_have_the_same_table(capsys: pytest.CaptureFixture[str]) -> None:
    from warrener.exchange.commands import main

    rows = re.findall(r"(?m)^\| `(\w+[^`]*)` \| `([^`]*)` \|$", PAGE.read_text("utf-8"))
    assert rows == [(usage(name), each.meaning) for name, each in ALIASES.items()]
    assert main(["help", "aliases", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(each["alias"], each["command"]) for each in shown] == rows


@pytest.mark.slow
def test_they_do_what_they_are_called(shell: Shell, queue: str) -> None:
    user = queue.replace(".", "-")
    shell("add_user", user, "secret")
    again = shell.run("add_user", user, "other")
    assert (again.status, again.errors) == (1, f"warrener: there is a user {user} already\n")
    shell("set_user_tags", user, "monitoring", "policymaker")
    shell("change_password", user, "other")
    assert f'{user}\t["monitoring", "policymaker"]' in shell("list_users")
    shell("set_permissions", user, "^a", ".*", "")
    assert f"/\t{user}\t^a\t.*\t" in shell("list_permissions")
    shell("delete_user", user)
    assert shell("list_queues", "-s", "name").splitlines().count(queue) == 1
    assert shell("purge_queue", queue) == f"removed 0 messages from {queue}\n"
    shell("delete_queue", queue, "--if-empty")
    assert "answers\tok" in shell("ping")


@pytest.mark.slow
def test_a_user_who_is_changed_keeps_the_rest(shell: Shell, queue: str) -> None:
    user = queue.replace(".", "-")
    api = shell.variables["WARRENER_API"].rpartition("@")[2].removeprefix("http://")
    mine = f"http://{user}:second@{api}"
    shell("declare", "user", user, "--tags", "monitoring", "--password", "first")
    shell("change", "user", user, "--password", "-", input=b"second\n")
    assert shell.run("health", "--ping", "--url", mine).status == 0
    shell("change", "user", user, "--tags", "administrator")
    assert shell.run("list", "users", "--url", mine).status == 0
    assert shell.run("change", "user", user).status == 2
    assert shell.run("change", "user", f"{user}.no", "--tags", "").status == 1
    shell("delete", "user", user)


@pytest.mark.slow
def test_an_alias_is_told_how_to_be_used_and_keeps_the_exit_statuses() -> None:
    wrong = warrener("add_user")
    assert (wrong.status, wrong.errors.splitlines()[0]) == (
        2,
        "usage: warrener add_user USER [PASSWORD]",
    )
    assert warrener("list_queues", WARRENER_API="http://127.0.0.1:1").status == 69
    assert "warrener list queues" in warrener("list_queues", "--help").output
