"""The table of loads: what is published, by how many, through what, and how it is taken."""

from dataclasses import dataclass

EXCHANGE = "bench.x"
PUBLISHES_PER_SEND = 512
BYTES_PER_SEND_MAX = 327680


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load. `figure` is the rate that the scenario is about: `delivered` or `confirmed`."""

    name: str
    title: str
    figure: str = "delivered"
    size_bytes: int = 100
    producers: int = 1
    consumers: int = 1
    queues: int = 1
    kind: str = "direct"
    persistent: bool = False
    confirm_window: int = 0
    ack_every: int = 0
    prefetch: int = 0

    @property
    def copies(self) -> int:
        """How many queues get each message."""
        return self.queues if self.kind == "fanout" else 1

    @property
    def publishes_per_send(self) -> int:
        fitting = max(1, BYTES_PER_SEND_MAX // (self.size_bytes + 100))
        within_window = self.confirm_window // 5 or PUBLISHES_PER_SEND
        return min(PUBLISHES_PER_SEND, fitting, within_window)

    @property
    def keys(self) -> list[str]:
        """The routing keys a producer uses in turn; all have the same length."""
        return [queue_name(0)] if self.kind == "fanout" else self.queue_names

    @property
    def queue_names(self) -> list[str]:
        return [queue_name(number) for number in range(self.queues)]

    def queues_of_consumer(self, consumer: int) -> list[str]:
        return self.queue_names[consumer :: self.consumers]


def queue_name(number: int) -> str:
    return f"bench.q{number}"


SCENARIOS = (
    Scenario("S1", "1 to 1, transient, auto-ack, 100 B"),
    Scenario("S2", "1 to 1, transient, ack each, prefetch 200, 100 B", ack_every=1, prefetch=200),
    Scenario(
        "S3",
        "1 to 1, durable persistent, confirm window 1000, multi-ack 10, 1 KiB",
        size_bytes=1024,
        persistent=True,
        confirm_window=1000,
        ack_every=10,
        prefetch=500,
    ),
    Scenario("S5", "fanout 1 to 10 queues, auto-ack, 100 B", kind="fanout", queues=10, consumers=2),
    Scenario(
        "S7",
        "4 to 4 over 4 queues, multi-ack 10, prefetch 500, 100 B",
        producers=4,
        consumers=4,
        queues=4,
        ack_every=10,
        prefetch=500,
    ),
    Scenario(
        "S9",
        "publish only, durable persistent, confirm window 1000, 1 KiB",
        figure="confirmed",
        size_bytes=1024,
        consumers=0,
        persistent=True,
        confirm_window=1000,
    ),
    Scenario("S10", "1 to 1, transient, auto-ack, 64 KiB bodies", size_bytes=65536),
)
