"""Each route of the table is called as somebody who may not."""

import logging

import pytest

from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management.access import Access
from warrener.exchange.management.application import Endpoint
from warrener.exchange.management.routes import ENDPOINTS
from warrener.protocol.http.target import encode_segment

SEGMENTS = {
    "vhost": "shop",
    "name": "thing",
    "user": "ann",
    "source": "amq.topic",
    "destination": "q",
    "properties_key": "~",
    "component": "vhost-limits",
    "exchange": "x",
    "limit": "max-connections",
    "node": "node",
    "password": "secret",
    "port": "1",
    "protocol": "amqp",
    "within": "1",
    "sequence": "1",
    "position": "1",
    "id": "1",
    "unit": "weeks",
}
TAGS = ("management", "policymaker", "monitoring", "administrator")
ENOUGH = {
    Access.MANAGEMENT: set(TAGS),
    Access.POLICYMAKER: {"policymaker", "administrator"},
    Access.MONITORING: {"monitoring", "administrator"},
    Access.ADMINISTRATOR: {"administrator"},
    Access.SCRAPER: {"monitoring", "administrator"},
}
GUARDED = [endpoint for endpoint in ENDPOINTS if endpoint.access is not Access.ANYBODY]


def target(endpoint: Endpoint, **segments: str) -> str:
    path = endpoint.pattern
    for name, value in {**SEGMENTS, **segments}.items():
        path = path.replace(f"{{{name}}}", encode_segment(value))
    assert "{" not in path, path
    return path


def refusals(answer_by_target: dict[str, int]) -> dict[str, int]:
    return {place: status for place, status in answer_by_target.items() if status != 401}


async def with_users(broker: Managed) -> None:
    """One user for each tag, who may do everything in `/` and has no business in `shop`."""
    for tag in (*TAGS, "none"):
        user = broker.broker.users.add(tag, password_hash="")
        broker.broker.users.set_tags(tag, [tag])
        assert user.name == tag
    broker.broker.add_vhost("shop")
    for tag in TAGS:
        broker.broker.permissions.set(tag, "/", ".*", ".*", ".*")


async def statuses(broker: Managed, endpoints: list[Endpoint], login: str | None) -> dict[str, int]:
    api = broker.api.as_(login)
    found = {}
    for endpoint in endpoints:
        place = target(endpoint)
        answer = await api.ask(endpoint.method, place)
        found[f"{endpoint.method} {place}"] = answer.status
        if answer.status == 401:
            assert answer.document.keys() == {"error", "reason"}
    return found


async def login_of(broker: Managed, tag: str) -> str:
    broker.broker.users.change_password(tag, "secret")
    login = f"{tag}:secret"
    assert (await broker.api.as_(login).ask("GET", "/api/nothing")).status == 404
    return login


def test_there_is_something_to_be_guarded():
    assert len(GUARDED) > 100
    unguarded = {endpoint.pattern for endpoint in ENDPOINTS} - {e.pattern for e in GUARDED}
    assert unguarded == {"/", "/page/{name}", "/api/auth", "/cli/rabbitmqadmin"}


async def test_nobody_is_let_in_without_a_name():
    async with managed() as broker:
        broker.broker.add_vhost("shop")
        assert refusals(await statuses(broker, GUARDED, None)) == {}


async def test_a_wrong_password_is_refused_and_the_client_is_told_how_to_log_in():
    async with managed() as broker:
        answer = await broker.api.as_("guest:wrong").ask("GET", "/api/overview")
        assert answer.status == 401
        assert answer.document == {"error": "not_authorised", "reason": "Login failed"}
        assert answer.headers["www-authenticate"] == 'Basic realm="RabbitMQ Management"'
        assert "wrong" not in answer.body.decode()


@pytest.mark.parametrize("tag", [*TAGS, "none"])
async def test_a_tag_that_does_not_do_is_refused(tag: str):
    async with managed() as broker:
        await with_users(broker)
        login = await login_of(broker, tag)
        closed = [e for e in GUARDED if tag not in ENOUGH[e.access]]
        assert refusals(await statuses(broker, closed, login)) == {}


@pytest.mark.parametrize("tag", ["management", "policymaker", "monitoring"])
async def test_a_virtual_host_is_closed_to_whoever_has_no_permission_there(tag: str):
    async with managed() as broker:
        await with_users(broker)
        login = await login_of(broker, tag)
        foreign = [
            e
            for e in GUARDED
            if "{vhost}" in e.pattern and (tag != "monitoring" or e.method != "GET")
        ]
        assert len(foreign) > 10
        assert refusals(await statuses(broker, foreign, login)) == {}


async def test_a_monitor_may_read_every_virtual_host():
    async with managed() as broker:
        await with_users(broker)
        login = await login_of(broker, "monitoring")
        for place in ("queues", "exchanges", "bindings", "consumers"):
            assert (await broker.api.as_(login).ask("GET", f"/api/{place}/shop")).status == 200


async def test_a_list_shows_what_is_in_ones_own_virtual_hosts():
    async with managed() as broker:
        await with_users(broker)
        login = await login_of(broker, "management")
        await broker.api.put("/api/queues/%2F/mine")
        broker.broker.permissions.set("guest", "shop", ".*", ".*", ".*")
        await broker.api.put("/api/queues/shop/theirs")
        names = [queue["name"] for queue in await broker.api.as_(login).get("/api/queues")]
        assert names == ["mine"]
        assert len(await broker.api.get("/api/queues")) == 2


async def test_an_administrator_without_a_permission_sees_and_may_not_change():
    async with managed() as broker:
        await with_users(broker)
        login = await login_of(broker, "administrator")
        api = broker.api.as_(login)
        assert (await api.ask("GET", "/api/queues/shop")).status == 200
        answer = await api.put("/api/queues/shop/q")
        assert answer.status == 401
        assert "access to queue 'q' in vhost 'shop' refused" in answer.document["reason"]


async def test_guest_may_log_in_from_this_machine_only():
    async with managed(loopback_users="guest, ann") as broker:
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200
    async with managed(loopback_users="") as broker:
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200


async def test_what_is_not_basic_authentication_is_refused():
    async with managed() as broker:
        for value in ("Bearer x", "Basic", "Basic !!!", "Basic Z3Vlc3Q=", "Basic /w=="):
            api = broker.api.as_(None)
            answer = await api.ask("GET", "/api/whoami", Authorization=value)
            assert answer.status == 401, value


async def test_a_name_that_is_too_long_is_refused():
    async with managed() as broker:
        assert (await broker.api.put("/api/queues/%2F/" + "q" * 256)).status == 400
        assert (await broker.api.put("/api/queues/%2F/" + "q" * 255)).status == 201


async def test_no_other_origin_is_allowed_anything():
    async with managed() as broker:
        answer = await broker.api.ask("OPTIONS", "/api/queues", Origin="http://evil.example")
        assert (answer.status, answer.headers["allow"]) == (200, "GET, HEAD, OPTIONS")
        answer = await broker.api.ask("GET", "/api/queues", Origin="http://evil.example")
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_every_answer_is_for_pages_of_its_own_only():
    async with managed() as broker:
        for target in ("/", "/page/main.js", "/api/overview", "/api/nothing", "/metrics"):
            answer = await broker.api.ask("GET", target)
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors" in answer.headers["content-security-policy"] or (
                answer.headers["x-frame-options"] == "DENY"
            )


async def test_no_password_gets_into_the_log_or_an_answer(caplog):
    caplog.set_level(logging.DEBUG)
    async with managed() as broker:
        answers = [
            await broker.api.put("/api/users/ann", {"password": "s3cret", "tags": ""}),
            await broker.api.as_("ann:s3cret").ask("GET", "/api/whoami"),
            await broker.api.as_("ann:s3cret?").ask("GET", "/api/whoami"),
            await broker.api.as_("ann:s3cret").ask("GET", "/api/queues/s3cret", X_Reason="~s{0}%s"),
            await broker.api.ask("PUT", "/api/users/ann", b'{"password":"s3cret","password":""}'),
            await broker.api.ask("PUT", "/api/users/ann", b'{"password":"s3cret'),
            await broker.api.ask("GET", "/api/users"),
            await broker.api.ask("GET", "/api/definitions"),
        ]
        assert [answer.status for answer in answers] == [201, 401, 401, 401, 400, 400, 200, 200]
    assert not [answer for answer in answers if b"s3cret" in answer.body]
    assert "s3cret" not in caplog.text
