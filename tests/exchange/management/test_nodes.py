"""The node: its memory by category, and the numbers of the process under RabbitMQ's names."""

from tests.exchange.management.managed import managed
from warrener.exchange.management.memory import CATEGORIES
from warrener.exchange.management.node import node_name


async def test_memory_by_category_adds_up_to_the_memory_of_the_process():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        await client.declare("safe", durable=True, arguments={"x-queue-type": "quorum"})
        await client.deliver("q", b"x" * 100_000)
        memory = (await broker.api.get(f"/api/nodes/{node_name()}/memory"))["memory"]
    assert set(memory) == {*CATEGORIES, "strategy", "total"}
    assert sum(memory[name] for name in CATEGORIES) == memory["total"]["rss"]
    assert memory["queue_procs"] > 100_000
    assert memory["quorum_queue_procs"] < 10_000
    assert (memory["strategy"], set(memory["total"])) == ("rss", {"erlang", "rss", "allocated"})


async def test_memory_in_percent_is_rounded_up():
    async with managed() as broker:
        shares = (await broker.api.get(f"/api/nodes/{node_name()}/memory/relative"))["memory"]
    assert set(shares) == {*CATEGORIES, "total"}
    assert shares["total"] == 100
    assert 100 <= sum(shares[name] for name in CATEGORIES) <= 100 + len(CATEGORIES)


async def test_a_node_has_its_memory_if_that_is_asked_for():
    async with managed() as broker:
        plain = await broker.api.get(f"/api/nodes/{node_name()}")
        full = await broker.api.get(f"/api/nodes/{node_name()}?memory=true&binary=true")
        assert (await broker.api.ask("GET", "/api/nodes/other/memory")).status == 404
        assert (await broker.api.ask("GET", "/api/nodes/other/memory/relative")).status == 404
    assert not {"memory", "binary"} & set(plain)
    assert full["memory"]["total"]["rss"] > 0
    assert all(isinstance(value, int) for value in full["binary"].values())


async def test_the_journal_is_what_a_node_tells_of_writes():
    async with managed() as broker:
        broker.application.measurements.written(0.002, 1, 1000)
        broker.application.measurements.written(0.004, 3, 500)
        node = await broker.api.get(f"/api/nodes/{node_name()}")
    assert (node["io_write_count"], node["io_sync_count"]) == (2, 2)
    assert node["io_write_bytes"] == 1500
    assert node["io_sync_avg_time"] == 3.0
    assert node["io_read_count"] == 0
    assert node["context_switches"] > 0
    assert node["gc_num_details"] == {"rate": 0.0}
