"""What a broker does when a client asks for something it must not have: it closes the channel."""

from collections.abc import Iterator
from contextlib import contextmanager

import pika.exceptions
import pytest


@contextmanager
def channel_closed(reply_code: int, text: str = "") -> Iterator[None]:
    """The block must end in a channel.close of the broker with this code."""
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        yield
    assert reply_code == caught.value.reply_code, caught.value.reply_text
    assert text in caught.value.reply_text
