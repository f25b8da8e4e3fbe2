"""The node: what this broker is called where RabbitMQ's tools expect the name of a node."""

import platform

import trio

from warrener import __version__
from warrener.exchange.likeness import RABBITMQ_VERSION
from warrener.exchange.server.firehose import NODE

__all__ = ["NODE", "PRODUCT", "RABBITMQ_VERSION", "RUNTIME", "VERSION"]

PRODUCT = "Warrener"
VERSION = __version__
RUNTIME = (
    f"{platform.python_implementation()} {platform.python_version()} / trio {trio.__version__}"
)
