from tests.exchange.core_client import Client
from tests.exchange.messages import Properties
from warrener.exchange.durability.records import message_head
from warrener.exchange.route import Route


def test_only_queues_that_last_hold_a_record(client: Client) -> None:
    client.declare("a", "b", durable=True)
    client.declare("c")
    client.declare("d", durable=True, exclusive=True)
    for name in "abcd":
        client.bind("amq.fanout", name)
    route = client.vhost.route("amq.fanout", "k", Properties())
    assert {queue.name for queue in route.queues} == {"a", "b", "c", "d"}
    assert route.holders == 2


def test_the_head_names_the_queues_that_hold_the_record(client: Client) -> None:
    one, two = client.declare("a", "b", durable=True)
    client.declare("c")
    for name in "abc":
        client.bind("amq.fanout", name)
    route = client.vhost.route("amq.fanout", "k", Properties())
    assert route.head == message_head([one.number, two.number], "amq.fanout", "k")


def test_a_route_to_no_queue_that_lasts_writes_nothing(client: Client) -> None:
    (queue,) = client.declare("q")
    for route in (Route("", "q", [queue], 1, lasting=True), Route("", "q", [], 1, lasting=True)):
        assert (route.holders, route.head) == (0, b"")


def test_a_route_that_read_the_headers_holds_for_one_message(client: Client) -> None:
    client.declare("q")
    client.bind("amq.headers", "q", colour="red")
    red = client.vhost.route("amq.headers", "", Properties(headers={"colour": "red"}))
    blue = client.vhost.route("amq.headers", "", Properties(headers={"colour": "blue"}))
    assert not red.lasting
    assert not blue.lasting
    assert (len(red.queues), len(blue.queues)) == (1, 0)


def test_one_exchange_on_the_way_that_reads_headers_is_enough(client: Client) -> None:
    client.declare("q")
    client.vhost.bind("amq.fanout", client.vhost.exchange("amq.headers"), "")
    client.bind("amq.headers", "q")
    assert not client.vhost.route("amq.fanout", "", Properties()).lasting
    assert client.vhost.route("amq.direct", "", Properties()).lasting
