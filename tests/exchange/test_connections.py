import pytest

from warrener.exchange.access.limits import UserLimits, VirtualHostLimits, limit_fields, reached
from warrener.exchange.broker import Broker
from warrener.exchange.connections import Connections
from warrener.exchange.errors import NotAllowed


class Someone:
    """A connection that notes why it was closed, and leaves."""

    name = "someone"

    def __init__(self, connections: Connections, channel_count: int = 0) -> None:
        self.connections = connections
        self.channel_count = channel_count
        self.closed: list[str] = []

    def force_close(self, text: str) -> None:
        self.closed.append(text)
        self.connections.leave(self)


@pytest.fixture
def connections(broker: Broker) -> Connections:
    """Of a broker with the users guest and ann, who may open the virtual hosts / and v."""
    broker.users.add("ann", "x")
    broker.add_vhost("v")
    for user in ("guest", "ann"):
        for vhost in ("/", "v"):
            broker.permissions.set(user, vhost, "", "", "")
    return broker.connections


def refusal(connections: Connections, user: str, vhost: str) -> str:
    before = len(connections)
    with pytest.raises(NotAllowed) as refused:
        connections.open(Someone(connections), user, vhost)
    assert len(connections) == before
    return refused.value.text


# Limits


@pytest.mark.parametrize(
    ("limit", "count", "expected"),
    [(None, 10**9, False), (-1, 10**9, False), (0, 0, True), (2, 1, False), (2, 2, True)],
)
def test_a_limit_is_reached_when_no_more_may_be(
    limit: int | None, count: int, expected: bool
) -> None:
    assert reached(limit, count) == expected


def test_only_limits_that_are_set_are_written_down() -> None:
    assert limit_fields(UserLimits(max_channels=0)) == {"max_channels": 0}
    assert limit_fields(VirtualHostLimits()) == {}


# Opening


def test_a_connection_is_given_its_virtual_host_and_its_rights(
    broker: Broker, connections: Connections
) -> None:
    vhost, rights = connections.open(Someone(connections), "ann", "v")
    assert vhost is broker.vhosts["v"]
    assert rights is broker.permissions.rights("ann", "v")


def test_a_virtual_host_that_is_not_there_cannot_be_opened(connections: Connections) -> None:
    assert refusal(connections, "ann", "w") == "vhost w not found"


def test_without_a_permission_a_virtual_host_cannot_be_opened(
    broker: Broker, connections: Connections
) -> None:
    broker.permissions.clear("ann", "v")
    assert refusal(connections, "ann", "v") == "access to vhost 'v' refused for user 'ann'"
    broker.permissions.set_topic("ann", "v", "e", ".*", ".*")
    assert refusal(connections, "ann", "v") == "access to vhost 'v' refused for user 'ann'"


def test_a_user_who_was_deleted_after_the_login_is_refused(
    broker: Broker, connections: Connections
) -> None:
    broker.users.delete("ann")
    assert refusal(connections, "ann", "v") == "access to vhost 'v' refused for user 'ann'"


def test_a_virtual_host_takes_as_many_connections_as_may_be(
    broker: Broker, connections: Connections
) -> None:
    broker.set_vhost_limits("v", VirtualHostLimits(max_connections=2))
    first = Someone(connections)
    connections.open(first, "ann", "v")
    connections.open(Someone(connections), "guest", "v")
    connections.open(Someone(connections), "ann", "/")
    assert refusal(connections, "ann", "v") == (
        "access to vhost 'v' refused for user 'ann': connection limit (2) is reached"
    )
    connections.leave(first)
    connections.open(Someone(connections), "ann", "v")


def test_a_user_has_as_many_connections_as_may_be(broker: Broker, connections: Connections) -> None:
    broker.users.set_limits("ann", UserLimits(max_connections=2))
    first = Someone(connections)
    connections.open(first, "ann", "v")
    connections.open(Someone(connections), "ann", "/")
    connections.open(Someone(connections), "guest", "/")
    assert refusal(connections, "ann", "v") == (
        "connection refused for user 'ann': user connection limit (2) is reached"
    )
    connections.leave(first)
    connections.open(Someone(connections), "ann", "v")


def test_a_limit_does_not_end_what_is_there(broker: Broker, connections: Connections) -> None:
    there = Someone(connections)
    connections.open(there, "ann", "v")
    broker.users.set_limits("ann", UserLimits(max_connections=0))
    broker.set_vhost_limits("v", VirtualHostLimits(max_connections=0))
    assert there.closed == []
    assert len(connections) == 1


def test_channels_are_counted_over_all_connections_of_a_user(
    broker: Broker, connections: Connections
) -> None:
    connections.open(Someone(connections, channel_count=2), "ann", "v")
    connections.open(Someone(connections, channel_count=1), "ann", "/")
    connections.open(Someone(connections, channel_count=5), "guest", "/")
    broker.users.set_limits("ann", UserLimits(max_channels=4))
    connections.require_channel("ann")
    broker.users.set_limits("ann", UserLimits(max_channels=3))
    with pytest.raises(NotAllowed) as refused:
        connections.require_channel("ann")
    assert refused.value.text == (
        "number of channels opened for user 'ann' has reached the maximum allowed user limit of (3)"
    )


# Leaving


def test_a_connection_leaves_once(connections: Connections) -> None:
    someone = Someone(connections)
    assert not connections.leave(someone)
    connections.open(someone, "ann", "v")
    assert (connections.of_user("ann"), connections.of_vhost("v")) == ([someone], [someone])
    assert connections.leave(someone)
    assert not connections.leave(someone)
    assert (connections.of_user("ann"), connections.of_vhost("v")) == ([], [])


def test_the_connections_of_a_deleted_user_are_closed(
    broker: Broker, connections: Connections
) -> None:
    hers, others = Someone(connections), Someone(connections)
    connections.open(hers, "ann", "v")
    connections.open(others, "guest", "v")
    broker.users.delete("ann")
    assert (hers.closed, others.closed) == (["user 'ann' is deleted"], [])


def test_the_connections_of_a_deleted_virtual_host_are_closed(
    broker: Broker, connections: Connections
) -> None:
    inside, outside = Someone(connections), Someone(connections)
    connections.open(inside, "ann", "v")
    connections.open(outside, "ann", "/")
    broker.delete_vhost("v")
    assert (inside.closed, outside.closed) == (["vhost 'v' is down"], [])
