import pytest

from warrener.exchange.users import User, Users


def test_the_guest_may_come_from_this_machine() -> None:
    assert Users().authenticate("guest", "guest", from_loopback=True) == User(
        "guest", "guest", loopback_only=True
    )


def test_the_guest_may_not_come_from_elsewhere() -> None:
    assert Users().authenticate("guest", "guest", from_loopback=False) is None


@pytest.mark.parametrize(
    ("name", "password"),
    [("guest", ""), ("guest", "Guest"), ("guest", "gästé"), ("", ""), ("nobody", "")],
)
def test_whoever_is_not_known_by_name_and_password_is_refused(name: str, password: str) -> None:
    assert Users().authenticate(name, password, from_loopback=True) is None


def test_a_password_does_not_get_into_a_log() -> None:
    assert "secret" not in repr(User("ann", "secret"))
