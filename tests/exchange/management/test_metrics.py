"""Metrics for Prometheus, as prometheus-client reads them; test_tools_grafana.py has the names."""

import re
from collections.abc import Iterator

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management.measurements import Measurements
from warrener.exchange.management.prometheus import histogram, labels
from warrener.exchange.statistics.histogram import Histogram
from warrener.protocol import methods as m


def samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


async def scrape(broker: Managed, target: str = "/metrics") -> str:
    answer = await broker.api.ask("GET", target)
    assert answer.status == 200, answer
    return answer.body.decode()


async def value(broker: Managed, name: str, target: str = "/metrics", **wanted: str) -> float:
    """Of the one sample with this name and these labels."""
    found = [
        sample.value
        for sample in samples(await scrape(broker, target))
        if sample.name == name and wanted.items() <= sample.labels.items()
    ]
    assert len(found) == 1, (name, found)
    return found[0]


@pytest.mark.parametrize("target", ["/metrics", "/metrics/per-object", "/metrics/detailed"])
async def test_a_metric_is_declared_once_and_before_its_samples(target: str):
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        text = await scrape(broker, f"{target}?family=queue_metrics&family=channel_metrics")
    declared = re.findall(r"(?m)^# TYPE (\w+) ", text)
    assert len(declared) == len(set(declared))
    names = re.findall(r"(?m)^(\w+)[ {]", text)
    runs = [name for name, before in zip(names, ["", *names], strict=False) if name != before]
    assert len([n for n in runs if n.endswith("_bucket")]) == len(
        {n for n in runs if n.endswith("_bucket")}
    )
    for name in names:
        assert re.sub("_(bucket|sum|count)$", "", name) in declared or name in declared


async def test_what_clients_do_is_counted_for_all_of_them():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        await client.deliver("q", b"one", b"two")
        await client.publish("nowhere", b"three")
        await client.call(1, m.BasicGet(queue="q"))
        everyone = "rabbitmq_global_messages_"
        assert await value(broker, f"{everyone}received_total") == 3
        assert await value(broker, f"{everyone}received_confirm_total") == 3
        assert await value(broker, f"{everyone}routed_total") == 2
        assert await value(broker, f"{everyone}unroutable_dropped_total") == 1
        assert await value(broker, f"{everyone}delivered_get_manual_ack_total") == 1
        assert await value(broker, "rabbitmq_queue_messages_ready") == 1
        assert await value(broker, "rabbitmq_queue_messages_unacked") == 1
        assert await value(broker, "rabbitmq_message_size_bytes_count") == 3
        assert await value(broker, "rabbitmq_global_publishers") == 1


async def test_counts_stay_when_a_channel_or_a_virtual_host_goes():
    async with managed() as broker:
        broker.broker.add_vhost("shop")
        broker.broker.permissions.set("guest", "shop", ".*", ".*", ".*")
        client = await broker.amqp.login()
        await client.declare("q")
        await client.deliver("q", b"one")
        assert await client.call(1, m.ChannelClose(200, "", 0, 0)) == m.ChannelCloseOk()
        published = {"properties": {}, "routing_key": "q", "payload": "x"}
        await broker.api.post(
            "/api/exchanges/shop/amq.default/publish", {**published, "payload_encoding": "string"}
        )
        await broker.api.delete("/api/vhosts/shop")
        assert await value(broker, "rabbitmq_global_messages_received_total") == 2
        assert await value(broker, "rabbitmq_global_messages_received_confirm_total") == 1
        assert await value(broker, "rabbitmq_global_messages_confirmed_total") == 1


async def test_dead_letters_are_counted_by_their_reason():
    async with managed() as broker:
        client = await broker.amqp.login()
        arguments = {"x-max-length": 1, "x-dead-letter-exchange": "amq.fanout"}
        await client.declare("q", arguments=arguments)
        await client.deliver("q", b"one", b"two", b"three")
        name = "rabbitmq_global_messages_dead_lettered_maxlen_total"
        assert await value(broker, name) == 2


async def test_each_queue_has_its_own_numbers():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        await client.declare('a "quoted" \\ name')
        await client.deliver("q", b"one")
        place = "/metrics/per-object"
        assert await value(broker, "rabbitmq_queue_messages_ready", place, queue="q") == 1
        quoted = {"queue": 'a "quoted" \\ name', "vhost": "/"}
        assert await value(broker, "rabbitmq_queue_messages_ready", place, **quoted) == 0
        assert await value(broker, "rabbitmq_channel_messages_published_total", place) == 1
        assert await value(broker, "rabbitmq_connection_channels", place) == 1


async def test_details_are_of_the_families_and_virtual_hosts_that_are_asked_for():
    async with managed() as broker:
        broker.broker.add_vhost("shop")
        broker.broker.permissions.set("guest", "shop", ".*", ".*", ".*")
        for vhost in ("%2F", "shop"):
            await broker.api.put(f"/api/queues/{vhost}/q")
        asked = "family=queue_coarse_metrics&family=queue_consumer_count&family=ra_metrics"
        text = await scrape(broker, f"/metrics/detailed?vhost=shop&{asked}")
        found = [s for s in samples(text) if s.name.startswith("rabbitmq_detailed_")]
        assert {s.labels["vhost"] for s in found} == {"shop"}
        assert [s.name.removeprefix("rabbitmq_detailed_") for s in found] == [
            "queue_messages_ready",
            "queue_messages_unacked",
            "queue_messages",
            "queue_consumers",
        ]
        nothing = await scrape(broker, "/metrics/detailed")
        assert "rabbitmq_detailed_" not in nothing
        assert 'rabbitmq_endpoint="detailed"' in nothing
        churn = await scrape(broker, "/metrics/detailed?family=connection_churn_metrics")
        assert "rabbitmq_detailed_queues_created_total 2" in churn


async def test_the_queue_of_a_delayed_exchange_is_counted_nowhere():
    delayed = {"type": "x-delayed-message", "arguments": {"x-delayed-type": "fanout"}}
    message = {"routing_key": "", "payload": "", "payload_encoding": "string"}
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        await broker.api.put("/api/exchanges/%2F/later", delayed)
        held_back = message | {"properties": {"headers": {"x-delay": 60_000}}}
        await broker.api.post("/api/exchanges/%2F/later/publish", held_back)
        assert (await broker.api.get("/api/x/exchanges/%2F/later/delayed"))["waiting"] == 1
        assert await value(broker, "rabbitmq_queues") == 1
        assert (await broker.api.get("/api/vhosts/%2F"))["messages"] == 0
        await broker.api.ask("DELETE", "/api/exchanges/%2F/later")
        assert await value(broker, "rabbitmq_queues_created_total") == 1
        assert await value(broker, "rabbitmq_queues_deleted_total") == 0


async def test_a_virtual_host_that_is_not_there_has_no_samples():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        text = await scrape(broker, "/metrics/detailed?family=queue_metrics&vhost=none")
    assert "# TYPE rabbitmq_detailed_queue_consumers gauge" in text
    assert [s for s in samples(text) if "queue" in s.labels] == []


async def test_exchanges_are_told_with_their_types_and_bindings():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        await broker.api.post("/api/bindings/%2F/e/amq.topic/q/q", {"routing_key": "a"})
        asked = "family=exchange_bindings&family=exchange_names&family=vhost_status"
        found = samples(await scrape(broker, f"/metrics/detailed?{asked}"))
    told = {(s.name, *sorted(s.labels.items())): s.value for s in found}
    topic = (("exchange", "amq.topic"), ("type", "topic"), ("vhost", "/"))
    assert told["rabbitmq_cluster_exchange_bindings", *topic] == 1
    assert told["rabbitmq_cluster_exchange_name", *topic] == 1
    assert told["rabbitmq_cluster_vhost_status", ("vhost", "/")] == 1
    assert "" not in {s.labels.get("exchange") for s in found}


async def test_families_of_the_node_are_told():
    families = {
        "node_coarse_metrics": "process_resident_memory_bytes",
        "node_metrics": "resident_memory_limit_bytes",
        "node_persister_metrics": "io_write_bytes_total",
        "auth_attempt_metrics": "auth_attempts_total",
        "connection_churn_metrics": "connections_opened_total",
    }
    async with managed() as broker:
        for family, name in families.items():
            found = samples(await scrape(broker, f"/metrics/detailed?family={family}"))
            assert f"rabbitmq_detailed_{name}" in {s.name for s in found}
            assert f"rabbitmq_{name}" in await scrape(broker, "/metrics/default")


async def test_logins_are_counted_by_protocol():
    async with managed() as broker:
        await broker.amqp.login()
        assert (await broker.api.as_("guest:wrong").ask("GET", "/api/overview")).status == 401
        failed, every = "rabbitmq_auth_attempts_failed_total", "rabbitmq_auth_attempts_total"
        assert await value(broker, failed, protocol="http") == 1
        assert await value(broker, failed, protocol="amqp091") == 0
        assert await value(broker, every, protocol="amqp091") == 1


async def test_two_families_with_the_same_metric_tell_it_once():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        asked = "family=queue_metrics&family=queue_consumer_count"
        text = await scrape(broker, f"/metrics/detailed?{asked}")
    assert text.count("# TYPE rabbitmq_detailed_queue_consumers gauge") == 1


async def test_the_timestamp_of_the_first_message_is_told_if_it_has_one():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        name = "rabbitmq_queue_head_message_timestamp"
        text = await scrape(broker, "/metrics/per-object")
        assert f'{name}{{vhost="/",queue="q"}}' not in text
        stamped = {"properties": {"timestamp": 1234}, "payload": "", "payload_encoding": "string"}
        place = "/api/exchanges/%2F/amq.default/publish"
        await broker.api.post(place, {"routing_key": "q", **stamped})
        text = await scrape(broker, "/metrics/per-object")
        assert f'{name}{{vhost="/",queue="q"}} 1234' in text


async def test_filters_are_counted():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        evaluations = await value(broker, "warrener_filter_evaluations_total")
        matches = await value(broker, "warrener_filter_matches_total")
        bind = m.QueueBind(
            queue="q",
            exchange="amq.fanout",
            routing_key="",
            arguments={"x-filter-jms-selector": "amount > 3"},
        )
        assert await client.call(1, bind) == m.QueueBindOk()
        await broker.api.post(
            "/api/exchanges/%2F/amq.fanout/publish",
            {
                "properties": {"headers": {"amount": 4}},
                "routing_key": "",
                "payload": "x",
                "payload_encoding": "string",
            },
        )
        assert await value(broker, "warrener_filter_evaluations_total") == evaluations + 1
        await client.call(1, m.QueueDelete(queue="q"))
        assert await value(broker, "warrener_filter_evaluations_total") == evaluations + 1
        assert await value(broker, "warrener_filter_matches_total") == matches + 1


async def test_it_takes_a_monitor_unless_everybody_is_let_in():
    async with managed() as broker:
        assert (await broker.api.as_(None).ask("GET", "/metrics")).status == 401
    async with managed(metrics_anonymous=True) as broker:
        for target in ("/metrics", "/metrics/per-object", "/metrics/detailed"):
            assert (await broker.api.as_(None).ask("GET", target)).status == 200
        assert (await broker.api.as_(None).ask("GET", "/api/overview")).status == 401


def test_buckets_are_sums_and_the_last_one_is_all():
    measured = Histogram((1, 10))
    for size in (0, 5, 5, 50):
        measured.add(size)
    text = histogram("warrener_x", "Things", measured, ("1.0", "10.0"))
    assert text.splitlines()[2:] == [
        'warrener_x_bucket{le="1.0"} 1',
        'warrener_x_bucket{le="10.0"} 3',
        'warrener_x_bucket{le="+Inf"} 4',
        "warrener_x_sum 60",
        "warrener_x_count 4",
    ]


def test_a_line_end_in_a_label_is_no_line_end():
    assert labels(queue="a\nb") == '{queue="a\\nb"}'


async def test_the_loop_is_watched(autojump_clock: trio.testing.MockClock):
    measurements = Measurements()
    with trio.move_on_after(1.1):
        await measurements.watch_loop()
    assert measurements.loop_lag_seconds.counts[0] == 4
