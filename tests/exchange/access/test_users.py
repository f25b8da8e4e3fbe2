from collections.abc import Callable

import pytest

from tests.exchange.access.logging_in import log_in
from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.access import passwords
from warrener.exchange.access.limits import UserLimits
from warrener.exchange.access.passwords import (
    NO_PASSWORD,
    from_rabbitmq,
    hash_password,
    is_outdated,
)
from warrener.exchange.access.users import User, Users
from warrener.exchange.broker import Broker
from warrener.exchange.errors import NotFound, PreconditionFailed

RABBITMQ_HASH = from_rabbitmq(
    "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", "rabbit_password_hashing_sha256"
)
"""Of the password "test12"."""


@pytest.fixture
def users(broker: Broker) -> Users:
    return broker.users


# The guest


def test_a_new_broker_knows_the_guest_who_administers_it(broker: Broker) -> None:
    (guest,) = broker.users
    assert (guest.name, guest.tags) == ("guest", ("administrator",))
    assert log_in(broker.users, "guest", "guest") == guest


@pytest.mark.parametrize(
    ("name", "password"),
    [("guest", ""), ("guest", "Guest"), ("guest", "gästé"), ("", ""), ("nobody", "")],
)
def test_whoever_is_not_known_by_name_and_password_is_refused(
    users: Users, name: str, password: str
) -> None:
    assert log_in(users, name, password) is None


# Changes


def test_a_user_is_added_with_tags_and_can_log_in(users: Users) -> None:
    ann = users.add("ann", "secret", ["monitoring", "management", "monitoring"])
    assert ann.tags == ("monitoring", "management")
    assert log_in(users, "ann", "secret") == ann
    assert log_in(users, "ann", "guest") is None
    assert "ann" in users
    assert [user.name for user in users] == ["guest", "ann"]


def test_a_password_is_not_kept_and_its_hash_does_not_get_into_a_log(users: Users) -> None:
    ann = users.add("ann", "secret")
    assert "secret" not in ann.password_hash
    for shown in (repr(ann), repr(users.login("ann", "secret"))):
        assert "secret" not in shown
        assert ann.password_hash not in shown


def test_a_user_may_be_added_with_the_hash_of_a_password(users: Users) -> None:
    users.add("ann", password_hash=hash_password("secret"))
    assert log_in(users, "ann", "secret") is not None


def test_a_user_without_a_password_cannot_log_in(users: Users) -> None:
    users.add("ann", password_hash=NO_PASSWORD)
    assert log_in(users, "ann", "") is None


@pytest.mark.parametrize(
    "add",
    [
        lambda users: users.add("guest", "x"),
        lambda users: users.add("", "x"),
        lambda users: users.add("ann", ""),
        lambda users: users.add("ann"),
        lambda users: users.add("ann", password_hash="secret"),
        lambda users: users.change_password("guest", ""),
        lambda users: users.change_password("guest", password_hash="secret"),
    ],
)
def test_what_makes_no_user_is_refused(users: Users, add: Callable[[Users], None]) -> None:
    with pytest.raises(PreconditionFailed):
        add(users)
    assert [user.name for user in users] == ["guest"]
    assert log_in(users, "guest", "guest") is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda users: users.get("ann"),
        lambda users: users.delete("ann"),
        lambda users: users.change_password("ann", "x"),
        lambda users: users.set_tags("ann", []),
        lambda users: users.set_limits("ann", UserLimits()),
    ],
)
def test_who_is_not_there_cannot_be_changed(users: Users, change: Callable[[Users], None]) -> None:
    with pytest.raises(NotFound, match="no user 'ann'"):
        change(users)


def test_a_new_password_takes_the_place_of_the_old_one(users: Users) -> None:
    users.add("ann", "old", ["management"])
    assert log_in(users, "ann", "old") is not None
    users.change_password("ann", "new")
    assert log_in(users, "ann", "old") is None
    assert log_in(users, "ann", "new") == users.get("ann")
    assert users.get("ann").tags == ("management",)


def test_tags_and_limits_are_set_as_a_whole(users: Users) -> None:
    users.set_tags("guest", ["a", "b"])
    users.set_limits("guest", UserLimits(max_channels=3))
    users.set_tags("guest", ["c"])
    assert (users.get("guest").tags, users.get("guest").limits) == (("c",), UserLimits(None, 3))


def test_a_deleted_user_cannot_log_in_and_one_of_the_same_name_is_another(users: Users) -> None:
    users.add("ann", "old")
    log_in(users, "ann", "old")
    users.delete("ann")
    assert log_in(users, "ann", "old") is None
    users.add("ann", "new")
    assert log_in(users, "ann", "old") is None
    assert log_in(users, "ann", "new") is not None


# Logging in


def test_the_first_login_has_to_be_checked_and_the_next_one_does_not(users: Users) -> None:
    login = users.login("guest", "guest")
    assert login.user is None
    assert users.finish(login, login.check()) == users.get("guest")
    assert users.login("guest", "guest").user == users.get("guest")
    assert users.login("guest", "Guest").user is None


def test_what_is_known_of_a_login_stays_with_its_broker(
    users: Users, durable: DurableBroker
) -> None:
    log_in(users, "guest", "guest")
    assert durable.broker.users.login("guest", "guest").user is None


def test_a_refused_login_is_not_remembered(users: Users) -> None:
    log_in(users, "guest", "x")
    login = users.login("guest", "x")
    assert login.user is None
    assert users.finish(login, login.check()) is None


def test_a_known_login_of_a_user_shows_what_was_changed_since(users: Users) -> None:
    log_in(users, "guest", "guest")
    users.set_tags("guest", ["impersonator"])
    assert users.login("guest", "guest").user == users.get("guest")


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda users: users.delete("ann"),
        lambda users: users.change_password("ann", "new"),
        lambda users: (users.delete("ann"), users.add("ann", "secret")),
    ],
)
def test_a_change_during_the_check_counts(users: Users, meanwhile: Callable[[Users], None]) -> None:
    users.add("ann", "secret")
    login = users.login("ann", "secret")
    verdict = login.check()
    meanwhile(users)
    assert users.finish(login, verdict) is None


def test_a_hash_of_rabbitmq_is_replaced_when_its_password_is_known(users: Users) -> None:
    users.add("ann", password_hash=RABBITMQ_HASH)
    assert log_in(users, "ann", "test13") is None
    assert users.get("ann").password_hash == RABBITMQ_HASH
    assert log_in(users, "ann", "test12") is not None
    assert not is_outdated(users.get("ann").password_hash)
    assert users.login("ann", "test12").user is not None


def test_many_first_logins_at_once_all_succeed(users: Users) -> None:
    users.add("ann", password_hash=RABBITMQ_HASH)
    logins = [users.login("ann", "test12") for _ in range(3)]
    verdicts = [login.check() for login in logins]
    found = [users.finish(*each) for each in zip(logins, verdicts, strict=True)]
    assert found == [users.get("ann")] * 3


def test_a_check_is_the_same_work_for_whoever_is_known_and_whoever_is_not(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.add("ann", "secret")
    users.add("bob", password_hash=RABBITMQ_HASH)
    users.add("cat", password_hash=NO_PASSWORD)
    costs: list[int] = []
    scrypt = passwords.hashlib.scrypt

    def counted(password: bytes, *, n: int, **options: int) -> bytes:
        costs.append(n)
        return scrypt(password, n=n, **options)

    monkeypatch.setattr(passwords.hashlib, "scrypt", counted)
    for name in ("ann", "bob", "cat", "nobody"):
        users.login(name, "wrong").check()
    assert costs == [passwords.SCRYPT_N] * 4


# What lasts


def described(durable: DurableBroker) -> list[User]:
    return sorted(durable.broker.users, key=lambda user: user.name)


def test_users_last_with_all_that_was_changed(durable: DurableBroker) -> None:
    users = durable.broker.users
    users.add("ann", "secret", ["management", "monitoring"])
    users.set_limits("ann", UserLimits(max_connections=0))
    users.add("bob", "x")
    users.change_password("guest", "new")
    users.add("gone", "x")
    users.delete("gone")
    before = described(durable)
    durable.restart()
    assert described(durable) == before
    assert [user.name for user in before] == ["ann", "bob", "guest"]
    assert log_in(durable.broker.users, "guest", "guest") is None
    assert log_in(durable.broker.users, "guest", "new") is not None


def test_a_guest_who_was_deleted_does_not_come_back(durable: DurableBroker) -> None:
    durable.broker.users.delete("guest")
    for _ in range(2):
        durable.restart()
        durable.broker.rewrite_definitions()
        assert described(durable) == []


def test_an_upgraded_hash_lasts(durable: DurableBroker) -> None:
    durable.broker.users.add("ann", password_hash=RABBITMQ_HASH)
    log_in(durable.broker.users, "ann", "test12")
    before = described(durable)
    durable.restart()
    assert described(durable) == before
    assert not is_outdated(before[0].password_hash)


def test_users_last_when_their_old_records_are_gone(durable: DurableBroker) -> None:
    durable.broker.users.add("ann", "secret")
    before = described(durable)
    client = durable.client
    client.declare("q", durable=True)
    for _ in range(30):
        client.publish("", "q", b"x" * 100, persistent=True)
        client.drain("q")
    durable.broker.rewrite_definitions()
    durable.broker.end_pass()
    durable.wait_durable()
    durable.trim()
    assert durable.segments < 4
    durable.restart()
    assert described(durable) == before
