"""Fields: the JSON object in the body of a request, read as leniently as tools need it.

rabbitmqadmin sends "true" and "5" where true and 5 are meant, so both are taken; a missing body
is an empty object, and an empty list where a table is meant is an empty table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from warrener.exchange.management.bodies import read_json
from warrener.protocol.http.errors import BadRequest

NAME_BYTES_MAX = 255
INTEGERS = range(-(1 << 63), 1 << 63)
_DECIMAL = re.compile(r"\s*-?[0-9]{1,19}\s*")
_MISSING: Any = object()


class Fields:
    """The fields of one JSON object. What is missing or of the wrong kind is a BadRequest."""

    def __init__(self, values: Any) -> None:
        if not isinstance(values, Mapping):
            raise BadRequest("not_json: the body is no object")
        self.values = values

    @classmethod
    def of(cls, body: bytes) -> Fields:
        return cls(read_json(body))

    def any(self, name: str, default: Any = _MISSING) -> Any:
        value = self.values.get(name, default)
        if value is _MISSING:
            raise BadRequest(f"key_missing: {name}")
        return value

    def text(self, name: str, default: str = _MISSING) -> str:
        value = self.any(name, default)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise BadRequest(f"not_string: {name}")
        return str(value)

    def name(self, name: str, default: str = _MISSING) -> str:
        """A text that fits where AMQP has names and routing keys."""
        return check_name(self.text(name, default))

    def flag(self, name: str, default: bool = _MISSING) -> bool:
        value = self.any(name, default)
        return default if value is None else read_flag(value)

    def number(self, name: str, default: int = _MISSING) -> int:
        value = self.any(name, default)
        if isinstance(value, str) and _DECIMAL.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value not in INTEGERS:
            raise BadRequest(f"not_int: {name}")
        return value

    def table(self, name: str) -> dict[str, Any]:
        """A table of AMQP, empty if there is none."""
        return read_table(self.any(name, None) or {}, name)

    def texts(self, name: str, default: str = "") -> list[str]:
        """A list of words, which may be one text with commas between."""
        value = self.any(name, default)
        if isinstance(value, str):
            value = value.split(",")
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadRequest(f"not_list: {name}")
        return [item.strip() for item in value if item.strip()]


def read_flag(value: Any) -> bool:
    """Raises: BadRequest."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise BadRequest(f"not_boolean: {value}")


def read_table(value: Any, name: str) -> dict[str, Any]:
    """JSON as a table of AMQP. Raises: BadRequest for what a table cannot hold."""
    if not isinstance(value, dict):
        raise BadRequest(f"not_table: {name}")
    check_value(value)
    return value


def check_name(name: str) -> str:
    """Raises: BadRequest for a name that no AMQP client could say."""
    if len(name.encode()) > NAME_BYTES_MAX:
        raise BadRequest(f"a name may have {NAME_BYTES_MAX} bytes")
    return name


def check_value(value: Any, depth: int = 16) -> None:
    """Raises: BadRequest for what a table of AMQP cannot hold."""
    if not depth:
        raise BadRequest("a table that is too deep")
    if isinstance(value, dict):
        for key, item in value.items():
            check_name(key)
            check_value(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            check_value(item, depth - 1)
    elif isinstance(value, int) and value not in INTEGERS:
        raise BadRequest("a number of more than 64 bits")
