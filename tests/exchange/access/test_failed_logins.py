"""Who waits after failed logins, and who does not."""

from warrener.exchange.access.failed_logins import (
    DELAY_MAX_S,
    DELAY_S,
    FREE_PER_ADDRESS,
    FREE_PER_USER,
    KEPT_MAX,
    QUIET_S,
    FailedLogins,
)

HERE, THERE = "10.0.0.1", "10.0.0.2"


def guessed(times: int, address: str = HERE, user: str = "u", now: float = 0.0) -> FailedLogins:
    logins = FailedLogins()
    for _ in range(times):
        logins.failed(address, user, now)
    return logins


def test_the_first_few_cost_nothing() -> None:
    assert guessed(FREE_PER_USER - 1).delay_s(HERE, "u", 0) == 0
    assert guessed(FREE_PER_USER).delay_s(HERE, "u", 0) == DELAY_S


def test_each_further_one_doubles_the_wait_up_to_a_limit() -> None:
    waits = [guessed(FREE_PER_USER + more).delay_s(HERE, "u", 0) for more in range(8)]
    assert waits == [0.25, 0.5, 1, 2, 4, 6, 6, 6]
    assert guessed(10_000).delay_s(HERE, "u", 0) == DELAY_MAX_S


def test_nobody_else_waits() -> None:
    logins = guessed(40)
    assert logins.delay_s(THERE, "u", 0) == 0
    assert logins.delay_s(HERE, "other", 0) == 0


def test_an_address_that_tries_many_names_waits_for_each() -> None:
    logins = FailedLogins()
    for number in range(FREE_PER_ADDRESS):
        assert logins.delay_s(HERE, f"u{number}", 0) == 0
        logins.failed(HERE, f"u{number}", 0)
    assert logins.delay_s(HERE, "another", 0) == DELAY_S
    assert logins.delay_s(THERE, "another", 0) == 0


def test_who_succeeds_is_forgiven() -> None:
    logins = guessed(10)
    logins.succeeded(HERE, "u")
    assert logins.delay_s(HERE, "u", 0) == 0


def test_an_account_of_his_own_does_not_help_a_guesser() -> None:
    logins = guessed(FREE_PER_ADDRESS, user="victim")
    logins.succeeded(HERE, "his own")
    assert logins.delay_s(HERE, "another", 0) == DELAY_S


def test_what_was_long_ago_is_forgotten() -> None:
    logins = guessed(10)
    assert logins.delay_s(HERE, "u", QUIET_S) > 0
    assert logins.delay_s(HERE, "u", QUIET_S + 1) == 0
    logins.failed(HERE, "u", QUIET_S + 1)
    assert logins.delay_s(HERE, "u", QUIET_S + 1) == 0


def test_memory_has_an_end_and_the_busiest_are_remembered() -> None:
    logins = guessed(10)
    for number in range(2 * KEPT_MAX):
        logins.failed(f"address {number}", "u", 0)
        logins.failed(HERE, "u", 0)
    assert len(logins) == KEPT_MAX
    assert logins.delay_s(HERE, "u", 0) == DELAY_MAX_S
