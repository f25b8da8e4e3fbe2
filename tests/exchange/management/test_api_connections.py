"""Connections and channels over HTTP; rates; health; what is asked of a node."""

from urllib.parse import quote

import pytest

from tests.exchange.management.managed import managed
from warrener.exchange.management.node import node_name
from warrener.protocol import methods as m


async def test_a_connection_is_listed_with_what_its_client_says():
    async with managed() as broker:
        client = await broker.amqp.login(properties={"connection_name": "mine", "product": "x"})
        await client.call(2, m.ChannelOpen())
        (connection,) = await broker.api.get("/api/connections")
        shown = {
            name: connection[name]
            for name in ("user", "vhost", "user_provided_name", "state", "channels", "protocol")
        }
        assert shown == {
            "user": "guest",
            "vhost": "/",
            "user_provided_name": "mine",
            "state": "running",
            "channels": 2,
            "protocol": "AMQP 0-9-1",
        }
        assert connection["client_properties"]["product"] == "x"
        assert connection["recv_oct"] > 0
        assert connection["send_oct"] > 0
        name = connection["name"]
        assert name == f"127.0.0.1:{connection['peer_port']} -> 127.0.0.1:{connection['port']}"
        place = f"/api/connections/{quote(name, safe='')}"
        assert (await broker.api.get(place))["name"] == name
        for where in ("connections/username/guest", "vhosts/%2F/connections"):
            assert [each["name"] for each in await broker.api.get(f"/api/{where}")] == [name]
        channels = await broker.api.get(f"{place}/channels")
        assert [channel["name"] for channel in channels] == [f"{name} (1)", f"{name} (2)"]


async def test_a_client_that_has_not_logged_in_is_not_listed():
    async with managed() as broker:
        await broker.amqp.connect()
        assert await broker.api.get("/api/connections") == []


async def test_a_connection_is_closed_and_the_client_is_told_why():
    async with managed() as broker:
        client = await broker.amqp.login()
        (connection,) = await broker.api.get("/api/connections")
        place = f"/api/connections/{quote(connection['name'], safe='')}"
        assert (await broker.api.delete(place, X_Reason="too old")).status == 204
        _, close = await client.next()
        assert isinstance(close, m.ConnectionClose)
        assert (close.reply_code, close.reply_text) == (320, "CONNECTION_FORCED - too old")
        assert (await broker.api.delete(place)).status == 404


async def test_all_connections_of_a_user_are_closed():
    async with managed() as broker:
        clients = [await broker.amqp.login(), await broker.amqp.login()]
        assert (await broker.api.delete("/api/connections/username/guest")).status == 204
        for client in clients:
            assert isinstance((await client.next())[1], m.ConnectionClose)


async def test_others_see_and_close_their_own_connections_only():
    async with managed() as broker:
        await broker.amqp.login()
        (connection,) = await broker.api.get("/api/connections")
        for tags in ("management", "monitoring"):
            await broker.api.put("/api/users/ann", {"password": "pw", "tags": tags})
            everything = {"configure": ".*", "write": ".*", "read": ".*"}
            await broker.api.put("/api/permissions/%2F/ann", everything)
            ann = broker.api.as_("ann:pw")
            listed = await ann.get("/api/connections")
            assert len(listed) == (tags == "monitoring")
            assert len(await ann.get("/api/channels")) == (tags == "monitoring")
            place = f"/api/connections/{quote(connection['name'], safe='')}"
            assert (await ann.delete(place)).status == 401
            assert (await ann.delete("/api/connections/username/guest")).status == 401


async def test_a_channel_says_what_it_does():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        client = await broker.amqp.login()
        await client.deliver("q", b"1", b"2")
        await client.call(1, m.BasicQos(prefetch_count=3))
        await client.consume("q")
        (channel,) = await broker.api.get("/api/channels")
        shown = ("number", "confirm", "consumer_count", "prefetch_count", "messages_unacknowledged")
        assert [channel[name] for name in shown] == [1, True, 1, 3, 2]
        stats = channel["message_stats"]
        assert (stats["publish"], stats["confirm"], stats["deliver"]) == (2, 2, 2)
        place = f"/api/channels/{quote(channel['name'], safe='')}"
        assert (await broker.api.get(place))["name"] == channel["name"]
        assert await broker.api.get("/api/vhosts/%2F/channels") == [channel]
        assert (await broker.api.ask("GET", "/api/channels/nothing")).status == 404


async def test_a_transaction_shows_what_it_would_commit():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        client = await broker.amqp.login()
        await client.call(1, m.TxSelect())
        await client.publish("q", b"1")
        await client.call(1, m.BasicQos())
        (channel,) = await broker.api.get("/api/channels")
        assert (channel["transactional"], channel["messages_uncommitted"]) == (True, 1)


# Rates


async def test_rates_are_those_of_the_last_interval():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        client = await broker.amqp.login()
        broker.sample(100.0)
        await client.deliver("q", b"1", b"2", b"3", b"4")
        broker.sample(105.0)
        queue = await broker.api.get("/api/queues/%2F/q")
        assert queue["message_stats"]["publish_details"] == {"rate": 0.8}
        assert queue["messages_ready_details"] == {"rate": 0.0}
        (channel,) = await broker.api.get("/api/channels")
        assert channel["message_stats"]["publish_details"]["rate"] == 0.8
        exchange = await broker.api.get("/api/exchanges/%2F/amq.default")
        assert exchange["message_stats"]["publish_in_details"]["rate"] == 0.8
        (connection,) = await broker.api.get("/api/connections")
        assert connection["recv_oct_details"]["rate"] > 0
        overview = await broker.api.get("/api/overview")
        assert overview["message_stats"]["publish_details"]["rate"] == 0.8
        broker.sample(110.0)
        queue = await broker.api.get("/api/queues/%2F/q")
        assert queue["message_stats"]["publish_details"] == {"rate": 0.0}
        assert queue["message_stats"]["publish"] == 4


async def test_what_a_channel_has_counted_stays_in_the_overview():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        client = await broker.amqp.login()
        await client.deliver("q", b"1")
        await client.call(1, m.ChannelClose(200, "", 0, 0))
        overview = await broker.api.get("/api/overview")
        assert overview["message_stats"]["publish"] == 1
        assert overview["churn_rates"]["channel_closed"] == 1
        assert overview["object_totals"]["channels"] == 0


# Health and the node


@pytest.mark.parametrize(
    "check",
    [
        "alarms",
        "local-alarms",
        "virtual-hosts",
        "ready-to-serve-clients",
        "is-in-service",
        "below-node-connection-limit",
        "node-is-quorum-critical",
        "node-is-mirror-sync-critical",
        "protocol-listener/amqp091",
        "protocol-listener/http",
        "certificate-expiration/1/weeks",
    ],
)
async def test_a_healthy_broker_says_so(check: str):
    async with managed() as broker:
        assert (await broker.api.get(f"/api/health/checks/{check}"))["status"] == "ok"


async def test_what_is_not_well_is_told_with_503():
    async with managed(memory_mark_bytes=1) as broker:
        for check, more in (
            ("port-listener/1", {"missing": 1}),
            ("protocol-listener/mqtt", {"missing": "mqtt"}),
        ):
            answer = await broker.api.ask("GET", f"/api/health/checks/{check}")
            assert answer.status == 503
            assert answer.document.items() >= ({"status": "failed"} | more).items()
        await broker.api.put("/api/queues/%2F/q")
        client = await broker.amqp.login()
        await client.deliver("q", b"1")
        await broker.amqp.until(lambda: broker.amqp.server.alarms)
        answer = await broker.api.ask("GET", "/api/health/checks/alarms")
        assert answer.status == 503
        assert answer.document["alarms"] == [{"node": node_name(), "resource": "memory"}]
        assert answer.document["reason"].endswith(": memory")
        assert (await broker.api.get("/api/nodes"))[0]["mem_alarm"]


async def test_a_check_that_makes_no_sense_is_refused():
    async with managed() as broker:
        for check in ("port-listener/x", "certificate-expiration/x/y"):
            assert (await broker.api.ask("GET", f"/api/health/checks/{check}")).status == 400


async def test_the_ports_that_are_open_are_told():
    async with managed() as broker:
        port = broker.api.port
        assert await broker.api.get(f"/api/health/checks/port-listener/{port}")
        overview = await broker.api.get("/api/overview")
        assert {each["protocol"] for each in overview["listeners"]} == {"amqp", "http"}
        assert overview["contexts"][0]["port"] == str(port)


async def test_the_aliveness_test_takes_a_message_through_a_queue():
    async with managed() as broker:
        assert await broker.api.get("/api/aliveness-test/%2F") == {"status": "ok"}
        assert (await broker.api.get("/api/queues/%2F/aliveness-test"))["messages"] == 0


async def test_the_node_tells_what_it_uses():
    async with managed() as broker:
        (node,) = await broker.api.get("/api/nodes")
        assert (await broker.api.get(f"/api/nodes/{node_name()}")).keys() == node.keys()
        assert node["mem_used"] > 1_000_000
        assert (node["running"], node["type"]) == (True, "disc")
        assert (await broker.api.ask("GET", "/api/nodes/nothing")).status == 404
        assert (await broker.api.get("/api/healthchecks/node"))["status"] == "ok"
        assert (await broker.api.get(f"/api/healthchecks/node/{node_name()}"))["status"] == "ok"


async def test_features_are_told_apart():
    async with managed() as broker:
        flags = {flag["name"]: flag["state"] for flag in await broker.api.get("/api/feature-flags")}
        assert flags["quorum_queue"] == "enabled"
        assert "stream_queue" not in flags
        assert (await broker.api.put("/api/feature-flags/quorum_queue/enable")).status == 204
        assert (await broker.api.put("/api/feature-flags/stream_queue/enable")).status == 404


@pytest.mark.parametrize(
    "target", ["shovels", "federation-links", "deprecated-features", "stream/connections"]
)
async def test_what_there_is_nothing_of_is_an_empty_list(target: str):
    async with managed() as broker:
        assert await broker.api.get(f"/api/{target}") == []


async def test_a_channel_tells_its_consumers_as_the_list_of_consumers_does():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        await client.consume("q")
        listed = await broker.api.get("/api/consumers")
        name = listed[0]["channel_details"]["name"]
        found = await broker.api.get(f"/api/channels/{quote(name)}")
    assert found["consumer_details"] == listed
    assert (found["publishes"], found["deliveries"]) == ([], [])
