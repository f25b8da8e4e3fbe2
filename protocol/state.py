"""What may be said when: the states of a connection and of a channel, as tables.

A connection goes through the handshake one method at a time; each state lists the methods that
may come and the state they lead to. Once it is open, `connection.*` methods are as listed and
everything else belongs to a channel, which is closed, open or closing. While a side waits for
the answer to its close it passes over everything but the two closing methods (section 2.2.4,
and RabbitMQ's reading of it): a method that leads nowhere then is no mistake.

    START ---start-ok---> TUNE ---tune-ok---> OPENING ---open---> OPEN ---close---> CLOSED
                                                                   |                  ^
                                              our own close        v                  |
                                                                CLOSING ---close-ok---'
"""

from enum import Enum, auto
from typing import Final

from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.errors import ChannelError


class ConnectionState(Enum):
    """Where a connection stands, named for what it waits for."""

    HEADER = auto()
    START = auto()
    TUNE = auto()
    OPENING = auto()
    OPEN = auto()
    CLOSING = auto()
    CLOSED = auto()


class ChannelState(Enum):
    CLOSED = auto()
    OPEN = auto()
    CLOSING = auto()


_C = ConnectionState
CONNECTION: Final[dict[ConnectionState, dict[type[Method], ConnectionState]]] = {
    _C.HEADER: {},
    _C.START: {m.ConnectionStartOk: _C.TUNE, m.ConnectionClose: _C.CLOSED},
    _C.TUNE: {m.ConnectionTuneOk: _C.OPENING, m.ConnectionClose: _C.CLOSED},
    _C.OPENING: {m.ConnectionOpen: _C.OPEN, m.ConnectionClose: _C.CLOSED},
    _C.OPEN: {
        m.ConnectionClose: _C.CLOSED,
        m.ConnectionUpdateSecret: _C.OPEN,
    },
    _C.CLOSING: {m.ConnectionClose: _C.CLOSED, m.ConnectionCloseOk: _C.CLOSED},
    _C.CLOSED: {m.ConnectionClose: _C.CLOSED},
}

_H = ChannelState
CHANNEL: Final[dict[ChannelState, dict[type[Method], ChannelState]]] = {
    _H.CLOSED: {m.ChannelOpen: _H.OPEN},
    _H.OPEN: {m.ChannelClose: _H.CLOSED},
    _H.CLOSING: {m.ChannelClose: _H.CLOSING, m.ChannelCloseOk: _H.CLOSED},
}


def next_connection_state(state: ConnectionState, method: Method) -> ConnectionState | None:
    """Where `method` on channel 0 leads; None if it is to be passed over.

    Raises: ChannelError if it may not come now.
    """
    following = CONNECTION[state].get(type(method))
    if following is None and state not in (_C.CLOSING, _C.CLOSED):
        raise ChannelError(
            f"{method.name} on channel 0 while the connection is in state {state.name}",
            method.class_id,
            method.method_id,
        )
    return following


def next_channel_state(state: ChannelState, number: int, method: Method) -> ChannelState | None:
    """Where `method` leads a channel; None if it is to be passed over.

    Raises: ChannelError if it may not come now.
    """
    following = CHANNEL[state].get(type(method))
    if following is not None or state is _H.CLOSING:
        return following
    if state is _H.OPEN and not isinstance(method, m.ChannelOpen | m.ChannelCloseOk):
        return _H.OPEN
    raise ChannelError(
        f"{method.name} on channel {number}, which is {state.name.lower()}",
        method.class_id,
        method.method_id,
    )
