"""A broker with a page, and a browser in which somebody has signed in.

with opened(folder) as place:
    tab = place.tab("queues")
    click(tab, "Next")
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.exchange.management.browser import Browser, Tab, find_chromium
from tests.interop.running_broker import RunningBroker
from warrener.exchange.management.client import ManagementClient

CHROMIUM = os.environ.get("WARRENER_TEST_BROWSER") or find_chromium()
NEEDS_CHROMIUM = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="the page is not tested: there is no chromium here"),
]
HOSTILE = '<img src=x onerror="window.pwned = 1"><script>window.pwned = 2</script>'


class Place:
    """A broker with a page, the API behind it, and a browser."""

    def __init__(self, broker: RunningBroker, browser: Browser) -> None:
        self.url = f"http://{urlsplit(broker.http_url).netloc.rpartition('@')[2]}/"
        self.api = ManagementClient(self.url.replace("//", "//guest:guest@"))
        self.broker = broker
        self.browser = browser

    def tab(self, place: str = "", **size: int) -> Tab:
        """A tab in which guest has signed in, and has gone somewhere."""
        tab = self.browser.open(self.url + (f"#/{place}" if place else ""), **size)
        sign_in(tab)
        tab.until("!document.getElementById('shell').hidden")
        return tab

    def declare(self, name: str, **fields: object) -> None:
        self.api.ask("PUT", f"/api/queues/%2F/{quote(name, safe='')}", fields)

    def depth(self, name: str) -> int:
        found = self.api.get(f"/api/queues/%2F/{quote(name, safe='')}")
        return int(found["messages"])

    def get(self, name: str) -> Any:
        """The first message of a queue."""
        question = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
        return self.api.ask("POST", f"/api/queues/%2F/{name}/get", question)[0]

    def publish(self, exchange: str, key: str, payload: str) -> None:
        document = {
            "routing_key": key,
            "payload": payload,
            "payload_encoding": "string",
            "properties": {"headers": {payload: payload}},
        }
        self.api.ask("POST", f"/api/exchanges/%2F/{exchange}/publish", document)


@contextmanager
def opened(folder: Path) -> Iterator[Place]:
    """A place whose broker has its data in this folder."""
    assert CHROMIUM is not None
    broker = RunningBroker(folder)
    broker.start()
    try:
        (folder / "profile").mkdir()
        with Browser.start(CHROMIUM, folder / "profile") as browser:
            found = Place(broker, browser)
            yield found
            found.api.close()
    finally:
        broker.stop()


def sign_in(tab: Tab, password: str = "guest", name: str = "guest") -> None:
    """With the keyboard: the field for the name has the focus from the beginning."""
    tab.write(name)
    tab.press("Tab")
    tab.write(password)
    tab.press("Enter", "\r")


def in_segments(*names: str) -> str:
    return "/".join(quote(name, safe="") for name in names)


def click(tab: Tab, text: str) -> None:
    """A button that begins with this text."""
    found = f"[...document.querySelectorAll('button')].find(b => b.innerText.startsWith({text!r}))"
    tab.until(found)
    tab.run(f"{found}.click()")


def press_tab_until(tab: Tab, condition: str) -> None:
    for _ in range(60):
        if tab.run(condition):
            return
        tab.press("Tab")
    raise AssertionError(f"the keyboard does not reach it: {condition}")
