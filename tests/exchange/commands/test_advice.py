"""What is told of a broker that cannot be used: one line why, one line what to do."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.exchange.commands.command import warrener
from tests.patience import join
from warrener.exchange.commands import main
from warrener.exchange.commands.advice import advice
from warrener.exchange.management.client import ManagementError

pytestmark = pytest.mark.slow


@contextmanager
def listening(answer: bytes) -> Iterator[int]:
    """Something that says always the same; the port of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            accepted, _ = server.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        join(thread)


Complaint = Callable[..., tuple[int, str, str]]


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Complaint:
    """Run a command that fails: its status, why, and what to do."""

    def run(*line: str) -> tuple[int, str, str]:
        status = main(line)
        printed = capsys.readouterr()
        assert printed.out == ""
        why, what_to_do = printed.err.splitlines()
        return status, why, what_to_do

    return run


@pytest.mark.parametrize(
    ("answer", "spoken"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS, as in amqps://"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "speaks SSH"),
    ],
)
def test_who_else_listens_on_a_port_of_amqp_is_told(
    complaint: Complaint, answer: bytes, spoken: str
) -> None:
    with listening(answer) as port:
        status, why, _ = complaint("sub", "q", "--url", f"amqp://127.0.0.1:{port}")
    assert (status, spoken in why) == (69, True), why


@pytest.mark.parametrize(
    ("line", "url", "plain"),
    [("sub q", "amqps", "amqp://"), ("list queues", "https", "http://")],
)
def test_a_port_without_tls_is_told(complaint: Complaint, line: str, url: str, plain: str) -> None:
    with listening(b"AMQP\0\0\x09\x01") as port:
        status, _, what = complaint(*line.split(), "--url", f"{url}://127.0.0.1:{port}")
    assert status == 69
    assert what.startswith(f"does it speak TLS? If not, write {plain} in --url")


@pytest.mark.parametrize(
    ("line", "scheme", "name"),
    [("sub q", "amqp", "WARRENER_URL"), ("health --ping", "http", "WARRENER_API")],
)
def test_a_name_that_nobody_knows_is_told(
    complaint: Complaint, line: str, scheme: str, name: str
) -> None:
    status, _, what = complaint(*line.split(), "--url", f"{scheme}://no-such-host.invalid")
    assert (status, what) == (69, f"is the name right? It is in --url, or {name}")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (ssl.SSLCertVerificationError("self-signed"), "SSL_CERT_FILE"),
        (TimeoutError("timed out"), "firewall"),
        (ConnectionRefusedError(111, "refused"), "warrener serve"),
    ],
)
def test_each_cause_has_its_advice(cause: OSError, said: str) -> None:
    error = ManagementError("cannot reach it")
    error.__cause__ = cause
    assert said in advice(error, "http", "WARRENER_API")


def test_a_data_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    ran = warrener("serve", "--port", "0", "--http-port", "-1", "--data", str(path))
    assert (ran.status, ran.errors) == (
        1,
        f"warrener: cannot use data directory {path}: it is a file; choose another with --data\n",
    )
