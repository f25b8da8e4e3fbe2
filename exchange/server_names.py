"""Names of queues that are declared without one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from warrener.exchange.errors import PreconditionFailed

PREFIX_ARGUMENT = "x-name-prefix"
"""What the name of a server-named queue begins with; of a named queue it means nothing, and it is
not kept among the arguments of either, as in RabbitMQ from 4.3 on."""
PREFIX_DEFAULT = "amq.gen"
PREFIX_BYTES_MAX = 64


def server_name(arguments: Mapping[str, Any]) -> str:
    """A new name. Raises: PreconditionFailed for a prefix that is too long."""
    prefix = arguments.get(PREFIX_ARGUMENT)
    if not isinstance(prefix, str) or not prefix:
        prefix = PREFIX_DEFAULT
    if len(prefix.encode()) > PREFIX_BYTES_MAX:
        raise PreconditionFailed(
            f"invalid arg '{PREFIX_ARGUMENT}': longer than {PREFIX_BYTES_MAX} bytes"
        )
    without_line_ends = re.sub(r"[\r\n]", "", prefix)
    return f"{without_line_ends}-{token()}"


def token() -> str:
    """A part of a name that nobody can guess."""
    return secrets.token_urlsafe(16)


def without_prefix(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments that a queue keeps."""
    if PREFIX_ARGUMENT not in arguments:
        return arguments
    return {name: value for name, value in arguments.items() if name != PREFIX_ARGUMENT}
