from tests.exchange.messages import body_of, make_message
from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.durability.records import message_head
from warrener.exchange.message import Envelope
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore


def test_a_new_message_is_in_memory_only() -> None:
    assert make_message(b"one", persistent=True).position == 0


def test_messages_to_one_place_share_the_envelope() -> None:
    envelope = Envelope("e", "k")
    one, two = (make_message(body, envelope=envelope) for body in (b"one", b"two"))
    assert one.envelope is two.envelope
    assert (envelope.exchange, envelope.routing_key, envelope.encoded) == ("e", "k", None)


def test_a_message_is_equal_only_to_itself() -> None:
    assert make_message(b"one") != make_message(b"one")


def test_a_message_read_back_is_the_one_that_was_written() -> None:
    ledger = Ledger(NullStore(), CODEC)
    message = make_message(
        b"one" * 100, persistent=True, headers={"a": [1]}, envelope=Envelope("e", "k")
    )
    ledger.write_messages([message], message_head([1], "e", "k"), holders=1)
    (again,) = ledger.load([message.position])
    assert (again.envelope.exchange, again.envelope.routing_key) == ("e", "k")
    assert (again.content, again.channel) == (message.content, message.channel)
    assert again.position == message.position
    assert again.properties.persistent
    assert again.properties.headers == {"a": [1]}
    assert body_of(again) == b"one" * 100
