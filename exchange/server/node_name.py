"""The name of this node, `NAME@HOST`, as RabbitMQ's tools expect one.

A process is one node, so the name belongs to the process: it is chosen once, before the broker is
made, and only read from then on.
"""

from __future__ import annotations

import platform
import re

_NODE_NAME = re.compile(r"[A-Za-z0-9_-]+@[A-Za-z0-9._-]+")
_name = f"warrener@{platform.node() or 'localhost'}"


def node_name() -> str:
    """Return the name of this node."""
    return _name


def set_node_name(name: str) -> None:
    """Give this node another name. Raises: ValueError if it is not of the form NAME@HOST."""
    global _name
    if not _NODE_NAME.fullmatch(name):
        raise ValueError(f"node_name must be of the form NAME@HOST, not {name!r}")
    _name = name
