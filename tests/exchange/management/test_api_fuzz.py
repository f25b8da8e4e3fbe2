"""Whatever is asked of whichever endpoint, in whatever order, it is answered, and not with a 500.

Routes come from the document that the broker gives to programs. What stands in paths, queries and
bodies is drawn from what is there, what nearly is, and what makes no sense; calls share a broker,
so one meets what the others have left.
"""

import json
from collections.abc import Iterable
from typing import Any

import trio
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.exchange.management.managed import Answer, Managed, managed
from warrener.exchange.management.openapi import document
from warrener.exchange.management.routes import ENDPOINTS
from warrener.protocol.http.client import BrokenResponse

PATHS = document(ENDPOINTS)["paths"]
ROUTES = sorted((method.upper(), path) for path, methods in PATHS.items() for method in methods)
OTHER_METHODS = ["HEAD", "OPTIONS", "TRACE", "PATCH", "BREW", "get", "PRI", "A!#$%&'*+-.^_`|~0"]
REFUSED = {400, 401, 403, 404, 405, 408, 413, 421, 431, 503}
ACCEPTED = {200, 201, 204, 304}

# What is there, under the names of the segments in braces

THERE = {
    "vhost": ["%2F", "shop"],
    "name": ["%2F", "shop", "q", "dead", "p", "x", "amq.topic", "amq.default", "guest", "u"],
    "user": ["guest", "u"],
    "source": ["amq.topic", "x", "amq.default", "amq.headers"],
    "destination": ["q", "x", "dead"],
    "exchange": ["x", "amq.topic"],
    "properties_key": ["~", "a", "a~", "%7E"],
    "component": ["vhost-limits", "operator_policy", "shovel", "c"],
    "limit": ["max-connections", "max-queues", "max-channels"],
    "password": ["secret"],
    "node": ["warrener@localhost"],
    "protocol": ["amqp", "http", "amqp/ssl"],
    "port": ["5672", "15672"],
    "within": ["1"],
    "unit": ["weeks", "days"],
    "id": ["1"],
    "sequence": ["0", "1"],
    "position": ["0", "1"],
}
ODD = ["", ".", "..", "%2e%2e", "%00", "%0A", "%0d%0aX:y", "%", "%zz", "%C3%28", "%ED%A0%80",
       "%F4%90%80%80", "+", "a+b", "a;b=c", "a%2Fb", "%252F", "~", "-1", "0", "1e9", "%C2%B2",
       "%D9%A3", "1_0", "9" * 30, "x" * 256, "%C3%BC", "*", "{name}", "(", "'", "%22%3Cb%3E",
       "\\", "^"]  # fmt: skip
KEYS = ["page", "page_size", "pagination", "sort", "sort_reverse", "columns", "name", "use_regex",
        "disable_stats", "enable_queue_totals", "lengths_age", "lengths_incr", "vhost", "family",
        "count", "selector", "tags", "message_id", "key", "truncate", "download", "if-empty",
        "if-unused", "kind", "%00", "a[]", "x"]  # fmt: skip
VALUES = ["true", "false", "1", "name", "vhost", "messages", "message_stats.publish_details.rate",
          "arguments", "a.b.c", "queue_coarse_metrics", "(((", "(a*)*b", "a=1", "amount%20%3E%201",
          "'", "a,b,,", "nan", "inf", "1.5", *ODD]  # fmt: skip

# Bodies: those that make sense, and what becomes of them

TABLE: dict[str, Any] = {"x-max-length": 5, "x-message-ttl": 1000, "x-queue-type": "classic"}
MESSAGE = {"properties": {"headers": {"a": 1}, "delivery_mode": 2}, "routing_key": "q",
           "payload": "text", "payload_encoding": "string"}  # fmt: skip
DEFINITIONS = {
    "users": [{"name": "u", "password_hash": "", "tags": "management"}],
    "vhosts": [{"name": "shop"}],
    "permissions": [{"user": "u", "vhost": "shop", "configure": "", "write": "", "read": ".*"}],
    "policies": [{"vhost": "/", "name": "p", "pattern": "q", "definition": {"max-length": 9}}],
    "queues": [{"name": "q2", "vhost": "/", "durable": True, "arguments": TABLE}],
    "exchanges": [{"name": "x2", "vhost": "/", "type": "topic", "durable": True, "arguments": {}}],
    "bindings": [{"source": "x2", "vhost": "/", "destination": "q2", "destination_type": "queue",
                  "routing_key": "#", "arguments": {}}],
    "parameters": [{"vhost": "/", "component": "vhost-limits", "name": "limits", "value": {}}],
    "global_parameters": [{"name": "g", "value": {"a": [1]}}],
}  # fmt: skip
DOCUMENTS: list[dict[str, Any]] = [
    {}, DEFINITIONS, MESSAGE,
    {"durable": True, "auto_delete": False, "arguments": TABLE},
    {"type": "headers", "durable": False, "internal": True, "arguments": {}},
    {"routing_key": "a.#", "arguments": {"x-match": "all", "a": 1}},
    {"count": 5, "ackmode": "ack_requeue_true", "encoding": "auto", "truncate": 3},
    {"password": "secret", "tags": "monitoring,administrator"},
    {"password_hash": "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", "tags": []},
    {"configure": ".*", "write": ".*", "read": ".*", "exchange": "amq.topic"},
    {"pattern": "^q", "definition": {"max-length": 2}, "priority": 1, "apply-to": "queues"},
    {"value": 5}, {"value": {"max-queues": 9}, "name": "limits"}, {"name": "cluster"},
    {"action": "sync"}, {"users": ["u"]}, {"description": "d", "tags": "a,b", "tracing": True},
    {"selector": "a = 1", "count": 3, "rate": 10, "dry_run": True, "exchange": "x"},
    {"selector": "a LIKE 'x%' AND b", "properties": {"headers": {"a": 1}}},
]  # fmt: skip
ODD_VALUES = st.sampled_from(
    [None, True, 0, -1, 1.5, 1 << 63, -(1 << 63), 10**40, 1e308, "", "true", "5", "-5", " 5", "²",
     "--5", "- 5", "\0", "\U0001f600", "é" * 200,
     "(", "(a*)*$", "^[", "$", [], [1], [[]], {}, {"a": {"b": [{}]}},
     ["a", 1, None], {"": ""}, "%2F", "/", "amq.x", "x" * 300]
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    """The way to each value in a document."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, each in value.items() if isinstance(value, dict) else ():
        yield (*at, key)
        yield from places(each, (*at, key))


def changed(whole: Any, way: tuple[Any, ...], value: Any) -> Any:
    """A document with another value in one place; without it, if the value is `...`."""
    copy = json.loads(json.dumps(whole))
    inner = copy
    for key in way[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[way[-1]]
    else:
        inner[way[-1]] = value
    return copy


@st.composite
def near_documents(draw: st.DrawFn) -> Any:
    """Something that makes sense, with up to two changes."""
    whole = draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(0, 2))):
        ways = list(places(whole))
        if ways:
            value = draw(ODD_VALUES | st.just(...))
            whole = changed(whole, draw(st.sampled_from(ways)), value)
    return whole


RAW = st.sampled_from(
    [b"", b" ", b"{", b"[]", b"null", b"1", b'"a"', b"NaN", b'{"value":1e999}', b'{"a":1,"a":2}',
     b'{"value":"\\ud800"}', b'{"value":"\xed\xa0\x80"}', b"\xff\xfe{\x00}\x00", b"1" * 5000,
     b"[" * 3000, b'{"arguments":' * 500, b"--b\r\n\r\nx\r\n--b--", b"a=1&b=2"]
)  # fmt: skip
BODIES = st.none() | near_documents().map(lambda each: json.dumps(each).encode()) | RAW
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Accept": st.sampled_from(["", "*/*", "text/html", "application/xml;q=2", ",,;"]),
        "Content-Type": st.sampled_from(
            ["application/json", "text/plain", "multipart/form-data; boundary=b",
             "multipart/form-data", "multipart/form-data; boundary=" + "b" * 500, ";;;"]
        ),
        "If-None-Match": st.sampled_from(["*", '"', "W/"]),
        "Range": st.just("bytes=0-1"),
        "Origin": st.sampled_from(["null", "http://localhost", "x"]),
        "Sec-Fetch-Site": st.sampled_from(["none", "same-site", "?"]),
        "X-Reason": st.just("%s~s{0}"),
        "Accept-Encoding": st.just("gzip;q=x"),
    },
)  # fmt: skip


@st.composite
def targets(draw: st.DrawFn, path: str) -> str:
    segments = []
    for segment in path.split("/")[1:]:
        name = segment.strip("{}") if segment.startswith("{") else None
        there = THERE[name] if name else [segment]
        odd = draw(st.integers(0, 9 if name else 99)) == 0
        segments.append(draw(st.sampled_from(ODD if odd else there)))
    pairs = draw(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=3))
    query = "&".join(f"{key}={value}" for key, value in pairs)
    return f"/{'/'.join(segments)}" + (f"?{query}" if query else "")


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, str, bytes | None, dict[str, str]]:
    method, path = draw(st.sampled_from(ROUTES))
    target = draw(targets(path))
    if path == "/api/x/events":
        method = "HEAD"
    elif draw(st.integers(0, 9)) == 0:
        method = draw(st.sampled_from(OTHER_METHODS))
    return method, target, draw(BODIES), draw(HEADERS)


async def prepare(broker: Managed) -> None:
    """A queue with dead letters, an exchange that holds messages back, a second virtual host."""
    api = broker.api
    await api.put("/api/vhosts/shop")
    await api.put("/api/queues/%2F/dead", {"durable": True})
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead", "x-max-length": 3}
    await api.put("/api/queues/%2F/q", {"arguments": dead})
    arguments = {"x-delayed-type": "topic"}
    await api.put("/api/exchanges/%2F/x", {"type": "x-delayed-message", "arguments": arguments})
    await api.post("/api/bindings/%2F/e/x/q/q", {"routing_key": "#"})
    for headers in ({"x-delay": 600_000}, {"a": 1}, {}, {"a": "b"}, {}):
        message = {**MESSAGE, "properties": {"headers": headers}}
        answer = await api.post("/api/exchanges/%2F/x/publish", message)
        assert answer.status == 200


def restore_guest(broker: Managed) -> None:
    """Give guest back what a call has taken away."""
    if "guest" not in broker.broker.users:
        broker.broker.users.add("guest", "guest", ["administrator"])
    if "/" not in broker.broker.vhosts:
        broker.broker.add_vhost("/")
    broker.broker.users.set_tags("guest", ["administrator"])
    broker.broker.permissions.set("guest", "/", ".*", ".*", ".*")


async def ask(broker: Managed, call: tuple[str, str, bytes | None, dict[str, str]]) -> Answer:
    method, target, body, headers = call
    restore_guest(broker)
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    return await broker.api.ask(method, target, body, **named)


def check(answer: Answer, call: tuple[str, str, bytes | None, dict[str, str]], log: str) -> None:
    assert answer.status in ACCEPTED | REFUSED, (call, answer, log)
    assert "Traceback" not in log, (call, log)
    if answer.status in REFUSED and call[0] != "HEAD":
        reason = answer.document["reason"]
        assert isinstance(reason, str)
        assert reason, (call, answer)
    if answer.body and answer.headers.get("content-type") == "application/json":
        json.dumps(answer.document, allow_nan=False).encode()


@example([("GET", "/api/definitions?download=%C3%BC", None, {})])
@example(
    [
        ("PUT", "/api/global-parameters/g", b'{"value":"\xed\xa0\x80"}', {}),
        ("GET", "/api/definitions", None, {}),
    ]
)
@example([("PUT", "/api/vhost-limits/%2F/max-queues", b'{"value":"--5"}', {})])
@given(st.lists(calls(), min_size=5, max_size=40))
@settings(
    max_examples=30,
    deadline=None,
    # What has failed is told with the call; making the rest shorter would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
async def test_whatever_is_asked_of_whichever_endpoint_it_is_answered_well(caplog, several):
    async with managed() as broker:
        await prepare(broker)
        for call in several:
            caplog.clear()
            try:
                answer = await ask(broker, call)
            except (BrokenResponse, trio.BrokenResourceError) as error:
                raise AssertionError((call, caplog.text)) from error
            check(answer, call, caplog.text)
        assert (await broker.api.ask("GET", "/")).status == 200
        restore_guest(broker)
        await (await broker.amqp.login()).declare("after")
