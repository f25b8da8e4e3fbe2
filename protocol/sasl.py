"""SASL: how a client says who it is.

    PLAIN      NUL user NUL password                       (RFC 4616, no authorisation identity)
    AMQPLAIN   a field table without its length: LOGIN, PASSWORD

Both send the password as it is, which is why a listener beyond this machine wants TLS.

    EXTERNAL   nothing: the client is who its certificate says

That is offered to those only who have shown one, and there is nothing to read in the response.
"""

from warrener.protocol.errors import CommandInvalid, FrameError, MalformedField
from warrener.protocol.tables import decode_table

MECHANISMS = b"PLAIN AMQPLAIN"
EXTERNAL = "EXTERNAL"


def read_response(mechanism: str, response: bytes) -> tuple[str, str]:
    """The user name and password in a response.

    Raises: CommandInvalid for a mechanism that is not offered; MalformedField for a response
    that cannot be read.
    """
    try:
        if mechanism == "PLAIN":
            _, user, password = response.split(b"\0")
            return user.decode(), password.decode()
        if mechanism == "AMQPLAIN":
            table, _ = decode_table(len(response).to_bytes(4, "big") + response)
            return str(table["LOGIN"]), str(table["PASSWORD"])
    except (ValueError, KeyError, FrameError):
        raise MalformedField(f"response of SASL mechanism {mechanism} cannot be read") from None
    raise CommandInvalid(f"unknown SASL mechanism '{mechanism}'")
