"""Refusals: what the broker answers when it will not do what a client asked.

    Refused
    |-- ends the channel
    |   |-- AccessRefused        403   not allowed, or a reserved name
    |   |-- NotFound             404   no such exchange, queue or virtual host
    |   |-- ResourceLocked       405   an exclusive queue of another connection
    |   `-- PreconditionFailed   406   it exists, but otherwise than asked
    `-- ends the connection
        |-- Busy               320   not now: the same may succeed later
        |-- NotAllowed           530   against a rule of the whole connection
        `-- NotSupported         540   AMQP has it, Warrener does not

The class, not the place that raises it, says how far the refusal reaches (`ends_connection`).
Errors of the wire itself (a broken frame, a method out of order) are `warrener.protocol.errors`.
"""

from typing import ClassVar


class Refused(Exception):
    """The broker refuses a request; `text` is for the person who reads the client's log."""

    code: ClassVar[int]
    name: ClassVar[str]
    ends_connection: ClassVar[bool] = False

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class AccessRefused(Refused):
    code = 403
    name = "ACCESS_REFUSED"


class NotFound(Refused):
    code = 404
    name = "NOT_FOUND"


class ResourceLocked(Refused):
    code = 405
    name = "RESOURCE_LOCKED"


class PreconditionFailed(Refused):
    code = 406
    name = "PRECONDITION_FAILED"


class Busy(Refused):
    code = 320
    name = "CONNECTION_FORCED"
    ends_connection = True


class NotAllowed(Refused):
    code = 530
    name = "NOT_ALLOWED"
    ends_connection = True


class NotSupported(Refused):
    code = 540
    name = "NOT_IMPLEMENTED"
    ends_connection = True
