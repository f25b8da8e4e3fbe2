"""A small AMQP client: blocking, for our own commands and for scripts.

    from warrener.exchange.client import connect

    with connect("amqp://guest:guest@127.0.0.1/") as connection:
        channel = connection.channel()
        channel.declare_queue("tasks", durable=True)
        channel.confirm()
        channel.publish(b"hello", "tasks", delivery_mode=2)
        channel.wait_for_confirms()
        channel.consume("tasks")
        for delivery in channel.deliveries(idle_s=1):
            print(delivery.body)
            channel.ack(delivery)

What it does not do, and other clients do: connect again by itself, send heartbeats (it asks for
none), be used by several threads at once. It speaks to any broker of AMQP 0-9-1.
"""

from warrener.exchange.client.channel import Channel
from warrener.exchange.client.connection import Connection, connect
from warrener.exchange.client.delivery import Delivery
from warrener.exchange.client.errors import (
    ClientError,
    Closed,
    LoginRefused,
    Unreachable,
)

__all__ = [
    "Channel",
    "ClientError",
    "Closed",
    "Connection",
    "Delivery",
    "LoginRefused",
    "Unreachable",
    "connect",
]
