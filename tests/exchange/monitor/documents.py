"""Documents of a management API as one broker may have sent them, and pictures made of them."""

from typing import Any

from warrener.exchange.monitor.history import History
from warrener.exchange.monitor.picture import Picture
from warrener.exchange.monitor.snapshot import Document, Snapshot, read_broker
from warrener.exchange.monitor.state import State

SAMPLES = 30


def rates(**values: float) -> dict[str, Any]:
    """Statistics of messages: a count, and a rate."""
    stats: dict[str, Any] = {}
    for name, rate in values.items():
        stats |= {name: int(rate * 1000), f"{name}_details": {"rate": rate}}
    return stats


OVERVIEW: Document = {
    "product_name": "Warrener",
    "product_version": "0.1.0",
    "rabbitmq_version": "3.13.7",
    "node": "warrener@box",
    "message_stats": rates(publish=12345.6, deliver_get=9876.5, ack=9876.5, drop_unroutable=1.5),
    "queue_totals": {"messages_ready": 1234567, "messages_unacknowledged": 89},
    "object_totals": {
        "queues": 3,
        "exchanges": 9,
        "connections": 2,
        "channels": 4,
        "consumers": 5,
    },
    "churn_rates": {"connection_created": 5, "queue_deleted": 0},
}
NODE: Document = {
    "name": "warrener@box",
    "uptime": 273_600_000,
    "mem_used": 120 << 20,
    "mem_limit": 800 << 20,
    "mem_alarm": False,
    "disk_free": 12 << 30,
    "disk_free_limit": 50 << 20,
    "disk_free_alarm": False,
    "fd_used": 32,
    "fd_total": 1024,
}
QUEUES: list[Document] = [
    {
        "name": "orders.eu",
        "vhost": "/",
        "durable": True,
        "auto_delete": False,
        "exclusive": False,
        "arguments": {"x-message-ttl": 60000, "x-dead-letter-exchange": "dead"},
        "messages": 1200345,
        "messages_ready": 1200300,
        "messages_unacknowledged": 45,
        "consumers": 3,
        "consumer_utilisation": 0.75,
        "message_bytes": 1 << 30,
        "type": "classic",
        "state": "running",
        "policy": "limits",
        "effective_policy_definition": {"max-length": 5000000},
        "message_stats": rates(publish=12000.0, deliver_get=9800.4, ack=9800.4),
        "idle_since": "2026-11-20T11:22:33.444+00:00",
    },
    {
        "name": "bestellungen.größe.mit.einem.langen.namen.日本語",
        "vhost": "shop",
        "durable": False,
        "auto_delete": True,
        "exclusive": True,
        "arguments": {},
        "messages": 7,
        "messages_ready": 7,
        "messages_unacknowledged": 0,
        "consumers": 0,
        "state": "running",
        "message_stats": rates(publish=0.4),
    },
    {"name": "evil\x1b[31mred\nname", "vhost": "/", "messages": 0, "state": "crashed"},
]
CONNECTIONS: list[Document] = [
    {
        "name": "127.0.0.1:51018 -> 127.0.0.1:5672",
        "user": "guest",
        "vhost": "/",
        "state": "running",
        "channels": 3,
        "recv_oct": 5_000_000,
        "recv_oct_details": {"rate": 463_000.0},
        "send_oct": 17_000,
        "send_oct_details": {"rate": 17_000.0},
        "client_properties": {"product": "Pika Python Client Library", "version": "1.4.4"},
        "ssl": False,
        "auth_mechanism": "PLAIN",
        "timeout": 60,
        "peer_host": "127.0.0.1",
        "peer_port": 51018,
    },
    {
        "name": "10.0.0.7:40000 -> 10.0.0.1:5672",
        "user": "shop",
        "vhost": "shop",
        "state": "blocked",
        "channels": 1,
        "user_provided_name": "checkout",
    },
]
CHANNELS: list[Document] = [
    {
        "name": "127.0.0.1:51018 -> 127.0.0.1:5672 (1)",
        "user": "guest",
        "vhost": "/",
        "state": "running",
        "prefetch_count": 200,
        "messages_unacknowledged": 45,
        "messages_unconfirmed": 3,
        "consumer_count": 2,
        "confirm": True,
        "message_stats": rates(publish=5446.0, deliver_get=136.5),
    }
]
EXCHANGES: list[Document] = [
    {
        "name": "",
        "vhost": "/",
        "type": "direct",
        "durable": True,
        "message_stats": rates(publish_in=10.0, publish_out=10.0),
    },
    {
        "name": "orders",
        "vhost": "/",
        "type": "topic",
        "durable": True,
        "internal": True,
        "policy": "mirror",
        "message_stats": rates(publish_in=12345.0, publish_out=24690.0),
    },
]
BINDINGS: list[Document] = [
    {
        "source": "orders",
        "destination": "orders.eu",
        "routing_key": "order.#",
        "vhost": "/",
        "arguments": {"x-filter-jms-selector": "region = 'EU' AND total > 100"},
    },
    {"source": "", "destination": "orders.eu", "routing_key": "orders.eu", "vhost": "/"},
]
CONSUMERS: list[Document] = [
    {
        "consumer_tag": "ctag1.8051be35",
        "queue": {"name": "orders.eu", "vhost": "/"},
        "channel_details": {"name": "127.0.0.1:51018 -> 127.0.0.1:5672 (1)", "user": "guest"},
        "prefetch_count": 200,
        "messages_unacknowledged": 45,
        "filter_stats": {"evaluations": 200, "matches": 50},
        "ack_required": True,
        "exclusive": False,
        "active": True,
        "activity_status": "up",
        "arguments": {"x-filter-tags": "TagA || TagB"},
    }
]
MESSAGES: list[Document] = [
    {
        "exchange": "orders",
        "routing_key": "order.new",
        "redelivered": True,
        "payload_bytes": 17,
        "properties": {"headers": {"region": "EU"}},
        "payload": "two\nlines \x1b[2J",
    }
]
EVENTS: list[Document] = [
    {"at": "12:00:01", "what": "2 connections opened"},
    {"at": "12:00:07", "what": "memory alarm: publishers are blocked"},
]
FILTERS: list[Document] = [
    {
        "filter": "region = 'EU' AND total > 100",
        "vhost": "/",
        "on": "binding",
        "from": "orders",
        "to": "orders.eu",
        "key": "order.#",
        "evaluations": 123456,
        "matches": 61728,
        "cost_ns": 412,
        "evaluations_rate": 1234.5,
    },
    {
        "filter": "tags: TagA || TagB",
        "vhost": "/",
        "on": "consumer",
        "from": "orders.eu",
        "to": "ctag1.8051be35",
        "key": None,
        "evaluations": 0,
        "matches": 0,
        "cost_ns": None,
    },
]
ROWS = {
    "queues": QUEUES,
    "connections": CONNECTIONS,
    "channels": CHANNELS,
    "exchanges": EXCHANGES,
    "consumers": CONSUMERS,
    "filters": FILTERS,
}


def history() -> History:
    """Half a minute, in which everything rises."""
    remembered = History()
    broker = read_broker(OVERVIEW, [NODE])
    for number in range(SAMPLES):
        part = (number + 1) / SAMPLES
        depths = [{**row, "messages": row["messages"] * part} for row in QUEUES]
        remembered.add({name: rate * part for name, rate in broker.rates.items()}, depths)
    return remembered


def picture(
    state: State | None = None,
    width: int = 80,
    height: int | None = 24,
    *,
    overview: Any = OVERVIEW,
    nodes: Any = (NODE,),
    **options: Any,
) -> Picture:
    """What is seen in a state."""
    state = state or State()
    details: dict[str, Any] = {}
    about = None
    if state.details is not None:
        about = state.details.row
        details = {"details": {**about, "consumer_details": CONSUMERS}, "bindings": BINDINGS}
    snapshot = Snapshot(
        read_broker(overview, nodes), ROWS.get(state.view, ()), None, details, state.view, about
    )
    return Picture(state, snapshot, history(), width, height, EVENTS, **options)
