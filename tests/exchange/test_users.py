import pytest

from warrener.exchange.broker import Broker
from warrener.exchange.errors import NotFound, PreconditionFailed
from warrener.exchange.users import User, Users


@pytest.fixture
def users(broker: Broker) -> Users:
    return broker.users


def test_a_new_broker_knows_the_guest(users: Users) -> None:
    assert [user.name for user in users] == ["guest"]
    guest = users.authenticate("guest", "guest")
    assert guest is not None
    assert guest.name == "guest"


@pytest.mark.parametrize(
    ("name", "password"),
    [("guest", ""), ("guest", "Guest"), ("guest", "gästé"), ("", ""), ("nobody", "")],
)
def test_whoever_is_not_known_by_name_and_password_is_refused(
    users: Users, name: str, password: str
) -> None:
    assert users.authenticate(name, password) is None


def test_a_new_user_may_log_in_until_deleted(users: Users) -> None:
    users.add("ann", "secret", ["monitoring"])
    found = users.authenticate("ann", "secret")
    assert found is not None
    assert found.tags == ("monitoring",)
    users.delete("ann")
    assert users.authenticate("ann", "secret") is None
    with pytest.raises(NotFound):
        users.get("ann")


def test_a_second_login_with_the_same_password_needs_no_check(users: Users) -> None:
    assert users.login("guest", "guest").user is None
    users.authenticate("guest", "guest")
    assert users.login("guest", "guest").user is users.get("guest")
    assert users.login("guest", "other").user is None


def test_a_changed_password_counts_at_once(users: Users) -> None:
    users.add("ann", "old")
    users.authenticate("ann", "old")
    users.change_password("ann", "new")
    assert users.authenticate("ann", "old") is None
    assert users.authenticate("ann", "new") is not None


def test_a_login_that_is_overtaken_by_another_password_is_refused(users: Users) -> None:
    users.add("ann", "old")
    login = users.login("ann", "old")
    verdict = login.check()
    users.change_password("ann", "new")
    assert users.finish(login, verdict) is None


def test_a_user_cannot_be_made_twice_or_without_name_or_password(users: Users) -> None:
    for name, password in (("guest", "x"), ("", "x"), ("ann", "")):
        with pytest.raises(PreconditionFailed):
            users.add(name, password)
    assert [user.name for user in users] == ["guest"]


def test_a_password_does_not_get_into_a_log(users: Users) -> None:
    assert "secret" not in repr(users.login("ann", "secret"))
    assert "hash" not in repr(User("ann", "some hash"))
