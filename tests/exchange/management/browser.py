"""A Chromium without a window, driven through its DevTools protocol over a pair of pipes.

What: `Browser.start(folder)` is a context manager; `browser.open(url)` makes a `Tab` in which a
test evaluates JavaScript, types, takes pictures, and collects what the console and the policy of
the page had to say.

Why pipes: they need no library and no port that others could find.

How: commands and events are JSON documents that end in a null byte; Chromium reads them from file
descriptor 3 and writes to 4. An answer has the id of its command, all else is an event.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE_S = 30.0
ROUND_S = 0.05


def find_chromium() -> str | None:
    """The path of a Chromium on this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A Chromium, and the two pipes to it."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._received = b""
        self._number = 0
        self._profile = ""
        self.events: list[dict[str, Any]] = []

    @classmethod
    @contextmanager
    def start(cls, path: str, folder: Path) -> Iterator["Browser"]:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # A shell puts the pipes at the numbers where Chromium looks for them.
        script = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["bash", "-c", script, path, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
        with (folder.parent / "chromium.log").open("wb") as log:
            process = subprocess.Popen(
                command, pass_fds=(theirs_in, theirs_out), stdout=log, stderr=log
            )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield cls(ours_out, ours_in)
        finally:
            os.close(ours_out)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE_S)
            os.close(ours_in)

    def ask(self, method: str, session: str = "", **parameters: Any) -> Any:
        """Run a command and return its result."""
        self._number += 1
        document: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session:
            document["sessionId"] = session
        os.write(self._commands, json.dumps(document).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], deadline - time.monotonic())
            assert ready, "the browser does not answer"
            data = os.read(self._answers, 1 << 20)
            assert data, "the browser has ended"
            self._received += data
        line, _, self._received = self._received.partition(b"\0")
        document: dict[str, Any] = json.loads(line)
        return document

    def open(self, url: str, width: int = 1280, height: int = 900) -> "Tab":
        """A tab in a profile of its own, at this address; the one before is closed."""
        if self._profile:
            self.ask("Target.disposeBrowserContext", browserContextId=self._profile)
        self.events.clear()
        self._profile = context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)
        attached = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab = Tab(self, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            tab.ask(f"{domain}.enable")
        tab.resize(width, height)
        tab.ask("Page.navigate", url=url)
        tab.until("document.readyState === 'complete'")
        return tab


class Tab:
    """One page in a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def ask(self, method: str, **parameters: Any) -> Any:
        return self._browser.ask(method, self._session, **parameters)

    def resize(self, width: int, height: int, dark: bool = False) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for."""
        answer = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < deadline, f"never true: {condition}\n{self.text()}"
            time.sleep(ROUND_S)

    def text(self) -> str:
        """What is to be read."""
        return str(self.run("document.body.innerText"))

    def press(self, key: str, text: str = "") -> None:
        """A key, as a person presses it; `text` is what it writes."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        event = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0), "text": text}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **event)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def write(self, text: str) -> None:
        """Into what has the focus."""
        self.ask("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def troubles(self) -> list[str]:
        """What went wrong so far: exceptions, errors in the console, breaches of the policy."""
        return [text for event in self._events() if (text := trouble(event))]

    def asked(self) -> list[str]:
        """The address of each request so far."""
        return [
            event["params"]["request"]["url"]
            for event in self._events()
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _events(self) -> list[dict[str, Any]]:
        return [each for each in self._browser.events if each.get("sessionId") == self._session]


def trouble(event: dict[str, Any]) -> str:
    """What an event tells of something that went wrong; empty if it does not."""
    method, found = event["method"], event.get("params", {})
    if method == "Runtime.exceptionThrown":
        return str(found["exceptionDetails"])
    if method == "Runtime.consoleAPICalled" and found["type"] in ("error", "warning", "assert"):
        return str(found["args"])
    if method == "Log.entryAdded" and found["entry"]["level"] in ("error", "warning"):
        return str(found["entry"])
    if method == "Audits.issueAdded" and "ContentSecurityPolicy" in found["issue"]["code"]:
        return str(found["issue"])
    if method == "Page.javascriptDialogOpening":
        return str(found)
    return ""
