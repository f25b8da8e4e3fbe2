"""Who is there to watch only."""

import pytest

from warrener.exchange.monitor.rights import why_read_only


@pytest.mark.parametrize("tags", [["monitoring"], [], "monitoring", "", ["monitoring", "mine"]])
def test_who_has_no_tag_for_more_watches_only(tags: object) -> None:
    assert why_read_only({"name": "ann", "tags": tags})


@pytest.mark.parametrize(
    "tags", [["administrator"], "monitoring,management", ["monitoring", "policymaker"], None, 7]
)
def test_others_may_try(tags: object) -> None:
    assert not why_read_only({"name": "ann", "tags": tags})


def test_where_nobody_says_who_one_is_one_may_try() -> None:
    assert not why_read_only(None)


def test_the_reason_says_what_to_do() -> None:
    assert why_read_only({"tags": ["monitoring"]}) == (
        "this user is to watch only (tags: monitoring); --no-read-only tries all the same"
    )
