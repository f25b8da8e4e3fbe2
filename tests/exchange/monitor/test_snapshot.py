"""Documents of an API, whole and in pieces."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.monitor.documents import NODE, OVERVIEW, QUEUES
from warrener.exchange.monitor.event_reader import HeardEvent
from warrener.exchange.monitor.events import Events
from warrener.exchange.monitor.requests import wanted
from warrener.exchange.monitor.snapshot import Gauge, lead, read_blocked, read_broker, read_rows
from warrener.exchange.monitor.state import Details, Sort, State
from warrener.exchange.monitor.views import QUEUES as QUEUE_VIEW
from warrener.exchange.monitor.views import VIEWS

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)


def test_a_broker_is_read_from_two_documents() -> None:
    broker = read_broker(OVERVIEW, [NODE])
    assert (broker.product, broker.version, broker.node) == ("Warrener", "0.1.0", "warrener@box")
    assert broker.memory == Gauge(120 << 20, 800 << 20)
    assert (broker.uptime_s, broker.ready, broker.totals["queues"]) == (273_600, 1234567, 3)
    assert broker.alarms == ()


def test_rabbitmq_says_its_version_elsewhere() -> None:
    broker = read_broker({"rabbitmq_version": "3.13.7"}, None)
    assert (broker.product, broker.version, broker.memory) == ("RabbitMQ", "3.13.7", None)


def test_the_node_that_answers_is_shown() -> None:
    others = [{"name": "other", "uptime": 1}, NODE, "nonsense"]
    assert read_broker(OVERVIEW, others).uptime_s == 273_600


def test_rows_come_as_a_list_or_as_a_page() -> None:
    assert read_rows(QUEUES) == (tuple(QUEUES), None)
    assert read_rows({"items": QUEUES, "filtered_count": 200}) == (tuple(QUEUES), 200)
    assert read_rows(None) == ((), None)


@given(DOCUMENTS, DOCUMENTS)
def test_no_document_is_too_strange(first: Any, second: Any) -> None:
    nodes = second if isinstance(second, list) else [second]
    read_broker(first, nodes)
    rows, _ = read_rows(first if isinstance(first, dict) else [first, second])
    for view in VIEWS.values():
        for column in view.columns:
            for row in rows:
                column.text(row)
                column.sort_key(row)


def test_a_dot_leads_into_a_document() -> None:
    assert lead(OVERVIEW, "message_stats.publish_details.rate") == 12345.6
    assert lead(OVERVIEW, "node.nothing") is None


def test_a_page_is_sorted_by_the_broker() -> None:
    target = wanted(State(sorts={"queues": Sort("in/s", True)}, filter="a b", vhost="/"))["rows"]
    path, _, query = target.partition("?")
    assert path == "/api/queues/%2F"
    assert "sort=message_stats.publish_details.rate&sort_reverse=true" in query
    assert "page=1&page_size=100" in query
    assert "name=a+b" in query


def test_what_the_broker_cannot_do_is_done_here() -> None:
    assert "page" not in wanted(State(filter="!eu"))["rows"]
    assert "page" not in wanted(State(limit=0))["rows"]
    assert "sort=" not in wanted(State(sorts={"queues": Sort("flags", False)}))["rows"]


def test_filters_are_sorted_by_what_they_have_done() -> None:
    target = wanted(State(view="filters", vhost="a/b"))["rows"]
    assert target.startswith("/api/x/filters/a%2Fb?")
    assert "sort=evaluations&sort_reverse=true" in target


def test_details_of_a_queue_need_its_bindings() -> None:
    requests = wanted(State(details=Details("queues", QUEUES[0])))
    assert requests["details"] == "/api/queues/%2F/orders.eu"
    assert requests["why"] == "/api/x/queues/%2F/orders.eu/why"
    assert requests["bindings"] == "/api/queues/%2F/orders.eu/bindings"
    assert "rows" not in requests


def test_every_column_asks_for_its_path() -> None:
    assert {"messages", "message_stats.publish", "arguments", "durable"} <= set(QUEUE_VIEW.paths)
    assert "depth" not in QUEUE_VIEW.paths


def test_events_are_told_from_differences() -> None:
    events = Events()

    def observe(at: str, node: dict[str, Any], opened: int) -> None:
        overview = {**OVERVIEW, "churn_rates": {"connection_created": opened}}
        events.observe(at, overview, read_broker(overview, [node]))

    observe("1", {**NODE}, 5)
    observe("2", {**NODE, "mem_alarm": True}, 7)
    observe("3", {**NODE}, 8)
    observe("4", {**NODE, "uptime": 1}, 0)
    assert [(each["at"], each["what"]) for each in events.rows] == [
        ("2", "2 connections opened"),
        ("2", "memory alarm: publishers are blocked"),
        ("3", "1 connection opened"),
        ("3", "memory alarm is over"),
        ("4", "the broker was started again"),
    ]


def test_events_that_the_broker_tells_are_not_told_from_differences() -> None:
    events = Events()
    events.is_told = True
    for opened in (5, 7):
        overview = {**OVERVIEW, "churn_rates": {"connection_created": opened}}
        events.observe("1", overview, read_broker(overview, [NODE]))
    assert list(events.rows) == []
    fields = {"vhost": "/", "name": "a\x1b", "durable": True, "at": 1}
    events.hear("2", HeardEvent("queue.created", fields))
    events.hear("3", HeardEvent("alarm.set", {"vhost": "", "resource": "memory"}))
    assert [each["what"] for each in events.rows] == [
        "queue created  a\\x1b  durable=yes  in /",
        "alarm set  resource=memory",
    ]


def test_blocked_connections_are_counted_if_they_were_asked_for() -> None:
    assert read_blocked(None) is None
    assert read_blocked([{"state": "blocked"}, {"state": "running"}, {}]) == 1
