"""Failures: steps of the broker that have raised an exception, by their owners."""

from __future__ import annotations

from typing import Any

from warrener.exchange.failures import Failure
from warrener.exchange.filters.failing import FAILURES
from warrener.exchange.management.call import Call
from warrener.exchange.management.values import iso_time
from warrener.protocol.http.response import Response


def list_failures(call: Call) -> Response:
    """The last ones, the latest first; those in virtual hosts that the user may see."""
    visible = {vhost.name for vhost in call.visible_vhosts}
    failures = sorted((*call.broker.failures, *FAILURES), key=lambda failure: -failure.last_ms)
    return call.show(
        [
            describe(failure)
            for failure in failures
            if not failure.owner.vhost or failure.owner.vhost in visible
        ]
    )


def describe(failure: Failure) -> dict[str, Any]:
    return {
        "kind": failure.owner.kind,
        "name": failure.owner.name,
        "vhost": failure.owner.vhost,
        "error": failure.error,
        "count": failure.count,
        "first_at": iso_time(failure.first_ms),
        "last_at": iso_time(failure.last_ms),
    }
