"""The OpenAPI document: the table of endpoints in a form that programs read.

It says which paths there are, what stands in them, who may call them and what they answer; not the
fields of answers, which docs/management.md and RabbitMQ's own documentation describe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from warrener.exchange.management.access import Access
from warrener.exchange.management.call import Call, answer
from warrener.exchange.management.node import PRODUCT, VERSION
from warrener.protocol.http.response import Response

if TYPE_CHECKING:
    from warrener.exchange.management.application import Endpoint

TEXT = {"type": "string"}
FAILURE = {
    "type": "object",
    "required": ["reason"],
    "properties": {"error": TEXT, "reason": TEXT},
}
ANSWERS = {
    "GET": {"200": "found"},
    "PUT": {"201": "made", "204": "changed"},
    "POST": {"200": "done", "201": "made", "204": "done"},
    "DELETE": {"204": "gone"},
}
REFUSALS = {
    "400": "something is wrong with the request",
    "401": "not for this user",
    "403": "asked for a page of another site",
    "404": "not there",
    "413": "too long a body",
    "421": "not the name of this broker",
    "503": "not now",
}
KIND_REFUSED = {"415": "a body of another kind"}
CONFLICTS = {
    "/api/x/topology/apply": {"409": "something is in the way; the answer says what was done"},
}
"""Refusals of some endpoints only, by their patterns."""


def get_document(call: Call) -> Response:
    return answer(document(call.application.endpoints))


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """What OpenAPI 3.1 calls a description."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        operations = paths.setdefault(endpoint.pattern, {})
        operations[endpoint.method.lower()] = operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{PRODUCT} management API", "version": VERSION},
        "paths": paths,
        "components": {
            "securitySchemes": {"login": {"type": "http", "scheme": "basic"}},
            "schemas": {"Failure": FAILURE},
        },
    }


def operation(endpoint: Endpoint) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": endpoint.meaning,
        "tags": [endpoint.pattern.removeprefix("/api").split("/")[1]],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": TEXT}
            for name in re.findall(r"{(\w+)}", endpoint.pattern)
        ],
        "responses": responses(endpoint),
    }
    if endpoint.access is not Access.ANYBODY:
        described["security"] = [{"login": []}]
        described["description"] = f"Takes the tag {endpoint.access.value}."
    if endpoint.method in ("PUT", "POST"):
        content = {kind: {"schema": {"type": "object"}} for kind in endpoint.takes}
        described["requestBody"] = {"content": content}
    return described


def responses(endpoint: Endpoint) -> dict[str, Any]:
    failure = {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}
    refusals = REFUSALS | CONFLICTS.get(endpoint.pattern, {})
    if len(endpoint.takes) > 1:
        refusals |= KIND_REFUSED
    return {
        **{status: {"description": text} for status, text in ANSWERS[endpoint.method].items()},
        **{status: {"description": text, "content": failure} for status, text in refusals.items()},
    }
