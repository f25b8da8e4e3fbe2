"""Refusals of the management API, and how each is told: a status, and two words in JSON.

    HttpError (warrener.protocol.http.errors)
     +-- LoginRequired      401  nobody has said who he is, or not convincingly
     +-- NotAuthorised      401  somebody may not do this; RabbitMQ's status, tools expect it
     +-- ForeignOrigin      403  a page of somebody else's asks through its reader's browser
     +-- UnsupportedMedia   415  a body of a kind that is not read here
     +-- Misdirected        421  whoever was asked, it is not this broker
     +-- Unavailable        503  not now

What the broker refuses is `warrener.exchange.errors.Refused`, and `told` knows those, too.
"""

from __future__ import annotations

from typing import Any

from warrener.exchange.errors import AccessRefused, NotFound, Refused
from warrener.protocol.http.errors import HttpError

NOT_FOUND = ("Object Not Found", "Not Found")


class LoginRequired(HttpError):
    status = 401


class NotAuthorised(HttpError):
    status = 401


class ForeignOrigin(HttpError):
    status = 403


class UnsupportedMedia(HttpError):
    status = 415


class Misdirected(HttpError):
    status = 421


class Unavailable(HttpError):
    status = 503


_WORDS = {
    400: "bad_request",
    401: "not_authorised",
    403: "forbidden",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    415: "unsupported_media_type",
    421: "misdirected_request",
    431: "request_header_fields_too_large",
    500: "internal_error",
    503: "service_unavailable",
}


def told(error: HttpError | Refused) -> tuple[int, dict[str, Any]]:
    """The status and the body that tell a client what went wrong."""
    if isinstance(error, AccessRefused):
        return 401, {"error": "not_authorised", "reason": error.text}
    if isinstance(error, NotFound):
        return 404, {"error": "not_found", "reason": error.text}
    if isinstance(error, Refused):
        return 400, {"error": "bad_request", "reason": error.text}
    if error.status == 404:
        word, reason = NOT_FOUND
        return 404, {"error": word, "reason": reason}
    return error.status, {"error": _WORDS[error.status], "reason": error.text}
