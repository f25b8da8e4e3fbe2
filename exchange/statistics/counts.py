"""Counts: how many messages took which way through a queue or a channel since it was made.

A queue and a channel each have a plain list with one number for each name below. It is raised
once for each run of messages, where the run is handled anyway; so counting costs the hot path a
list access or two a run and nothing a message. What rates there are is found by whoever samples
the numbers: time is not known here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import add

NAMES = (
    "publish",
    "confirm",
    "return_unroutable",
    "drop_unroutable",
    "deliver",
    "deliver_no_ack",
    "get",
    "get_no_ack",
    "get_empty",
    "ack",
    "redeliver",
)
(
    PUBLISH,
    CONFIRM,
    RETURN_UNROUTABLE,
    DROP_UNROUTABLE,
    DELIVER,
    DELIVER_NO_ACK,
    GET,
    GET_NO_ACK,
    GET_EMPTY,
    ACK,
    REDELIVER,
) = range(len(NAMES))

Counts = list[int]


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """Counts of one queue at one moment; bytes are those of the content as it travels.

    Ready are all messages that wait, also the `messages_delayed` that are held back for a retry.
    """

    name: str
    messages_ready: int
    messages_unacked: int
    bytes_ready: int
    bytes_unacked: int
    consumers: int
    messages_delayed: int = 0


def no_counts() -> Counts:
    return [0] * len(NAMES)


def delivery_kind(no_ack: bool, asked: bool) -> int:
    """As what a delivery counts: to a consumer, or `asked` for one by one."""
    if asked:
        return GET_NO_ACK if no_ack else GET
    return DELIVER_NO_ACK if no_ack else DELIVER


def total(several: Iterable[Counts]) -> Counts:
    """The sum of counts."""
    found = no_counts()
    for counts in several:
        found = list(map(add, found, counts))
    return found
