"""Records of the journal that the last start could not take up: to look at, and to give up."""

from __future__ import annotations

from typing import Any

from warrener.exchange.durability.unreadable import Record
from warrener.exchange.management.call import Call, done
from warrener.exchange.management.values import plain
from warrener.protocol.http.errors import TargetNotFound
from warrener.protocol.http.response import Response

SECRET = "password_hash"


def list_records(call: Call) -> Response:
    return call.show([describe(record) for record in call.broker.unreadable])


def drop_record(call: Call) -> Response:
    """Have the journal keep a record no longer."""
    position = call.path["position"]
    known = {str(record.position): record.position for record in call.broker.unreadable}
    if position not in known:
        raise TargetNotFound("Not Found")
    call.broker.unreadable.drop(known[position])
    return done()


def describe(record: Record) -> dict[str, Any]:
    fields = record.fields or {}
    return {
        "position": record.position,
        "count": record.count,
        "kind": record.title,
        "error": record.error,
        "fields": {name: plain(fields[name]) for name in fields if name != SECRET},
    }
