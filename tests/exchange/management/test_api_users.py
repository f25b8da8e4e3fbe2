"""Users, permissions, virtual hosts, limits and parameters over HTTP."""

import pytest

from tests.exchange.management.managed import managed
from warrener.exchange.access.passwords import fits

ANN = "/api/users/ann"
EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}
SHA256 = "rabbit_password_hashing_sha256"


async def test_a_user_is_made_and_changed_and_can_log_in():
    async with managed() as broker:
        assert (
            await broker.api.put(ANN, {"password": "old", "tags": "management,x"})
        ).status == 201
        ann = broker.api.as_("ann:old")
        assert (await ann.get("/api/whoami"))["tags"] == ["management", "x"]
        assert (
            await broker.api.put(ANN, {"password": "new", "tags": ["monitoring"]})
        ).status == 204
        assert (await ann.ask("GET", "/api/whoami")).status == 401
        whoami = await broker.api.as_("ann:new").get("/api/whoami")
        assert (whoami["name"], whoami["tags"]) == ("ann", ["monitoring"])


async def test_a_hash_of_rabbitmqs_is_taken_and_shown():
    async with managed() as broker:
        hashed = (await broker.api.get("/api/auth/hash_password/secret"))["ok"]
        assert fits("secret", f"{SHA256}${hashed}")
        await broker.api.put(ANN, {"password_hash": hashed, "tags": "management"})
        user = await broker.api.get(ANN)
        assert (user["password_hash"], user["hashing_algorithm"]) == (hashed, SHA256)
        await broker.api.as_("ann:secret").get("/api/whoami")


async def test_a_user_as_it_is_shown_can_be_put_back():
    async with managed() as broker:
        await broker.api.put(ANN, {"password": "secret", "tags": "management"})
        shown = await broker.api.get(ANN)
        assert "secret" not in str(shown)
        await broker.api.delete(ANN)
        assert (await broker.api.put(ANN, shown)).status == 201
        await broker.api.as_("ann:secret").get("/api/whoami")


async def test_a_user_without_a_password_cannot_log_in():
    async with managed() as broker:
        assert (await broker.api.put(ANN, {"tags": "management"})).status == 201
        assert (await broker.api.as_("ann:").ask("GET", "/api/whoami")).status == 401


@pytest.mark.parametrize(
    "document",
    [
        {"password": "x"},
        {"password_hash": "!!!", "tags": ""},
        {"password_hash": "x", "hashing_algorithm": "md5", "tags": ""},
        {"password": "x", "tags": 5},
        {"password_hash": "scrypt$2$1$1$a", "hashing_algorithm": "warrener_password_hashing_scrypt",
         "tags": ""},
    ],
)  # fmt: skip
async def test_a_user_that_is_none_is_refused(document):
    async with managed() as broker:
        assert (await broker.api.put(ANN, document)).status == 400
        assert (await broker.api.ask("GET", ANN)).status == 404


async def test_users_are_listed_and_deleted():
    async with managed() as broker:
        await broker.api.put(ANN, {"tags": ""})
        await broker.api.put("/api/users/bob", {"tags": ""})
        names = [user["name"] for user in await broker.api.get("/api/users")]
        assert names == ["ann", "bob", "guest"]
        lonely = await broker.api.get("/api/users/without-permissions")
        assert [user["name"] for user in lonely] == ["ann", "bob"]
        wrong = await broker.api.post("/api/users/bulk-delete", {"users": ["ann", "nobody"]})
        assert wrong.status == 400
        assert (await broker.api.post("/api/users/bulk-delete", {"users": ["ann"]})).status == 204
        assert (await broker.api.delete("/api/users/bob")).status == 204
        assert (await broker.api.delete("/api/users/bob")).status == 404


async def test_permissions_are_set_listed_and_cleared():
    async with managed() as broker:
        await broker.api.put(ANN, {"tags": ""})
        place = "/api/permissions/%2F/ann"
        assert (await broker.api.put(place, EVERYTHING)).status == 201
        assert (await broker.api.put(place, EVERYTHING)).status == 204
        permission = {"user": "ann", "vhost": "/", **EVERYTHING}
        assert await broker.api.get(place) == permission
        assert await broker.api.get(f"{ANN}/permissions") == [permission]
        assert permission in await broker.api.get("/api/vhosts/%2F/permissions")
        assert permission in await broker.api.get("/api/permissions")
        assert (await broker.api.delete(place)).status == 204
        assert (await broker.api.delete(place)).status == 404


async def test_permissions_of_nobody_and_wrong_ones_are_refused():
    async with managed() as broker:
        place = "/api/permissions/%2F/nobody"
        assert (await broker.api.put(place, EVERYTHING)).status == 400
        wrong = EVERYTHING | {"configure": "("}
        assert (await broker.api.put("/api/permissions/%2F/guest", wrong)).status == 400
        assert (await broker.api.put("/api/permissions/%2F/guest", {})).status == 400
        assert (await broker.api.put("/api/permissions/no/guest", EVERYTHING)).status == 404


async def test_topic_permissions_are_set_listed_and_cleared():
    async with managed() as broker:
        place = "/api/topic-permissions/%2F/guest"
        asked = {"exchange": "amq.topic", "write": "^a", "read": ".*"}
        assert (await broker.api.put(place, asked)).status == 201
        assert (await broker.api.put(place, asked)).status == 204
        permission = {"user": "guest", "vhost": "/", **asked}
        for where in (
            place,
            "/api/topic-permissions",
            "/api/users/guest/topic-permissions",
            "/api/vhosts/%2F/topic-permissions",
        ):
            assert await broker.api.get(where) == [permission]
        assert (await broker.api.delete(f"{place}/amq.topic")).status == 204
        assert (await broker.api.delete(place)).status == 404


# Virtual hosts


async def test_a_virtual_host_is_made_described_and_deleted():
    async with managed() as broker:
        place = "/api/vhosts/shop"
        assert (await broker.api.put(place)).status == 201
        described = {"description": "for tests", "tags": "a,b"}
        assert (await broker.api.put(place, described)).status == 204
        assert (await broker.api.put(place)).status == 204
        vhost = await broker.api.get(place)
        assert (vhost["description"], vhost["tags"]) == ("for tests", ["a", "b"])
        assert [each["name"] for each in await broker.api.get("/api/vhosts")] == ["/", "shop"]
        assert (await broker.api.delete(place)).status == 204
        assert (await broker.api.delete(place)).status == 404


async def test_whoever_makes_a_virtual_host_may_use_it():
    async with managed() as broker:
        await broker.api.put("/api/vhosts/shop")
        assert (await broker.api.put("/api/queues/shop/q")).status == 201


async def test_the_messages_of_a_virtual_host_are_counted():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        client = await broker.amqp.login()
        await client.deliver("q", b"1", b"2")
        vhost = await broker.api.get("/api/vhosts/%2F")
        assert (vhost["messages"], vhost["messages_ready"]) == (2, 2)
        assert vhost["message_stats"]["publish"] == 2
        assert vhost["recv_oct"] > 0


# Limits and parameters


async def test_limits_are_set_listed_and_taken_back():
    async with managed() as broker:
        place = "/api/vhost-limits/%2F/max-queues"
        assert (await broker.api.put(place, {"value": "1"})).status == 204
        limits = {"max-queues": 1}
        assert await broker.api.get("/api/vhost-limits") == [{"vhost": "/", "value": limits}]
        assert (await broker.api.put("/api/queues/%2F/a")).status == 201
        assert (await broker.api.put("/api/queues/%2F/b")).status == 400
        (parameter,) = await broker.api.get("/api/parameters/vhost-limits/%2F")
        assert parameter["value"] == limits
        assert (await broker.api.delete(place)).status == 204
        assert await broker.api.get("/api/vhost-limits/%2F") == []
        assert (await broker.api.put(f"{place}-bogus", {"value": 1})).status == 400
        assert (await broker.api.put(place, {"value": "x"})).status == 400


async def test_limits_of_users_are_set_listed_and_taken_back():
    async with managed() as broker:
        place = "/api/user-limits/guest/max-channels"
        assert (await broker.api.put(place, {"value": 3})).status == 204
        shown = [{"user": "guest", "value": {"max-channels": 3}}]
        assert await broker.api.get("/api/user-limits") == shown
        assert await broker.api.get("/api/user-limits/guest") == shown
        assert (await broker.api.get("/api/users/guest"))["limits"] == {"max-channels": 3}
        assert (await broker.api.delete(place)).status == 204
        assert (await broker.api.ask("GET", "/api/user-limits/nobody")).status == 404


async def test_global_parameters_are_kept():
    async with managed() as broker:
        place = "/api/global-parameters/mine"
        value = {"a": [1, None, "x"], "b": {"c": 1.5}}
        assert (await broker.api.put(place, {"value": value})).status == 201
        assert (await broker.api.put(place, {"value": value})).status == 204
        assert await broker.api.get(place) == {"name": "mine", "value": value}
        assert (await broker.api.put(place, {"value": 1 << 80})).status == 400
        assert (await broker.api.delete(place)).status == 204
        assert (await broker.api.delete(place)).status == 404


async def test_the_cluster_has_a_name():
    async with managed() as broker:
        assert (await broker.api.put("/api/cluster-name", {"name": "shop"})).status == 204
        assert await broker.api.get("/api/cluster-name") == {"name": "shop"}
        assert (await broker.api.get("/api/overview"))["cluster_name"] == "shop"


async def test_operator_policies_are_parameters_and_policies_are_not():
    async with managed() as broker:
        policy = {"pattern": "^q", "definition": {"max-length": 10}, "apply-to": "queues"}
        await broker.api.put("/api/operator-policies/%2F/op", policy)
        await broker.api.put("/api/policies/%2F/p", policy)
        (parameter,) = await broker.api.get("/api/parameters")
        assert parameter["value"] == policy | {"priority": 0}
        assert await broker.api.get("/api/parameters/operator_policy/%2F") == [parameter]
        assert await broker.api.get("/api/parameters/operator_policy/%2F/op") == parameter
        refused = await broker.api.put("/api/parameters/policy/%2F/p", {"value": policy})
        assert refused.status == 400
        assert refused.document["reason"] == "policies may not be set using this method"


async def test_a_cluster_without_a_name_of_its_own_has_that_of_its_node():
    async with managed() as broker:
        (parameter,) = await broker.api.get("/api/global-parameters")
        assert parameter["name"] == "cluster_name"
        assert await broker.api.get("/api/global-parameters/cluster_name") == parameter
        assert (await broker.api.delete("/api/global-parameters/cluster_name")).status == 404


async def test_there_are_no_components_with_parameters():
    async with managed() as broker:
        place = "/api/parameters/shovel/%2F/mine"
        assert (await broker.api.put(place, {"value": {}})).status == 400
        assert (await broker.api.delete(place)).status == 404
        assert await broker.api.get("/api/parameters/shovel") == []
