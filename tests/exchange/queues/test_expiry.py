"""Expiry: how long a message may wait, and which expirations make sense."""

import pytest

from tests.exchange.messages import Properties
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.queues.expiry import check_expiration, time_to_live
from warrener.exchange.queues.options import TTL_MAX_MS


@pytest.mark.parametrize(
    ("own", "of_the_queue", "both"),
    [
        (None, None, None),
        ("100", None, 100),
        (None, 100, 100),
        ("100", 50, 50),
        ("50", 100, 50),
        ("0", 100, 0),
        ("100", 0, 0),
        ("0", None, 0),
    ],
)
def test_the_shorter_time_counts(
    own: str | None, of_the_queue: int | None, both: int | None
) -> None:
    assert time_to_live(Properties(expiration=own), of_the_queue) == both


@pytest.mark.parametrize("expiration", [None, "0", "00", "1", "60000", str(TTL_MAX_MS)])
def test_an_expiration_is_a_number_of_milliseconds(expiration: str | None) -> None:
    check_expiration(Properties(expiration=expiration))


NO_NUMBERS = [
    "",
    " ",
    "-1",
    "+1",
    " 1",
    "1 ",
    "1.5",
    "1e3",
    "0x10",
    "1_000",
    "ten",
    "٣",
    "²",
    "1\0",
]
TOO_LONG = [str(TTL_MAX_MS + 1), "9" * 100]


@pytest.mark.parametrize("expiration", [*NO_NUMBERS, *TOO_LONG])
def test_an_expiration_that_is_none_is_refused_by_its_text(expiration: str) -> None:
    with pytest.raises(PreconditionFailed) as refusal:
        check_expiration(Properties(expiration=expiration))
    assert f"invalid expiration '{expiration}'" in refusal.value.text
