"""A day: one working day of a web shop, told as events.

What: about four thousand events in the order in which they happened: orders that are created,
paid, shipped, cancelled and refunded, stock that runs low, people who log in.

Why: the demo and the tests route a stream in which an order has a life and values have a skew
(most orders are small, most come from Europe, few are urgent), so a wrong binding shows as a
wrong number and not as a wrong coin toss.

How: everything is drawn from one generator with a fixed seed, so the day is the same on every
machine; a test compares it with examples/data/orders.jsonl, which generate_orders.py there writes.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

SEED = 20260302
DAY_STARTS = datetime(2026, 3, 2, tzinfo=UTC)
ORDERS = 1150
LOGINS = 520
STOCK_ALARMS = 130

CURRENCIES = {"EU": "EUR", "US": "USD", "APAC": "JPY", "LATAM": "BRL", "UK": "GBP"}
REGION_WEIGHTS = {"EU": 42, "US": 30, "APAC": 14, "UK": 9, "LATAM": 5}
PER_EURO = {"EUR": 1, "USD": 1.1, "GBP": 0.9, "BRL": 5.5, "JPY": 160}
WITHOUT_CENTS = {"JPY"}
SALES_CHANNELS = {"web": 60, "app": 30, "phone": 6, "store": 4}
LOGIN_RESULTS = {"success": 88, "wrong_password": 10, "locked": 2}

Event = dict[str, str | int | float]


def generate() -> list[Event]:
    """The whole day, in the order of time, with ids that count up."""
    draw = random.Random(SEED)
    happenings: list[tuple[datetime, Event]] = []
    for number in range(ORDERS):
        happenings.extend(life_of_an_order(draw, f"order-{number + 1:05d}"))
    happenings.extend(login(draw) for _ in range(LOGINS))
    happenings.extend(stock_alarm(draw) for _ in range(STOCK_ALARMS))
    happenings.sort(key=lambda happening: happening[0])
    return [numbered(number, time, event) for number, (time, event) in enumerate(happenings, 1)]


def numbered(number: int, time: datetime, event: Event) -> Event:
    head = {"id": f"event-{number:05d}", "time": time.isoformat(timespec="milliseconds")}
    region = str(event["region"]).lower()
    return head | event | {"routing_key": f"{region}.{event['kind']}"}


def life_of_an_order(draw: random.Random, order: str) -> Iterator[tuple[datetime, Event]]:
    """Created, then mostly paid and shipped; some are cancelled, a few end in a refund."""
    time = moment(draw)
    facts = order_facts(draw, order)
    yield time, {"kind": "order.created", **facts}
    if draw.random() < 0.11:
        yield later(draw, time, 40), {"kind": "order.cancelled", **facts}
        return
    time = later(draw, time, 15)
    yield time, {"kind": "order.paid", **facts}
    if draw.random() < 0.05:
        yield later(draw, time, 90), {"kind": "order.cancelled", **facts}
        return
    time = later(draw, time, 240)
    yield time, {"kind": "order.shipped", **facts}
    if draw.random() < 0.07:
        yield later(draw, time, 300), {"kind": "refund.requested", **facts}


def order_facts(draw: random.Random, order: str) -> Event:
    region = weighted(draw, REGION_WEIGHTS)
    currency = CURRENCIES[region]
    return {
        "order": order,
        "region": region,
        "amount": amount(draw, currency),
        "currency": currency,
        "priority": draw.choices([0, 4, 9], weights=[25, 70, 5])[0],
        "customer": f"customer-{draw.randrange(1, 700):04d}",
        "channel": weighted(draw, SALES_CHANNELS),
    }


def amount(draw: random.Random, currency: str) -> float:
    """About fifty euros for most, a few hundred for some, in the money of the region."""
    value = draw.lognormvariate(3.9, 0.9) * PER_EURO[currency]
    return round(value) if currency in WITHOUT_CENTS else round(value, 2)


def login(draw: random.Random) -> tuple[datetime, Event]:
    return moment(draw), {
        "kind": "audit.login",
        "region": weighted(draw, REGION_WEIGHTS),
        "priority": 0,
        "customer": f"customer-{draw.randrange(1, 700):04d}",
        "result": weighted(draw, LOGIN_RESULTS),
    }


def stock_alarm(draw: random.Random) -> tuple[datetime, Event]:
    return moment(draw), {
        "kind": "stock.low",
        "region": weighted(draw, REGION_WEIGHTS),
        "priority": 9,
        "article": f"article-{draw.randrange(1, 400):04d}",
        "left": draw.randrange(0, 12),
    }


def moment(draw: random.Random) -> datetime:
    """A time of the day: shops are busiest in the early evening."""
    hour = draw.triangular(0, 24, 18)
    return DAY_STARTS + timedelta(hours=hour)


def later(draw: random.Random, time: datetime, minutes: float) -> datetime:
    return time + timedelta(minutes=draw.uniform(0.2, minutes))


def weighted(draw: random.Random, weights: dict[str, int]) -> str:
    return draw.choices(list(weights), weights=list(weights.values()))[0]


def as_lines(events: list[Event]) -> str:
    return "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events)
