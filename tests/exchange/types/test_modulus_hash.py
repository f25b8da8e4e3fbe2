import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.messages import Properties
from tests.exchange.types.spread import KEYS, Spread

TYPE = "x-modulus-hash"
SAMPLE = KEYS[:100]
NAMES = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, unique=True)


def bound(*names: str) -> Spread:
    spread = Spread(TYPE)
    for name in names:
        spread.bind(name)
    return spread


def test_all_queues_get_the_same_share() -> None:
    shares = bound(*"abcde").shares()
    assert shares == pytest.approx(dict.fromkeys("abcde", 0.2), abs=0.015)


def test_without_bindings_it_matches_nothing() -> None:
    assert bound().target("k") is None


def test_keys_go_where_they_went_in_any_process_and_version() -> None:
    spread = bound(*"abc")
    found = "".join(str(spread.target(f"key-{number}")) for number in range(24))
    assert found == "accaaccbcccbcaacbbaababa"


@given(NAMES, st.data())
def test_the_order_of_binding_does_not_matter(names: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(names))
    assert bound(*names).targets(SAMPLE) == bound(*shuffled).targets(SAMPLE)


@given(NAMES)
def test_a_queue_that_came_and_went_leaves_no_trace(names: list[str]) -> None:
    spread = bound(*names)
    before = spread.targets(SAMPLE)
    spread.bind("other")
    spread.unbind("other")
    assert spread.targets(SAMPLE) == before


def test_a_queue_bound_by_two_keys_has_two_shares() -> None:
    spread = bound("a", "b")
    spread.bind("a", "again")
    assert spread.shares() == pytest.approx({"a": 2 / 3, "b": 1 / 3}, abs=0.015)


def test_only_bindings_whose_filter_matches_share() -> None:
    spread = bound("a")
    spread.bind("red", "", x_filter_jms_selector="colour = 'red'")
    assert spread.shares() == {"a": 1.0}
    red = {spread.target(key, Properties(headers={"colour": "red"})) for key in SAMPLE}
    assert red == {"a", "red"}


def test_routes_are_remembered_unless_there_is_a_filter() -> None:
    spread = bound("a")
    assert not spread.exchange.reads_properties
    spread.bind("red", "", x_filter_tags="red")
    assert spread.exchange.reads_properties


@given(st.lists(st.tuples(st.booleans(), st.text("ab", min_size=1, max_size=2)), max_size=20))
def test_bindings_that_come_and_go_leave_the_order_of_those_that_are_there(
    changes: list[tuple[bool, str]],
) -> None:
    spread = Spread(TYPE)
    there: set[str] = set()
    for comes, name in changes:
        if comes and name not in there:
            spread.bind(name)
            there.add(name)
        elif not comes and name in there:
            spread.unbind(name)
            there.remove(name)
    assert spread.targets(SAMPLE) == bound(*sorted(there)).targets(SAMPLE)
