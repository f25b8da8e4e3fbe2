"""Grafana with the dashboards for RabbitMQ: /metrics has what their panels read.

`make interop` has a Prometheus evaluate it under load (tests/interop/suites/runners/grafana.py).
"""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.exchange.management.dashboards import Panel, entries, read_by
from tests.exchange.management.managed import managed

SIZES = ["100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "5e+07", "1e+08", "+Inf"]


async def scraped() -> list[tuple[str, dict[str, str]]]:
    async with managed() as broker:
        await broker.amqp.login()
        answer = await broker.api.ask("GET", "/metrics")
    families = text_string_to_metric_families(answer.body.decode())
    return [(sample.name, sample.labels) for family in families for sample in family.samples]


async def test_every_metric_with_every_label_that_a_panel_reads_is_there():
    samples = await scraped()
    missing = [
        (panel.dashboard, panel.title, str(reading))
        for panel in entries()
        for reading in panel.readings
        if not any(reading.fits(name, labels) for name, labels in samples)
    ]
    assert missing == []


async def test_only_one_identity_and_one_build_can_be_joined():
    names = [name for name, _ in await scraped()]
    assert names.count("rabbitmq_identity_info") == 1
    assert names.count("rabbitmq_build_info") == 1


@pytest.mark.parametrize(
    "pair",
    [
        ("received_confirm", "confirmed"),
        ("delivered_consume_auto_ack", "delivered_consume_manual_ack"),
    ],
)
async def test_what_a_panel_adds_or_subtracts_has_the_same_labels(pair: tuple[str, str]):
    samples = await scraped()
    one, other = (
        [labels for name, labels in samples if name == f"rabbitmq_global_messages_{each}_total"]
        for each in pair
    )
    assert one == other


async def test_the_sizes_of_messages_are_told_in_the_texts_that_the_panels_subtract():
    bounds = [
        labels["le"]
        for name, labels in await scraped()
        if name == "rabbitmq_message_size_bytes_bucket"
    ]
    assert bounds == SIZES


def test_the_table_has_a_panel_for_each_entry():
    overview = [panel for panel in entries() if panel.dashboard == "RabbitMQ-Overview"]
    assert len(overview) > 30
    assert all(isinstance(panel, Panel) and panel.readings for panel in overview)


def test_metrics_are_found_in_an_expression():
    said = (
        'sum(rate(rabbitmq_a_total{le="1e+06"}[5s]) * on(job) group_left(rabbitmq_node) rabbitmq_b)'
    )
    assert [str(reading) for reading in read_by(said)] == [
        'rabbitmq_a_total{le="1e+06"}',
        "rabbitmq_b",
    ]
