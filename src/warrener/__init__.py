"""Warrener: a message broker that speaks AMQP 0-9-1.

The packages are `warrener.protocol` (bytes on a wire), `warrener.exchange` (the broker) and
`warrener.storage` (bytes that last); `python -m warrener` is the command line.
"""

__version__ = "0.1.0"
