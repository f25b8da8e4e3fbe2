"""Coming to a broker, and not getting in."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.patience import join
from warrener.exchange.client import ClientError, LoginRefused, Unreachable, connect

pytestmark = pytest.mark.slow


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    return f"amqp://127.0.0.1:{listener.getsockname()[1]}"


def test_a_broker_says_what_it_is(broker_url: str) -> None:
    with connect(broker_url) as connection:
        assert connection.server["product"]


def test_nobody_listens(listener: socket.socket) -> None:
    url = url_of(listener)
    listener.close()
    with pytest.raises(Unreachable, match="Connection refused"):
        connect(url)


@pytest.mark.parametrize("login", ["guest:wrong", "nobody:guest"])
def test_a_wrong_password_is_told_apart(broker_url: str, login: str) -> None:
    with pytest.raises(LoginRefused):
        connect(broker_url.replace("amqp://", f"amqp://{login}@"))


def test_a_virtual_host_that_is_not_there_is_told_apart(broker_url: str) -> None:
    with pytest.raises(LoginRefused, match="530"):
        connect(f"{broker_url}/nowhere")


def test_something_else_that_listens_is_told_apart(listener: socket.socket) -> None:
    def answer() -> None:
        with listener.accept()[0] as accepted:
            accepted.recv(100)
            accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            accepted.recv(100)

    other = threading.Thread(target=answer)
    other.start()
    with pytest.raises(ClientError, match=r"no AMQP 0-9-1"):
        connect(url_of(listener))
    join(other)


def test_one_that_says_nothing_is_not_waited_for_long(listener: socket.socket) -> None:
    with pytest.raises(Unreachable, match="is that a port of AMQP"):
        connect(url_of(listener), timeout_s=0.05)


def test_after_the_end_nothing_can_be_done(broker_url: str) -> None:
    connection = connect(broker_url)
    channel = connection.channel()
    connection.close()
    with pytest.raises(Unreachable):
        channel.declare_queue()
