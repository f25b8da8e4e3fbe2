"""URLs of AMQP."""

import pytest

from warrener.exchange.client.address import Address, read_url
from warrener.exchange.client.errors import ClientError


def test_a_url_says_who_where_and_in_which_virtual_host() -> None:
    assert read_url("amqp://ada:s%40t@box:1234/shop") == Address(
        "box", 1234, "ada", "s@t", "shop", False
    )


@pytest.mark.parametrize("path", ["", "/", "/%2F"])
def test_without_a_path_it_is_the_default_virtual_host(path: str) -> None:
    assert read_url(f"amqp://box{path}") == Address("box", 5672, "guest", "guest", "/", False)


def test_tls_has_a_port_of_its_own() -> None:
    address = read_url("amqps://box")
    assert (address.port, address.tls) == (5671, True)


def test_what_is_shown_has_no_password() -> None:
    assert "secret" not in read_url("amqp://ada:secret@box/").shown


@pytest.mark.parametrize("url", ["", "box", "http://box", "amqp://box:port", "amqp://box:99999"])
def test_what_is_no_url_of_amqp_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="amqp://user:password@host"):
        read_url(url)
