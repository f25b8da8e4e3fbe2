"""What goes wrong for a client.

ClientError
    Unreachable      nobody listens there, or it is not AMQP, or the connection broke
    LoginRefused     user and password, or the virtual host, are not accepted
    Closed           the broker has closed the channel or the connection, and says why
"""

from __future__ import annotations


class ClientError(Exception):
    """Anything below; the text can be shown."""


class Unreachable(ClientError):
    """There is no broker to talk to, or no longer."""


class LoginRefused(ClientError):
    """The broker does not let this user in."""


class Closed(ClientError):
    """The broker's reply code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
