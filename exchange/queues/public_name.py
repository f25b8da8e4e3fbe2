"""The public name of a queue: the name that others may see.

The name of a direct reply queue ends in a random token, and whoever knows it can send replies to
the client that the queue belongs to. Lists, events and copies of messages show it without it.
"""

DIRECT_REPLY_TO = "amq.rabbitmq.reply-to"
REPLY_QUEUE_PREFIX = DIRECT_REPLY_TO + "."


def public_name(name: str) -> str:
    """Return a queue's name, without its token if it is that of a direct reply queue."""
    return DIRECT_REPLY_TO if name.startswith(REPLY_QUEUE_PREFIX) else name
