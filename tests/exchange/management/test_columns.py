"""Columns of answers: what a request names is shown, and no name of a column breaks an answer."""

import json
from typing import Any
from urllib.parse import quote

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchange.management.contract import shop
from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management.columns import Wanted
from warrener.exchange.management.node import node_name

NAMES = st.sampled_from(["a", "b", "c", ""])
DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=2),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
    max_leaves=12,
)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map(".".join), min_size=1, max_size=4)
OF_A_QUEUE = [
    *("name", "vhost", "messages", "messages_details", "message_stats", "arguments", "node"),
    *("publish", "publish_details", "rate", "x-max-length", "consumer_details", "", "nothing"),
]
LISTINGS = [
    *("queues", "exchanges", "bindings", "connections", "channels", "consumers", "vhosts", "users"),
    *("policies", "permissions", "topic-permissions", "operator-policies", "x/filters"),
    *("queues/shop", "exchanges/shop", "bindings/shop", "consumers/shop", "policies/shop"),
]
OBJECTS = [
    *("overview", "nodes", f"nodes/{node_name()}", "queues/shop/orders", "exchanges/shop/events"),
    *("vhosts/shop", "users/clerk", "whoami", "permissions/shop/guest", "policies/shop/short"),
    *("parameters", "global-parameters", "vhost-limits", "user-limits", "feature-flags"),
    *("operator-policies/shop/shorter", "bindings/shop/e/events/q/orders/a.%23", "cluster-name"),
]


def part_of(document: Any, paths: list[list[str]]) -> Any:
    """What columns show, said in another way: path by path."""
    if any(not path for path in paths):
        return document
    if isinstance(document, list):
        return [part_of(each, paths) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        name: part_of(value, [path[1:] for path in paths if path[0] == name])
        for name, value in document.items()
        if any(path[0] == name for path in paths)
    }


@given(DOCUMENTS, PATHS)
def test_columns_of_any_document_are_those_that_are_named(document: Any, paths: list[str]):
    assert Wanted(paths).part_of(document) == part_of(document, [path.split(".") for path in paths])


def test_a_path_of_thousands_of_names_is_a_path():
    assert Wanted(["a" + ".a" * 5000]).part_of({"a": {"a": 1}}) == {"a": {"a": 1}}


async def test_a_dot_behind_a_number_keeps_the_number():
    async with managed() as broker:
        await shop(broker)
        query = "columns=name,messages,messages.a.b"
        found = await broker.api.get(f"/api/queues/shop?{query}")
        one = await broker.api.get(f"/api/queues/shop/orders?{query}")
    assert found == [{"name": "idle", "messages": 0}, {"name": "orders", "messages": 3}]
    assert one == found[1]


async def test_single_objects_and_short_lists_have_the_columns_that_are_named():
    async with managed() as broker:
        client = await shop(broker)
        (channel,) = await broker.api.get("/api/channels")
        places = [f"channels/{quote(channel['name'])}"]
        places.append(f"connections/{quote(channel['connection_details']['name'])}")
        for place in OBJECTS + places:
            whole = await broker.api.get(f"/api/{place}")
            none = await broker.api.get(f"/api/{place}?columns=nothing")
            assert none == ([{} for _ in whole] if isinstance(whole, list) else {}), place
            first = whole[0] if isinstance(whole, list) else whole
            name = min(first)
            some = await broker.api.get(f"/api/{place}?columns={quote(name)}")
            some = some[0] if isinstance(some, list) else some
            assert list(some) == [name], place
        await client.stream.aclose()


async def test_columns_of_a_queue_that_cost_more_are_shown_to_who_names_them():
    async with managed() as broker:
        await shop(broker)
        found = await broker.api.get("/api/queues/shop/idle?columns=why")
    assert list(found) == ["why"]


@st.composite
def queries(draw: Any) -> str:
    """A query of a listing: columns, an order, a name and a page, sensible or not."""
    path = st.lists(st.sampled_from(OF_A_QUEUE), min_size=1, max_size=4).map(".".join)
    values = {
        "columns": st.lists(path, max_size=4).map(",".join),
        "sort": path,
        "sort_reverse": st.sampled_from(["true", "false", "x"]),
        "name": st.sampled_from(["", "o", "(", "^o.*$", "[a", "\\", "ü", "o\0"]),
        "use_regex": st.sampled_from(["true", "false"]),
        "page": st.sampled_from(["1", "2", "0", "-1", "x", "9" * 20, "1e3", "²"]),
        "page_size": st.sampled_from(["1", "500", "501", "0", "x", ""]),
        "disable_stats": st.sampled_from(["true", "false"]),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(values)), unique=True, max_size=5))
    return "&".join(f"{key}={quote(draw(values[key]), safe='')}" for key in chosen)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(LISTINGS), queries()), min_size=10, max_size=25))
def test_whatever_is_asked_of_a_listing_it_is_a_whole_document_or_a_refusal(
    asked: list[tuple[str, str]],
):
    trio.run(ask_all, asked)


async def ask_all(asked: list[tuple[str, str]]) -> None:
    async with managed() as broker:
        client = await shop(broker)
        for place, query in asked:
            await ask(broker, f"/api/{place}?{query}")
        await client.stream.aclose()


async def ask(broker: Managed, target: str) -> None:
    answer = await broker.api.ask("GET", target)
    assert answer.status in (200, 400), (target, answer)
    json.loads(answer.body)
