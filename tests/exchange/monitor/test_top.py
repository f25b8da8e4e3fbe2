"""`warrener top` on a terminal, against a broker in a process of its own."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.exchange.monitor.window import Window
from tests.interop.running_broker import RunningBroker
from warrener.exchange.client import Channel, connect
from warrener.exchange.management.client import ManagementClient

pytestmark = pytest.mark.slow
COMMAND = (sys.executable, "-m", "warrener", "top")


@pytest.fixture
def channel(running_broker: RunningBroker) -> Iterator[Channel]:
    with connect(running_broker.url, name="the test") as connection:
        yield connection.channel()


@pytest.fixture
def queue(channel: Channel) -> Iterator[str]:
    """A queue with three messages, bound with a filter."""
    name = f"orders.{secrets.token_hex(3)}"
    channel.declare_queue(name)
    channel.bind_queue(name, "amq.topic", "order.#", {"x-filter-jms-selector": "region = 'EU'"})
    channel.confirm()
    for number in range(3):
        channel.publish(b"message %d" % number, name, headers={"region": "EU"})
    channel.wait_for_confirms()
    yield name
    channel.delete_queue(name)


@pytest.fixture
def window(running_broker: RunningBroker, queue: str) -> Iterator[Window]:
    with Window("top", "--interval", "0.2", "--url", running_broker.http_url) as window:
        window.until(queue)
        yield window


def test_it_shows_queues_and_gives_the_terminal_back(window: Window) -> None:
    assert window.screen.is_taken
    assert not window.screen.has_cursor
    assert window.text.startswith("Warrener")
    window.press("q")
    assert window.wait() == 0
    assert not window.screen.is_taken
    assert window.screen.has_cursor
    assert window.current_settings() == window.settings


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_terminal_is_given_back_on_a_signal(window: Window, number: int) -> None:
    window.signal(number)
    assert window.wait() == 0
    assert not window.screen.is_taken
    assert window.current_settings() == window.settings


def test_an_interrupt_from_the_keyboard_ends_it(window: Window) -> None:
    window.press("\x03")
    assert window.wait() == 0
    assert window.current_settings() == window.settings


def test_all_views_can_be_seen(window: Window, queue: str) -> None:
    window.resize(120, 24)
    texts = ("the test", "(1)", "amq.topic", "tag", "region", "what")
    for key, text in zip("234567", texts, strict=True):
        window.press(key)
        window.until(text)
    window.press(":qu\r")
    window.until(queue)


def test_a_queue_is_looked_into(window: Window, queue: str) -> None:
    window.press(f"/{queue}\r")
    window.until("1/1")
    window.press("\r")
    window.until("3 ready, 0 unacked", f"queue {queue}")
    window.resize(100, 40)
    window.until("amq.topic  order.#  region = 'EU'", "depth, the last minute")
    window.press("p")
    window.until("message 0", "message 2")
    window.press("\x1b")
    window.until("name")


def test_looking_at_messages_leaves_no_mark(window: Window, queue: str) -> None:
    window.press(f"/{queue}\r")
    window.until("1/1")
    for _ in range(2):
        window.press("p")
        window.until("message 0", "message 2")
        assert "redelivered" not in window.text
        window.press("\x1b")
        window.until_gone("message 0")


def test_a_queue_that_stands_still_says_why(window: Window, queue: str) -> None:
    window.press(f"/{queue}\r")
    window.until("1/1")
    window.press("\r")
    window.until("why                    no consumers")


def test_what_comes_and_goes_is_told_with_its_name(window: Window, channel: Channel) -> None:
    window.press("7")
    name = f"orders.{secrets.token_hex(3)}"

    def is_told() -> bool:
        # Again and again, as nobody can tell from outside when the monitor begins to listen.
        channel.declare_queue(name)
        channel.delete_queue(name)
        return f"queue created  {name}" in window.text

    window.until_so(is_told, name)


def test_messages_are_purged_after_the_name_was_typed(window: Window, queue: str) -> None:
    window.press(f"/{queue}\r")
    window.until("1/1")
    window.press("P")
    window.until(f"purge queue {queue}? type its name")
    window.press("another\r")
    window.until("not done")
    window.press(f"P{queue}\r")
    window.until(f"purged {queue}")
    window.press("\r")
    window.until("0 ready, 0 unacked")


def test_a_connection_is_closed(window: Window, running_broker: RunningBroker) -> None:
    with connect(running_broker.url, name="a victim"):
        with closing(ManagementClient(running_broker.http_url)) as api:
            connections = api.get("/api/connections")
        names = {each["user_provided_name"]: each["name"] for each in connections}
        window.press(f"2/{names['a victim']}\r")
        window.until("1/1", names["a victim"])
        window.press("X")
        window.until("type yes")
        window.press("yes\r")
        window.until("closed 127.0.0.1")


def test_the_document_behind_a_row_is_shown(window: Window, queue: str) -> None:
    window.press(f"/{queue}\ry")
    window.until('"messages_details"')
    window.press("\x1b")
    window.until_gone('"messages_details"')


def test_rows_are_written_to_a_file(
    running_broker: RunningBroker, queue: str, tmp_path: Path
) -> None:
    with Window("top", "--url", running_broker.http_url, directory=tmp_path) as window:
        window.until(queue)
        window.press("e")
        window.until("1 queues written to")
    (path,) = tmp_path.iterdir()
    assert [row["name"] for row in json.loads(path.read_text())] == [queue]


def test_without_a_browser_the_address_is_told(running_broker: RunningBroker, queue: str) -> None:
    with Window("top", "--url", running_broker.http_url, DISPLAY="") as window:
        window.until(queue)
        window.press("w")
        window.until(f"open {running_broker.http_url}/#/queues in a browser")


def test_there_are_no_colours_if_none_are_wanted(running_broker: RunningBroker, queue: str) -> None:
    with Window("top", "--url", running_broker.http_url, NO_COLOR="1") as window:
        window.until(queue)
        assert not {each for each in window.screen.styles if each.startswith(("3", "4", "9"))}
    with Window("top", "--url", running_broker.http_url) as window:
        window.until(queue)
        assert {each for each in window.screen.styles if each.startswith(("3", "4", "9"))}


def test_nothing_is_changed_if_it_is_read_only(running_broker: RunningBroker, queue: str) -> None:
    with Window("top", "--read-only", "--url", running_broker.http_url) as window:
        window.until(queue)
        window.press("P")
        window.until("read-only: started with --read-only")


def test_who_may_only_watch_is_read_only(running_broker: RunningBroker, queue: str) -> None:
    name = f"watcher-{secrets.token_hex(3)}"
    with closing(ManagementClient(running_broker.http_url, timeout_s=10)) as admin:
        admin.ask("PUT", f"/api/users/{name}", {"password": "w", "tags": "monitoring"})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        admin.ask("PUT", f"/api/permissions/%2F/{name}", everything)
        url = f"http://{name}:w@{running_broker.http_url.rpartition('/')[2].rpartition('@')[2]}"
        with Window("top", "--url", url) as window:
            window.until(queue)
            window.press("P")
            window.until("read-only: this user is to watch only (tags: monitoring)")
        with Window("top", "--no-read-only", "--url", url) as window:
            window.until(queue)
            window.press("P")
            window.until("type its name")
        admin.ask("DELETE", f"/api/users/{name}")


def test_rows_are_found_by_an_expression(window: Window, queue: str) -> None:
    window.press(f"/^{queue[:6]}.*{queue[-2:]}$")
    window.until("^orders")
    window.until(queue)
    window.press("x(")
    window.until("no expression, so looked for as it stands: missing )")


def test_it_follows_the_size_of_the_terminal(window: Window) -> None:
    assert "vhost" in window.text
    window.resize(80, 24)
    window.until_so(lambda: "vhost" not in window.text and "flags" in window.text, "80 columns")
    window.resize(230, 50)
    window.until("idle since", "no consumers")


def test_it_stands_still_and_goes_on(window: Window, channel: Channel, queue: str) -> None:
    window.press(" ")
    window.until("PAUSED")
    channel.purge_queue(queue)
    window.press(" ")
    window.until_gone("PAUSED")


def test_it_stops_and_comes_back(window: Window, queue: str) -> None:
    window.signal(signal.SIGTSTP)
    window.until_stopped()
    assert not window.screen.is_taken
    assert window.current_settings() == window.settings
    window.signal(signal.SIGCONT)
    window.until_so(lambda: window.screen.is_taken and queue in window.text, "the monitor")


def test_a_broker_that_goes_is_missed_and_one_that_comes_back_is_seen(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    broker = RunningBroker(tmp_path_factory.mktemp("gone"))
    broker.start()
    with Window("top", "--interval", "0.2", "--url", broker.http_url) as window:
        window.until("running")
        broker.kill()
        window.until("unreachable")
        broker.start()
        window.until("running")
        window.press("q")
        assert window.wait() == 0
    broker.stop()


def top(broker: RunningBroker, *arguments: str, **environment: str) -> str:
    """What it prints if there is no terminal."""
    done = subprocess.run(
        [*COMMAND, "--url", broker.http_url, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_without_a_terminal_one_picture_is_printed(
    running_broker: RunningBroker, queue: str
) -> None:
    printed = top(running_broker)
    assert queue in printed
    assert "\x1b" not in printed


def test_one_picture_is_without_a_header_if_it_is_to_be_quiet(
    running_broker: RunningBroker, queue: str
) -> None:
    printed = top(running_broker, "--quiet")
    assert queue in printed
    assert printed.startswith("name ")


def test_columns_of_the_environment_are_used(running_broker: RunningBroker, queue: str) -> None:
    assert max(map(len, top(running_broker, COLUMNS="80").splitlines())) <= 80


def test_documents_are_printed_one_a_line(running_broker: RunningBroker, queue: str) -> None:
    printed = top(running_broker, "--json", "--count", "2", "--interval", "0.1")
    documents = [json.loads(line) for line in printed.splitlines()]
    assert len(documents) == 2
    assert queue in [row["name"] for row in documents[0]["rows"]]
    assert documents[0]["overview"]["product_name"] == "Warrener"


def test_a_terminal_that_cannot_be_drawn_on_gets_one_picture(
    running_broker: RunningBroker, queue: str
) -> None:
    with Window("top", "--url", running_broker.http_url, TERM="dumb") as window:
        assert window.wait() == 0
        assert not window.screen.is_taken
