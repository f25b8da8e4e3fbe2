"""The node: what this broker is called where RabbitMQ's tools expect the name of a node."""

import platform

import trio

from warrener import __version__
from warrener.exchange.server.firehose import NODE

__all__ = ["NODE", "PRODUCT", "RABBITMQ_VERSION", "RUNTIME", "VERSION"]

PRODUCT = "Warrener"
VERSION = __version__
RABBITMQ_VERSION = "3.13.7"
"""The version whose API this is: tools compare it to know what they may ask for."""
RUNTIME = (
    f"{platform.python_implementation()} {platform.python_version()} / trio {trio.__version__}"
)
