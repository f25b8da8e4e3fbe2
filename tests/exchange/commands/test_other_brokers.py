"""Commands at a broker that has RabbitMQ's management API and nothing of ours below /api/x/."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.exchange.commands.command import warrener
from tests.patience import join

pytestmark = pytest.mark.slow

MESSAGE = {
    "exchange": "",
    "routing_key": "q",
    "redelivered": True,
    "properties": {},
    "payload": "one",
    "payload_encoding": "string",
}


class LikeRabbit(BaseHTTPRequestHandler):
    """Knows a queue q in two virtual hosts, and says what RabbitMQ 3.10.8 says to all else."""

    def do_GET(self) -> None:
        if self.path in ("/api/queues/%2F/q", "/api/queues/v/q"):
            self._answer(200, {"name": "q", "messages": 1})
        elif "/%2F" in self.path and self.path.startswith("/api/x/"):
            self._answer(400)
        else:
            self._answer(404, {"error": "Object Not Found", "reason": "Not Found"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/q/get"):
            assert json.loads(body)["ackmode"] == "ack_requeue_true"
            self._answer(200, [MESSAGE])
        else:
            self._answer(405)

    do_DELETE = do_POST

    def _answer(self, status: int, document: Any = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), LikeRabbit) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        join(thread)


@pytest.mark.parametrize("vhost", ["/", "v"])
def test_a_peek_puts_messages_back_and_says_so(url: str, vhost: str) -> None:
    ran = warrener("peek", "q", "--vhost", vhost, "--url", url)
    assert (ran.status, ran.output) == (0, "one\n")
    assert ran.errors == (
        "warrener: RabbitMQ has no peek: messages are put back, marked as delivered before\n"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("peek q --sql a=1", "--sql and --tags need Warrener"),
        ("peek nothing", "there is no queue nothing"),
        ("search --tags a", "only Warrener can"),
        ("redrive q", "only Warrener can"),
        ("redrive q -V v --to x", "only Warrener can"),
        ("delayed list x", "only Warrener can"),
        ("delayed cancel x 1 2", "only Warrener can"),
        ("delayed expedite x 1", "only Warrener can"),
    ],
)
def test_what_only_warrener_can_is_told_in_a_line(url: str, line: str, said: str) -> None:
    ran = warrener(*line.split(), "--url", url)
    assert (ran.status, ran.output, ran.errors.count("\n")) == (1, "", 1)
    assert said in ran.errors
