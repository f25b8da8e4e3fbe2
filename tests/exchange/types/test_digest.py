from tests.exchange.core_client import Client
from warrener.exchange.types.digest import DIGEST_BITS, digest, place


def test_a_digest_is_the_same_in_every_process() -> None:
    assert digest("") == 0xE4A6A0577479B2B4
    assert digest("Ærø") == digest("\xc6r\xf8")


def test_digests_are_spread_over_their_range() -> None:
    highest_bits = [digest(str(number)) >> (DIGEST_BITS - 4) for number in range(1000)]
    assert set(highest_bits) == set(range(16))


def test_a_queue_and_an_exchange_of_one_name_are_two_places(client: Client) -> None:
    (queue,) = client.declare("a")
    exchange = client.vhost.declare_exchange("a", "fanout")
    assert (place(queue), place(exchange)) == ("queue a", "exchange a")
