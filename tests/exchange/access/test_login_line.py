"""Logins that wait are checked in turn by address and name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.access.login_line import WAITING_MAX, LoginLine, source_of
from warrener.exchange.errors import Busy


def test_an_address_with_one_login_does_not_wait_for_one_with_many() -> None:
    line: LoginLine[str] = LoginLine()
    for number in range(20):
        line.join("10.0.0.1", f"u{number}", f"guess {number}")
    line.join("10.0.0.2", "alice", "alice")
    assert [line.next(), line.next(), line.next()] == ["guess 0", "alice", "guess 1"]


def test_a_name_with_one_login_does_not_wait_for_one_with_many_of_its_address() -> None:
    line: LoginLine[str] = LoginLine()
    for number in range(20):
        line.join("10.0.0.1", "guest", f"guess {number}")
    line.join("10.0.0.1", "alice", "alice")
    assert [line.next(), line.next(), line.next()] == ["guess 0", "alice", "guess 1"]


def test_no_more_of_one_address_wait_than_may() -> None:
    line: LoginLine[int] = LoginLine()
    for number in range(WAITING_MAX):
        line.join("10.0.0.1", "guest", number)
    with pytest.raises(Busy, match=r"50 logins from 10\.0\.0\.1 wait to be checked"):
        line.join("10.0.0.1", "alice", -1)
    line.join("10.0.0.2", "alice", -2)
    line.next()
    line.join("10.0.0.1", "alice", -1)
    assert len(line) == WAITING_MAX + 1


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a socket", "a socket"),
    ],
)
def test_a_network_of_ipv6_counts_as_one_address(address: str, source: str) -> None:
    assert source_of(address) == source


@given(st.lists(st.tuples(st.sampled_from("jjnl"), st.integers(0, 2), st.integers(0, 2))))
def test_any_history_is_that_of_plain_lists(steps: list[tuple[str, int, int]]) -> None:
    line: LoginLine[int] = LoginLine()
    addresses: list[str] = []
    names: dict[str, list[str]] = {}
    waiting: list[tuple[str, str, int]] = []

    def leave(entry: tuple[str, str, int]) -> None:
        waiting.remove(entry)
        address, name, _ = entry
        if not any(each[:2] == (address, name) for each in waiting):
            names[address].remove(name)
        if not names[address]:
            addresses.remove(address)

    for number, (step, first, second) in enumerate(steps):
        address, name = f"10.0.0.{first}", f"user {second}"
        if step == "j":
            line.join(address, name, number)
            waiting.append((address, name, number))
            if address not in addresses:
                addresses.append(address)
            if name not in names.setdefault(address, []):
                names[address].append(name)
        elif step == "n":
            if not waiting:
                assert line.next() is None
                continue
            address = addresses.pop(0)
            addresses.append(address)
            name = names[address].pop(0)
            names[address].append(name)
            entry = next(each for each in waiting if each[:2] == (address, name))
            assert line.next() == entry[2]
            leave(entry)
        elif waiting:
            entry = waiting[(first + second) % len(waiting)]
            line.leave(*entry)
            leave(entry)
        assert len(line) == len(waiting)
