"""What is wrong with the bytes or the conversation of a peer, and the reply code that says so.

    ProtocolError
     +-- AccessRefused      403  a login that is not accepted
     +-- FrameError         501  bytes that are no frame, or arguments that cannot be decoded
     +-- MalformedField     502  a field that holds what it may not, as a bad SASL response
     +-- CommandInvalid     503  a method, or a SASL mechanism, that does not exist
     +-- ChannelError       504  a channel that is not open, or is opened twice
     +-- UnexpectedFrame    505  a frame that is not due here
     +-- NotAllowed         530  what this connection may not do
     +-- NotSupported       540  what the specification has and this broker has not
     +-- InternalError      541  our own mistake, told to the peer

All of them end the connection. What ends a channel only (a queue that is not there, an argument
that does not match) is a refusal by the broker and no error of the wire: those classes live with
the broker. Both kinds are told to the client in the same form, which `reply_text` makes from any
code of `REPLY_NAMES`.
"""

from typing import ClassVar

REPLY_NAMES = {
    200: "REPLY_SUCCESS",
    311: "CONTENT_TOO_LARGE",
    312: "NO_ROUTE",
    313: "NO_CONSUMERS",
    320: "CONNECTION_FORCED",
    402: "INVALID_PATH",
    403: "ACCESS_REFUSED",
    404: "NOT_FOUND",
    405: "RESOURCE_LOCKED",
    406: "PRECONDITION_FAILED",
    501: "FRAME_ERROR",
    502: "SYNTAX_ERROR",
    503: "COMMAND_INVALID",
    504: "CHANNEL_ERROR",
    505: "UNEXPECTED_FRAME",
    506: "RESOURCE_ERROR",
    530: "NOT_ALLOWED",
    540: "NOT_IMPLEMENTED",
    541: "INTERNAL_ERROR",
}

# The reply text is a short string of the wire, and those hold no more.
REPLY_TEXT_BYTES_MAX = 255


def reply_text(code: int, explanation: str) -> str:
    """Return "NAME - explanation", cut between characters so that it fits into a reply.

    What UTF-8 cannot express (a lone surrogate out of a client's own words) becomes "?": an error
    must not fail while it is being told.
    """
    encoded = f"{REPLY_NAMES[code]} - {explanation}".encode("utf-8", "replace")
    return encoded[:REPLY_TEXT_BYTES_MAX].decode("utf-8", "ignore")


class ProtocolError(Exception):
    """The peer broke the protocol. `class_id` and `method_id` name the method at fault, or are 0.

    Only the classes below are raised; each has the reply `code` and its `name`.
    """

    code: ClassVar[int]
    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.name = REPLY_NAMES[cls.code]

    def __init__(self, text: str, class_id: int = 0, method_id: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.class_id = class_id
        self.method_id = method_id

    @property
    def reply_text(self) -> str:
        return reply_text(self.code, self.text)


class AccessRefused(ProtocolError):
    code = 403


class FrameError(ProtocolError):
    code = 501


class MalformedField(ProtocolError):
    code = 502


class CommandInvalid(ProtocolError):
    code = 503


class ChannelError(ProtocolError):
    code = 504


class UnexpectedFrame(ProtocolError):
    code = 505


class NotAllowed(ProtocolError):
    code = 530


class NotSupported(ProtocolError):
    code = 540


class InternalError(ProtocolError):
    code = 541
