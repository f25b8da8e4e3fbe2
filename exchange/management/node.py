"""The node: what this broker is called where RabbitMQ's tools expect the name of a node."""

import platform

import trio

from warrener import __version__
from warrener.exchange.likeness import RABBITMQ_VERSION
from warrener.exchange.server.node_name import node_name

__all__ = ["PRODUCT", "RABBITMQ_VERSION", "RUNTIME", "VERSION", "node_name"]

PRODUCT = "Warrener"
VERSION = __version__
RUNTIME = (
    f"{platform.python_implementation()} {platform.python_version()} / trio {trio.__version__}"
)
