"""`warrener topology --url`: against a broker that runs, as its users start it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from tests.patience import limit
from warrener.exchange.commands import main

PATIENCE_S = 20

FILE = """
users: [{ name: ann, password: secret, tags: [monitoring], limits: { max-channels: 5 } }]
vhosts:
  - name: "a/b ü"
    description: the shop
    tags: [x, y]
    limits: { max-queues: 10, max-connections: 300 }
    permissions:
      - { user: ann, configure: "", write: ".*", read: ".*" }
      - { user: guest, configure: ".*", write: ".*", read: ".*" }
    topic_permissions:
      - { user: ann, exchange: x, write: "^a", read: ".*" }
      - { user: ann, exchange: y, write: "^a", read: ".*" }
    exchanges: [{ name: x, type: topic }, { name: y, type: fanout }, { name: in, internal: true }]
    queues: [{ name: "q/ö", max-length: 10 }, { name: r, durable: false }, { name: gone }]
    bindings:
      - { source: x, queue: "q/ö", routing_key: "a.#", filter: { sql: "n > 1" } }
      - { source: x, exchange: y, routing_key: "#" }
      - { source: x, exchange: in }
      - { source: y, queue: r }
      - { source: amq.direct, queue: "q/ö", routing_key: "q ü" }
    policies: [{ name: p, pattern: ^q, definition: { message-ttl: 1h } }]
    operator-policies:
      - { name: o, pattern: ^q, apply-to: queues, definition: { max-length: 100 } }
"""
CHANGED = (
    FILE.replace("n > 1", "n > 2")
    .replace("max-length: 10 }", "max-length: 20 }")
    .replace(", { name: gone }", "")
    .replace("max-queues: 10, ", "")
    .replace("tags: [monitoring]", "tags: [management]")
    .replace('      - { user: ann, exchange: y, write: "^a", read: ".*" }\n', "")
    .replace("1h", "2h")
    .replace("the shop", "the other shop")
)


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    """Where a broker listens: AMQP and its management API."""
    command = [sys.executable, "-m", "warrener", "serve", "--memory"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--http-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    with limit("the broker to start"):
        while (line := process.stdout.readline().strip()) != "Server startup complete":
            assert line, "it did not start"
            lines.append(line)
    urls = {line.partition(":")[0]: line for line in lines}
    yield urls["amqp"], urls["http"].replace("://", "://guest:guest@")
    process.terminate()
    process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(FILE)
    return path


def topology(*arguments: object) -> int:
    return main(["topology", *map(str, arguments)])


def test_from_plan_to_apply_and_on_to_changes(urls, file, tmp_path, capsys):
    _, url = urls
    saved = tmp_path / "plan.json"
    assert topology("plan", file, "--url", url, "--out", saved) == 2
    assert "secret" not in saved.read_text()
    assert topology("apply", saved, "--url", url, "--yes") == 0
    assert topology("plan", file, "--url", url, "--prune") == 0
    file.write_text(CHANGED)
    capsys.readouterr()
    assert topology("plan", file, "--url", url, "--prune") == 2
    assert capsys.readouterr().out.endswith(
        "Plan: 0 to create, 4 to update, 2 to replace, 2 to delete\n"
    )
    assert topology("apply", file, "--url", url, "--yes", "--prune") == 1
    assert topology("apply", file, "--url", url, "--yes", "--prune", "--allow-replace") == 0
    assert topology("diff", file, "--url", url) == 0
    capsys.readouterr()
    for form in ("yaml", "json"):
        assert topology("export", "--url", url, "--format", form) == 0
        file.write_text(capsys.readouterr().out)
        assert topology("plan", file, "--url", url, "--prune") == 0
        capsys.readouterr()


def test_messages_are_counted_and_not_lost(urls, tmp_path, capsys):
    amqp, url = urls
    path = tmp_path / "messages.yaml"
    path.write_text("vhosts: [{ name: messages, queues: [{ name: q }] }]\n")
    assert topology("apply", path, "--url", url, "--yes") == 0
    permission = "{ vhost: messages, user: guest, configure: '.*', write: '.*', read: '.*' }"
    path.write_text(f"{path.read_text()}permissions: [{permission}]\n")
    assert topology("apply", path, "--url", url, "--yes") == 0
    with pika.BlockingConnection(pika.URLParameters(f"{amqp}/messages")) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", "q", b"message")
    path.write_text(path.read_text().replace("name: q }", "name: q, max-length: 5 }"))
    capsys.readouterr()
    assert topology("plan", path, "--url", url) == 2
    assert "-/+ queue 'q' in 'messages' (1 message would be lost)" in capsys.readouterr().out
    assert topology("apply", path, "--url", url, "--yes", "--allow-replace") == 1
    assert "this plan needs --lose-messages" in capsys.readouterr().err
    agreed = ("--allow-replace", "--lose-messages")
    assert topology("apply", path, "--url", url, "--yes", *agreed) == 0
    assert topology("plan", path, "--url", url) == 0


def test_the_first_refusal_ends_it_and_tells_what_was_done(urls, tmp_path, capsys):
    _, url = urls
    path = tmp_path / "crowded.yaml"
    queues = "queues: [{ name: a }, { name: b }]"
    path.write_text(f"vhosts: [{{ name: crowded, limits: {{ max-queues: 1 }}, {queues} }}]")
    assert topology("apply", path, "--url", url, "--yes") == 1
    err = capsys.readouterr().err
    assert "3 of 4 steps were done, then this one failed:\n  + queue 'b' in 'crowded'" in err
    assert "queue limit in vhost 'crowded' (1) is reached" in err
    path.write_text(path.read_text().replace("max-queues: 1", "max-queues: 2"))
    assert topology("apply", path, "--url", url, "--yes") == 0


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("http://127.0.0.1:1", 69, "no broker answers at http://127.0.0.1:1: Connection refused\n"),
        ("amqp://127.0.0.1", 1, "not a URL of a management API"),
    ],
)
def test_a_broker_that_is_not_there_is_told(file, capsys, url, status, said):
    assert topology("plan", file, "--url", url) == status
    assert said in capsys.readouterr().err


def test_a_wrong_password_is_told(urls, file, capsys):
    _, url = urls
    assert topology("plan", file, "--url", url.replace(":guest@", ":wrong@")) == 77
    assert "does not take this user and password\n" in capsys.readouterr().err


def test_a_port_of_something_else_is_told(urls, file, capsys):
    amqp, _ = urls
    url = amqp.replace("amqp:", "http:")
    assert topology("plan", file, "--url", url) == 69
    assert capsys.readouterr().err.endswith(" is no management API\n")


def test_there_must_be_one_broker(file, capsys):
    with pytest.raises(SystemExit) as ended:
        topology("plan", file)
    assert ended.value.code == 2


def test_a_file_that_changes_the_user_it_is_applied_as_is_applied_to_its_end(tmp_path, capsys):
    command = [sys.executable, "-m", "warrener", "serve", "--memory"]
    command += ["--port", "0", "--http-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        url = next(line.strip() for line in lines if line.startswith("http:"))
        file = tmp_path / "own.yaml"
        file.write_text(
            "users: [{ name: guest, password: other, tags: [management] }]\n"
            "vhosts: [{ name: shop, queues: [{ name: jobs }] }]\n"
            "permissions: [{ user: guest, vhost: shop, configure: '', write: '', read: '.*' }]\n"
        )
        old = url.replace("://", "://guest:guest@")
        assert topology("apply", file, "--url", old, "--yes") == 0
        out = capsys.readouterr().out
        assert "note: user 'guest' is no administrator after that" in out
        assert out.endswith("Done: 4 of 4 steps\n")
        assert topology("plan", file, "--url", old) == 77
        process.terminate()
