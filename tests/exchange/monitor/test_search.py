"""What is typed after a slash, as text and as expression."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.expressions.expression import Expression
from warrener.exchange.monitor.search import search_for

NAMES = ("orders.eu", "orders.us", "ordersXeu", "a+b", "logs (old)", "127.0.0.1:1 -> 127.0.0.1:2")


def found(typed: str) -> set[str]:
    search = search_for(typed)
    return {name for name in NAMES if search.finds(name) is not search.is_inverse}


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("ORDERS", {"orders.eu", "orders.us", "ordersXeu"}),
        (r"^orders\.(eu|us)$", {"orders.eu", "orders.us"}),
        ("^ORDERS.EU$", {"orders.eu", "ordersXeu"}),
        ("(?i)^ORDERS.us$", {"orders.us"}),
        ("a+b", {"a+b"}),
        ("(old)", {"logs (old)"}),
        ("127.0.0.1:1 -> ", {"127.0.0.1:1 -> 127.0.0.1:2"}),
        ("(ol", {"logs (old)"}),
        ("!orders|->", {"a+b", "logs (old)"}),
        ("!(ol", set(NAMES) - {"logs (old)"}),
    ],
)
def test_a_row_is_found_by_the_text_or_by_the_expression(typed: str, names: set[str]) -> None:
    assert found(typed) == names


def test_what_is_no_expression_is_told_with_its_place() -> None:
    assert search_for("!ab(").problem == "missing ) at 4"
    assert search_for("(?<=a)b").problem
    assert search_for("a\\").problem
    assert not search_for("^a(b)?$").problem


def test_a_broker_is_asked_for_text_as_text() -> None:
    assert search_for("Eu-1").asked == {"use_regex": "false", "name": "eu-1"}
    assert search_for("(eu").asked == {"use_regex": "false", "name": "(eu"}
    assert search_for("^eu").asked == {"use_regex": "true", "name": r"^eu|\^eu"}


@given(st.text(max_size=30))
def test_a_text_is_found_in_itself_and_what_is_asked_is_an_expression(typed: str) -> None:
    search = search_for(typed)
    assert search.finds(search.text)
    asked = search.asked
    if asked["use_regex"] == "true":
        assert Expression(f"(?i){asked['name']}").found_in(search.text)


def test_no_expression_takes_long() -> None:
    assert not search_for("(a*)*(a|aa)+$x").finds("a" * 5000)
