from dataclasses import replace

import pytest

from warrener.protocol import methods as m
from warrener.protocol.errors import ChannelError
from warrener.protocol.methods import METHODS
from warrener.protocol.state import (
    ChannelState,
    ConnectionState,
    next_channel_state,
    next_connection_state,
)

# What may come on channel 0 and where it leads; all else is an error, or passed over by a side
# that has said its close.
CONNECTION = {
    ("START", "connection.start-ok"): "TUNE",
    ("START", "connection.close"): "CLOSED",
    ("TUNE", "connection.tune-ok"): "OPENING",
    ("TUNE", "connection.close"): "CLOSED",
    ("OPENING", "connection.open"): "OPEN",
    ("OPENING", "connection.close"): "CLOSED",
    ("OPEN", "connection.close"): "CLOSED",
    ("OPEN", "connection.update-secret"): "OPEN",
    ("CLOSING", "connection.close"): "CLOSED",
    ("CLOSING", "connection.close-ok"): "CLOSED",
    ("CLOSED", "connection.close"): "CLOSED",
}
PASSES_OVER = {"CLOSING", "CLOSED"}

# The same of another channel. An open one takes whatever does not open it or say that it closed.
CHANNEL = {
    ("CLOSED", "channel.open"): "OPEN",
    ("OPEN", "channel.close"): "CLOSED",
    ("CLOSING", "channel.close"): "CLOSING",
    ("CLOSING", "channel.close-ok"): "CLOSED",
}
NOT_ON_AN_OPEN_CHANNEL = {"channel.open", "channel.close-ok"}

ALL_METHODS = sorted(METHODS.values(), key=lambda method: method.id)
methods = pytest.mark.parametrize("method", ALL_METHODS, ids=lambda method: method.name)


@methods
@pytest.mark.parametrize("state", ConnectionState, ids=lambda state: state.name)
def test_a_connection_moves_as_listed_or_complains(state, method):
    if (listed := CONNECTION.get((state.name, method.name))) is not None:
        assert next_connection_state(state, method()) is ConnectionState[listed]
    elif state.name in PASSES_OVER:
        assert next_connection_state(state, method()) is None
    else:
        with pytest.raises(ChannelError) as caught:
            next_connection_state(state, method())
        assert (caught.value.class_id, caught.value.method_id) == (
            method.class_id,
            method.method_id,
        )
        assert method.name in caught.value.text
        assert state.name in caught.value.text


@methods
@pytest.mark.parametrize("state", ChannelState, ids=lambda state: state.name)
def test_a_channel_moves_as_listed_or_complains(state, method):
    if (listed := CHANNEL.get((state.name, method.name))) is not None:
        assert next_channel_state(state, 7, method()) is ChannelState[listed]
    elif state is ChannelState.CLOSING:
        assert next_channel_state(state, 7, method()) is None
    elif state is ChannelState.OPEN and method.name not in NOT_ON_AN_OPEN_CHANNEL:
        assert next_channel_state(state, 7, method()) is ChannelState.OPEN
    else:
        with pytest.raises(ChannelError) as caught:
            next_channel_state(state, 7, method())
        assert (caught.value.class_id, caught.value.method_id) == (
            method.class_id,
            method.method_id,
        )
        assert f"{method.name} on channel 7" in caught.value.text


def test_the_arguments_of_a_method_lead_nowhere_else():
    close = replace(m.ConnectionClose(), reply_code=541, reply_text="INTERNAL_ERROR")
    assert next_connection_state(ConnectionState.OPEN, close) is ConnectionState.CLOSED


def test_the_handshake_leads_to_an_open_connection_and_its_close():
    state = ConnectionState.START
    for method in (
        m.ConnectionStartOk(),
        m.ConnectionTuneOk(),
        m.ConnectionOpen(),
        m.ConnectionClose(),
    ):
        state = next_connection_state(state, method)
    assert state is ConnectionState.CLOSED
