"""What is wrong with a request, with the status that says so.

    HttpError
     +-- BadRequest         400  bytes or a target that mean nothing
     +-- TargetNotFound     404  nothing has this target
     +-- MethodNotAllowed   405  something has, but not for this method
     +-- TooSlow            408  a request that does not come to its end
     +-- BodyTooLarge       413  more than is taken
     +-- HeadTooLarge       431  the same of the lines before the body

`text` is for the person at the other end. After a MalformedRequest, and where too much comes or
nothing more, what the client sends next cannot be told from what it has sent: the connection is
over (`ServerConnection.is_over`).
"""

from collections.abc import Iterable
from typing import ClassVar


class HttpError(Exception):
    """A request that cannot be answered as asked."""

    status: ClassVar[int]

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class BadRequest(HttpError):
    status = 400


class MalformedRequest(BadRequest):
    """Bytes that are no HTTP."""


class TargetNotFound(HttpError):
    status = 404


class MethodNotAllowed(HttpError):
    """`allowed` are the methods that the target has."""

    status = 405

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__(f"only {', '.join(self.allowed)}")


class TooSlow(HttpError):
    status = 408


class BodyTooLarge(HttpError):
    status = 413


class HeadTooLarge(HttpError):
    status = 431
