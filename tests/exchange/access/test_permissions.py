from collections.abc import Callable

import pytest

from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.access import permissions as permissions_module
from warrener.exchange.access.permissions import Permission, Permissions, Rights, TopicPermission
from warrener.exchange.broker import Broker
from warrener.exchange.errors import AccessRefused, NotFound, PreconditionFailed
from warrener.exchange.types import Exchange

TOPIC = permissions_module.TopicPermission


@pytest.fixture
def permissions(broker: Broker) -> Permissions:
    broker.users.add("ann", "x")
    broker.add_vhost("v")
    return broker.permissions


def allows(rights: Rights, what: str, name: str, kind: str = "queue") -> bool:
    try:
        getattr(rights, f"require_{what}")(kind, name)
    except AccessRefused:
        return False
    return True


def allows_topic(rights: Rights, what: str, exchange: Exchange, routing_key: str) -> bool:
    try:
        getattr(rights, f"require_topic_{what}")(exchange, routing_key)
    except AccessRefused:
        return False
    return True


# Who may do what


def test_the_guest_of_a_new_broker_may_do_everything_in_its_one_virtual_host(
    broker: Broker,
) -> None:
    assert list(broker.permissions) == [Permission("guest", "/", ".*", ".*", ".*")]
    rights = broker.permissions.rights("guest", "/")
    for what in ("configure", "write", "read"):
        assert allows(rights, what, "q")
        assert allows(rights, what, "", "exchange")


def test_tags_give_no_permission(permissions: Permissions, broker: Broker) -> None:
    broker.users.set_tags("ann", ["administrator"])
    rights = permissions.rights("ann", "v")
    assert rights.permission is None
    assert not any(allows(rights, what, "q") for what in ("configure", "write", "read"))


def test_an_expression_that_would_take_for_ever_elsewhere_is_answered(
    permissions: Permissions,
) -> None:
    permissions.set("ann", "v", "^(a+)+$", "", "")
    rights = permissions.rights("ann", "v")
    assert not allows(rights, "configure", "a" * 254 + "b")
    assert allows(rights, "configure", "a" * 255)


def test_what_cannot_be_answered_in_time_is_refused(permissions: Permissions) -> None:
    with pytest.raises(PreconditionFailed, match="is not a regular expression: a lookbehind"):
        permissions.set("ann", "v", ".*", "(?<!x)y", ".*")


def test_each_expression_is_for_its_own_use(permissions: Permissions) -> None:
    permissions.set("ann", "v", "^c", "^w", "^r")
    rights = permissions.rights("ann", "v")
    for what in ("configure", "write", "read"):
        assert [allows(rights, what, name) for name in ("c", "w", "r")] == [
            what.startswith(name) for name in ("c", "w", "r")
        ]


@pytest.mark.parametrize(
    ("expression", "name", "expected"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^a.c$", "abc", True),
        ("^(amq\\.gen.*|abc)$", "abc", True),
        ("", "abc", False),
        ("^$", "abc", False),
        (".*", "abc", True),
        ("^abc$", "abc\n", False),
        ("^$", "\n", False),
        ("^ä.ü$", "äöü", True),
        ("(?i)ABC", "abc", True),
    ],
)
def test_an_expression_is_looked_for_anywhere_in_the_name(
    permissions: Permissions, expression: str, name: str, expected: bool
) -> None:
    permissions.set("ann", "v", expression, "", "")
    assert allows(permissions.rights("ann", "v"), "configure", name) == expected


def test_the_default_exchange_has_a_name_of_its_own_here(permissions: Permissions) -> None:
    permissions.set("ann", "v", "", "^amq\\.default$", "^$")
    rights = permissions.rights("ann", "v")
    assert allows(rights, "write", "", "exchange")
    assert not allows(rights, "read", "", "exchange")


def test_a_refusal_names_what_was_asked_for(permissions: Permissions) -> None:
    permissions.set("ann", "v", "", "", "")
    rights = permissions.rights("ann", "v")
    with pytest.raises(AccessRefused) as refused:
        rights.require_write("exchange", "")
    assert refused.value.text == (
        "access to exchange 'amq.default' in vhost 'v' refused for user 'ann'"
    )


# Changes


def test_who_holds_rights_sees_every_change(permissions: Permissions) -> None:
    rights = permissions.rights("ann", "v")
    seen = []
    for change in (
        lambda: permissions.set("ann", "v", ".*", "", ""),
        lambda: permissions.set("ann", "v", "^p", "", ""),
        lambda: permissions.clear("ann", "v"),
        lambda: permissions.clear("ann", "v"),
        lambda: permissions.set("ann", "v", "q", "", ""),
    ):
        change()
        seen.append(allows(rights, "configure", "q"))
    assert seen == [True, False, False, False, True]


def test_permissions_of_other_users_and_virtual_hosts_are_others(
    permissions: Permissions,
) -> None:
    permissions.set("ann", "v", ".*", ".*", ".*")
    assert permissions.rights("ann", "/").permission is None
    assert permissions.rights("guest", "v").permission is None
    permissions.clear("guest", "/")
    assert list(permissions) == [Permission("ann", "v", ".*", ".*", ".*")]


@pytest.mark.parametrize(
    "change",
    [
        lambda permissions: permissions.set("ann", "v", ".*", ".*", ".*"),
        lambda permissions: permissions.clear("ann", "v"),
        lambda permissions: permissions.set_topic("ann", "v", "amq.topic", "a", "b"),
        lambda permissions: permissions.clear_topic("ann", "v", "amq.topic"),
        lambda permissions: permissions.clear_topic("ann", "v"),
    ],
)
def test_every_change_makes_remembered_routes_of_its_virtual_host_old(
    permissions: Permissions, broker: Broker, change: Callable[[Permissions], None]
) -> None:
    permissions.set("ann", "v", "", "", "")
    permissions.set_topic("ann", "v", "amq.topic", "", "")
    before = broker.vhosts["v"].generation, broker.vhosts["/"].generation
    change(permissions)
    assert broker.vhosts["v"].generation > before[0]
    assert broker.vhosts["/"].generation == before[1]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda permissions: permissions.set("ann", "v", "(", "", ""), PreconditionFailed),
        (lambda permissions: permissions.set("ann", "v", "", "*", ""), PreconditionFailed),
        (lambda permissions: permissions.set("ann", "v", "", "", "["), PreconditionFailed),
        (lambda permissions: permissions.set_topic("ann", "v", "e", "(", ""), PreconditionFailed),
        (lambda permissions: permissions.set_topic("ann", "v", "e", "", "("), PreconditionFailed),
        (lambda permissions: permissions.set("ann", "w", "", "", ""), NotFound),
        (lambda permissions: permissions.set("bob", "v", "", "", ""), NotFound),
        (lambda permissions: permissions.set_topic("ann", "w", "e", "", ""), NotFound),
        (lambda permissions: permissions.set_topic("bob", "v", "e", "", ""), NotFound),
    ],
)
def test_what_is_refused_changes_nothing(
    permissions: Permissions, change: Callable[[Permissions], None], error: type[Exception]
) -> None:
    permissions.set("ann", "v", "q", "q", "q")
    permissions.set_topic("ann", "v", "e", "k", "k")
    before = list(permissions), permissions.topics
    with pytest.raises(error):
        change(permissions)
    assert (list(permissions), permissions.topics) == before
    assert allows(permissions.rights("ann", "v"), "configure", "q")


def test_what_goes_with_a_user_does_not_come_back_with_the_name(
    permissions: Permissions, broker: Broker
) -> None:
    permissions.set("ann", "v", ".*", ".*", ".*")
    permissions.set_topic("ann", "v", "amq.topic", "a", "b")
    broker.users.delete("ann")
    broker.users.add("ann", "x")
    assert permissions.rights("ann", "v").permission is None
    assert permissions.topics == []


def test_what_goes_with_a_virtual_host_does_not_come_back_with_the_name(
    permissions: Permissions, broker: Broker
) -> None:
    permissions.set("ann", "v", ".*", ".*", ".*")
    permissions.set_topic("ann", "v", "amq.topic", "a", "b")
    broker.delete_vhost("v")
    broker.add_vhost("v")
    assert permissions.rights("ann", "v").permission is None
    assert permissions.topics == []


# Topics


@pytest.fixture
def topic(broker: Broker, permissions: Permissions) -> Exchange:
    return broker.vhosts["v"].exchange("amq.topic")


def test_without_a_topic_permission_every_routing_key_is_allowed(
    permissions: Permissions, topic: Exchange
) -> None:
    permissions.set("ann", "v", "", "", "")
    permissions.set_topic("ann", "v", "another", "^$", "^$")
    for what in ("write", "read"):
        assert allows_topic(permissions.rights("ann", "v"), what, topic, "a.b")


def test_a_topic_permission_is_for_publishes_and_for_bindings(
    permissions: Permissions, topic: Exchange
) -> None:
    permissions.set_topic("ann", "v", "amq.topic", "^w\\.", "^r\\.")
    rights = permissions.rights("ann", "v")
    assert allows_topic(rights, "write", topic, "w.x")
    assert not allows_topic(rights, "write", topic, "r.x")
    assert allows_topic(rights, "read", topic, "r.x")
    assert not allows_topic(rights, "read", topic, "w.x")


def test_the_empty_expression_allows_the_empty_routing_key(
    permissions: Permissions, topic: Exchange
) -> None:
    permissions.set_topic("ann", "v", "amq.topic", "", "")
    rights = permissions.rights("ann", "v")
    assert allows_topic(rights, "write", topic, "")
    assert not allows_topic(rights, "write", topic, "k")


def test_a_topic_permission_means_nothing_for_an_exchange_of_another_type(
    permissions: Permissions, broker: Broker
) -> None:
    permissions.set_topic("ann", "v", "amq.direct", "^$", "^$")
    direct = broker.vhosts["v"].exchange("amq.direct")
    assert allows_topic(permissions.rights("ann", "v"), "write", direct, "k")


def test_a_topic_permission_can_be_taken_back(permissions: Permissions, topic: Exchange) -> None:
    rights = permissions.rights("ann", "v")
    for exchange in (None, "amq.topic"):
        permissions.set_topic("ann", "v", "amq.topic", "^$", "^$")
        permissions.set_topic("ann", "v", "e", "^$", "^$")
        permissions.clear_topic("ann", "v", exchange)
        assert allows_topic(rights, "write", topic, "k")
    assert permissions.topics == [TopicPermission("ann", "v", "e", "^$", "^$")]


@pytest.mark.parametrize("name", ["ann", "a.*", "(", "{vhost}", "a\\", "^$", "ä b"])
def test_names_stand_in_an_expression_for_themselves(broker: Broker, name: str) -> None:
    broker.users.add(name, "x")
    broker.add_vhost(name)
    broker.permissions.set_topic(name, name, "amq.topic", "^{username}-{vhost}{1}$", "")
    rights = broker.permissions.rights(name, name)
    exchange = broker.vhosts[name].exchange("amq.topic")
    assert allows_topic(rights, "write", exchange, f"{name}-{name}")
    assert not allows_topic(rights, "write", exchange, f"{name}{name}-{name}")
    assert not allows_topic(rights, "write", exchange, "abc-abc")


def test_a_refused_topic_is_named(permissions: Permissions, topic: Exchange) -> None:
    permissions.set_topic("ann", "v", "amq.topic", "^$", "^$")
    with pytest.raises(AccessRefused) as refused:
        permissions.rights("ann", "v").require_topic_read(topic, "a.*")
    assert refused.value.text == (
        "access to topic 'a.*' in exchange 'amq.topic' in vhost 'v' refused for user 'ann'"
    )


# What lasts


def test_permissions_last_with_all_that_was_changed(durable: DurableBroker) -> None:
    broker = durable.broker
    broker.users.add("ann", "x")
    broker.add_vhost("v")
    broker.permissions.set("ann", "v", "a", "b", "c")
    broker.permissions.set("ann", "v", "d", "", "^$")
    broker.permissions.set("ann", "/", "a", "b", "c")
    broker.permissions.clear("guest", "/")
    for exchange in ("e", "f"):
        broker.permissions.set_topic("ann", "v", exchange, "w", "r")
    broker.permissions.clear_topic("ann", "v", "f")
    for _ in range(2):
        durable.restart()
        durable.broker.rewrite_definitions()
        assert set(durable.broker.permissions) == {
            Permission("ann", "v", "d", "", "^$"),
            Permission("ann", "/", "a", "b", "c"),
        }
        assert durable.broker.permissions.topics == [TOPIC("ann", "v", "e", "w", "r")]
    assert allows(durable.broker.permissions.rights("ann", "v"), "configure", "d")


def test_what_a_deleted_user_was_allowed_is_gone_after_a_restart(durable: DurableBroker) -> None:
    durable.broker.permissions.set_topic("guest", "/", "amq.topic", "a", "b")
    durable.broker.users.delete("guest")
    durable.restart()
    assert list(durable.broker.permissions) == []
    durable.broker.users.add("guest", "x")
    assert durable.broker.permissions.topics == []


def test_an_expression_that_this_python_does_not_understand_allows_nothing(
    durable: DurableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = durable.broker
    monkeypatch.setattr(permissions_module, "_check", lambda *_: None)
    broker.permissions.set("guest", "/", "(", ".*", "(")
    broker.permissions.set_topic("guest", "/", "amq.topic", "(", "k")
    durable.restart()
    rights = durable.broker.permissions.rights("guest", "/")
    assert [allows(rights, what, "q") for what in ("configure", "write", "read")] == [
        False,
        True,
        False,
    ]
    topic = durable.broker.vhosts["/"].exchange("amq.topic")
    assert not allows_topic(rights, "write", topic, "k")
    assert allows_topic(rights, "read", topic, "k")
