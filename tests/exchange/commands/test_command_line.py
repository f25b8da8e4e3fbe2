"""What all commands have in common: what they load, what they say, how they end."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exchange.commands.command import warrener
from tests.patience import limit
from warrener.exchange.commands import COMMANDS
from warrener.exchange.commands.aliases import ALIASES
from warrener.exchange.commands.api import without_password
from warrener.exchange.commands.completion import SHELLS, words_after

HEAVY = ("trio", "rich", "pyparsing", "h11", "yaml")
LOADED = f"""
import sys
from warrener.exchange.commands import main
try:
    main(sys.argv[1:])
finally:
    print("LOADED", *sorted(set(sys.modules) & set({HEAVY})), file=sys.stderr)
"""
NOBODY = "http://127.0.0.1:1", "amqp://127.0.0.1:1"


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "--version",
        "help aliases",
        "list_queues --help",
        "completion bash",
        "completion words -- list queues",
        "filter --help",
        "filter test --tags A --header TAGS=A",
        *(f"{name} --help" for name in COMMANDS if name not in ("serve", "topology", "journal")),
    ],
)
def test_nothing_heavy_is_loaded_for_what_needs_no_broker(line: str) -> None:
    """The broker's libraries take longer to load than all of these commands."""
    ran = subprocess.run(
        [sys.executable, "-c", LOADED, *line.split()], capture_output=True, text=True, timeout=60
    )
    assert ran.stderr.splitlines()[-1].split() == ["LOADED"], ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "list queues",
        "get q",
        "peek q",
        "search --tags a",
        "redrive q",
        "delayed list x",
        "purge q",
        "health",
        "top",
        "definitions export",
        "declare queue q",
        "change user u --tags a",
        "ping",
    ],
)
def test_a_broker_that_is_not_there_is_told_with_what_to_do(line: str) -> None:
    ran = warrener(*line.split(), WARRENER_API=NOBODY[0])
    assert (ran.status, ran.output) == (69, "")
    assert "no broker answers at http://127.0.0.1:1: " in ran.errors
    assert "warrener serve" in ran.errors
    assert ran.errors.count("\n") == 2


@pytest.mark.slow
@pytest.mark.parametrize("line", ["sub q", "pub x", "tap x", "bench"])
def test_the_same_over_amqp(line: str) -> None:
    ran = warrener(*line.split(), WARRENER_URL=NOBODY[1])
    assert (ran.status, ran.output) == (69, "")
    assert "no broker to talk to at amqp://127.0.0.1:1: Connection refused" in ran.errors
    assert ran.errors.count("\n") == 2


@pytest.mark.slow
@pytest.mark.parametrize("line", ["list queues --url nonsense", "sub q --url nonsense"])
def test_what_is_no_url_is_told(line: str) -> None:
    ran = warrener(*line.split())
    assert ran.status == 2
    assert "URL" in ran.errors


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://ada:secret@box:1/x", "http://box:1/x"),
        ("ada:secret@box", "box"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_told() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "warrener", "completion", "bash"]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ran.returncode == 1
    assert ran.stderr == "warrener: cannot write what there is to say: No space left on device\n"


@pytest.mark.slow
def test_something_else_on_the_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, limit("a command to ask and to end"):
        port = other.getsockname()[1]
        ran = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "warrener",
                "list",
                "queues",
                "--url",
                f"http://127.0.0.1:{port}",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        with ran, other.accept()[0] as accepted:
            accepted.recv(65536)
            accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            _, errors = ran.communicate(timeout=60)
    assert ran.returncode == 69
    assert "no management API" in errors


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_has_all_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    from warrener.exchange.commands import main

    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)


def test_bash_reads_its_script() -> None:
    script = warrener("completion", "bash").output
    asked = script + '\nCOMP_WORDS=(warrener de); COMP_CWORD=1; _warrener; echo "${COMPREPLY[@]}"'
    shell = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, timeout=60)
    known = (*COMMANDS, *ALIASES)
    assert shell.stdout.split() == [name for name in known if name.startswith("de")]


ASKED = {
    "bash": """
        source <(warrener completion bash)
        COMP_WORDS=(warrener %(before)s "%(word)s"); COMP_CWORD=%(at)d
        _warrener; printf '%%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """
        compdef() { }
        _describe() { print -l -- ${(M)${found[@]%%%%:*}:#%(word)s*} }
        compadd() { print -l -- ${(M)found:#%(word)s*} }
        source <(warrener completion zsh)
        words=(warrener %(before)s "%(word)s"); CURRENT=%(at)d+1
        _warrener""",
    "fish": """
        warrener completion fish | source
        complete -C "warrener %(before)s %(word)s" | string split -f 1 \\t""",
}


def offered(shell: str, before: str, word: str, folder: Path) -> list[str]:
    """What a shell offers after these words."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    command = folder / "warrener"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m warrener "$@"\n')
    command.chmod(0o755)
    fields = {"before": before, "word": word, "at": len(before.split()) + 1}
    told = subprocess.run(
        [program, *(["-f"] if shell == "zsh" else []), "-c", ASKED[shell] % fields],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)},
    )
    assert told.stderr == ""
    return told.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_commands_aliases_and_options(shell: str, tmp_path: Path) -> None:
    assert sorted(offered(shell, "", "de", tmp_path)) == sorted(
        name for name in (*COMMANDS, *ALIASES) if name.startswith("de")
    )
    assert not set(offered(shell, "", "", tmp_path)) & set(ALIASES)
    assert offered(shell, "declare", "qu", tmp_path) == ["queue"]
    assert offered(shell, "list_queues", "--vh", tmp_path) == ["--vhost"]
    assert offered(shell, "declare binding", "--to-", tmp_path) == ["--to-exchange"]


def test_words_that_may_follow_an_alias_are_its_own_and_the_command_s() -> None:
    assert {"-p", "--vhost", "--json", "--columns"} <= set(words_after(["list_queues"]))
    assert {"--if-empty", "--dry-run"} <= set(words_after(["delete_queue"]))
    assert "queues" not in words_after(["list_queues"])


def test_words_that_may_follow_are_those_of_the_parser() -> None:
    assert {"queues", "--vhost", "--json"} <= set(words_after(["list"]))
    assert {"queue", "binding"} <= set(words_after(["declare"]))
    assert {"--sql", "--to-exchange"} <= set(words_after(["declare", "binding"]))
    assert words_after(["nonsense"]) == []


@pytest.mark.slow
def test_help_that_nobody_reads_is_no_trouble() -> None:
    """Python itself would complain at its end, about what is still to be written."""
    command = f"{sys.executable} -m warrener serve --help | true"
    piped = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    assert piped.stderr == b""


def test_no_color_reaches_whatever_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    from warrener.exchange.commands import main

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "")
    assert main(["completion", "words", "--no-color"]) == 0
    assert os.environ["NO_COLOR"] == "1"
    assert "FORCE_COLOR" not in os.environ
