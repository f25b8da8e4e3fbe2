"""Footprint: about what something takes in memory, in bytes.

The figures were measured with tracemalloc on CPython 3.11 and rounded up. They are there to find
out who fills the memory, not to add up to what the process takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import getrefcount
from typing import TYPE_CHECKING, Any

from warrener.exchange.queues.ready import Ready

if TYPE_CHECKING:
    from warrener.exchange.binding import Binding
    from warrener.exchange.consumer import Consumer
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.types import Exchange

MESSAGE_BYTES = 250
"""What a message takes beside its content,"""
SELECTED_MESSAGE_BYTES = 300
"""more of it where messages can be selected by filter, priority, time or group,"""
UNACKED_MESSAGE_BYTES = 150
"""more with a consumer that has not acknowledged it,"""
NOTED_MESSAGE_BYTES = 400
"""and in a transaction."""
REFERENCE_BYTES = 8
"""What a queue keeps of a message that others hold as well,"""
POSITION_BYTES = 14
"""and of one that only the store holds."""
QUEUE_BYTES = 4500
EXCHANGE_BYTES = 800
BINDING_BYTES = 1400
FILTER_BYTES = 7000
CONSUMER_BYTES = 700
CHANNEL_BYTES = 2000
CONNECTION_BYTES = 16_000
PUBLICATION_BYTES = 700
WINDOW_KEY_BYTES = 500


def of_value(value: Any) -> int:
    """A value of a table of arguments."""
    total = 0
    values = [value]
    while values:
        each = values.pop()
        if isinstance(each, Mapping):
            total += 100 + 150 * len(each) + sum(map(len, each))
            values.extend(each.values())
        elif isinstance(each, list):
            total += 80 + 8 * len(each)
            values.extend(each)
        else:
            total += 60 + (len(each) if isinstance(each, str | bytes) else 0)
    return total


def of_messages(queue: Queue) -> int:
    """The messages that a queue holds in memory; of one that several hold, its share."""
    ready = queue.ready
    waiting = ready.messages_in_memory
    in_memory = ready.memory_bytes + MESSAGE_BYTES * waiting
    unacked = queue.unacked_bytes + MESSAGE_BYTES * queue.unacked
    unrouted = 0 if queue.unrouted is None else queue.unrouted.memory_bytes
    return (int(_share(queue) * in_memory) if waiting else 0) + unacked + unrouted


def of_queue(queue: Queue) -> int:
    """A queue, with what it keeps of each message beside the message itself."""
    ready = queue.ready
    waiting = ready.messages_in_memory
    selected = SELECTED_MESSAGE_BYTES * (not isinstance(ready, Ready))
    keys = 0 if queue.memory is None else WINDOW_KEY_BYTES * len(queue.memory)
    return (
        QUEUE_BYTES
        + of_value(queue.arguments)
        + (REFERENCE_BYTES + selected) * waiting
        + UNACKED_MESSAGE_BYTES * queue.unacked
        + POSITION_BYTES * (len(ready) - waiting)
        + keys
    )


def _share(queue: Queue) -> float:
    """Which part of the memory of its messages a queue is to be charged with.

    A message that went to several queues is one object, and how many of them hold it now is what
    the interpreter counts anyway. The oldest and the newest stand for all.
    """
    ready = queue.ready
    samples = ready.samples() if isinstance(ready, Ready) else ready.waiting.samples()
    # Beside the queues the tuple, the variable and the argument refer to it.
    holders = [max(1, getrefcount(message) - 3) for message in samples]
    return sum([1 / count for count in holders]) / len(holders) if holders else 1.0


def of_exchange(exchange: Exchange) -> int:
    """An exchange with its bindings and what it remembers of messages."""
    keys = 0 if exchange.window is None else len(exchange.window)
    return (
        EXCHANGE_BYTES
        + of_value(exchange.arguments)
        + exchange.bindings_bytes
        + WINDOW_KEY_BYTES * keys
        + exchange.history_bytes
    )


def of_binding(binding: Binding) -> int:
    filtered = 0 if binding.filter is None else FILTER_BYTES
    return BINDING_BYTES + len(binding.routing_key) + 3 * of_value(binding.arguments) + filtered


def of_consumer(consumer: Consumer) -> int:
    filtered = 0 if consumer.filter is None else FILTER_BYTES
    return CONSUMER_BYTES + of_value(consumer.arguments) + filtered
