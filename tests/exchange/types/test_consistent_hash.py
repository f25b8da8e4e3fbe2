from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import Properties
from tests.exchange.types.spread import KEYS, Spread
from warrener.exchange.errors import PreconditionFailed
from warrener.protocol import properties as wire

TYPE = "x-consistent-hash"
NAMES = [f"q{number}" for number in range(8)]
WEIGHTS = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 50), min_size=1)
SAMPLE = KEYS[:100]


def weighted(weights: dict[str, int]) -> Spread:
    spread = Spread(TYPE)
    for name, weight in weights.items():
        spread.bind(name, str(weight))
    return spread


def having(**fields: Any) -> wire.Properties:
    return wire.Properties(wire.encode_properties(**fields))


# Shares


@pytest.mark.parametrize(
    "weights",
    [
        {"a": 1, "b": 1},
        {"a": 1, "b": 2, "c": 3, "d": 4},
        {"a": 10, "b": 10, "c": 20, "d": 20},
        {"a": 1, "b": 99},
        dict.fromkeys(NAMES, 1),
        {"a": 4_000_000_000, "b": 1_000_000_000},
    ],
    ids=str,
)
def test_queues_get_keys_in_proportion_to_their_weights(weights: dict[str, int]) -> None:
    shares = weighted(weights).shares()
    total = sum(weights.values())
    for name, weight in weights.items():
        assert shares[name] == pytest.approx(weight / total, abs=0.015)


def test_one_key_always_goes_to_one_queue() -> None:
    spread = weighted({"a": 1, "b": 1})
    assert len({spread.target("k") for _ in range(10)}) == 1


def test_without_bindings_it_matches_nothing() -> None:
    assert Spread(TYPE).target("k") is None


def test_of_two_bindings_of_a_queue_the_greater_weight_counts() -> None:
    spread = weighted({"a": 1, "b": 1})
    before = spread.targets(SAMPLE)
    spread.bind("a", "3")
    assert spread.shares()["a"] == pytest.approx(0.75, abs=0.015)
    spread.unbind("a", "3")
    assert spread.targets(SAMPLE) == before


# What moves


@given(WEIGHTS, st.integers(1, 50))
def test_a_new_queue_takes_keys_and_moves_no_other(weights: dict[str, int], weight: int) -> None:
    spread = weighted(weights)
    before = spread.targets(SAMPLE)
    spread.bind("new", str(weight))
    after = spread.targets(SAMPLE)
    assert all(after[key] in (before[key], "new") for key in SAMPLE)
    spread.unbind("new", str(weight))
    assert spread.targets(SAMPLE) == before


@given(WEIGHTS, st.data())
def test_only_the_keys_of_a_queue_that_goes_move(
    weights: dict[str, int], data: st.DataObject
) -> None:
    spread = weighted(weights)
    before = spread.targets(SAMPLE)
    gone = data.draw(st.sampled_from(sorted(weights)))
    spread.client.vhost.delete_queue(gone, spread.client)
    after = spread.targets(SAMPLE)
    assert all(after[key] == before[key] for key in SAMPLE if before[key] != gone)
    assert gone not in after.values()


@given(WEIGHTS, st.data())
def test_a_weight_that_grows_only_draws_keys_to_its_queue(
    weights: dict[str, int], data: st.DataObject
) -> None:
    grown = data.draw(st.sampled_from(sorted(weights)))
    before = weighted(weights).targets(SAMPLE)
    after = weighted(weights | {grown: weights[grown] + 20}).targets(SAMPLE)
    assert all(after[key] in (before[key], grown) for key in SAMPLE)


def test_a_queue_among_ten_equals_takes_a_tenth_of_the_keys_along() -> None:
    spread = weighted({f"q{number}": 1 for number in range(10)})
    before = spread.targets()
    spread.unbind("q4", "1")
    moved = sum(target != before[key] for key, target in spread.targets().items())
    assert moved / len(KEYS) == pytest.approx(0.1, abs=0.015)


# What does not matter


@given(WEIGHTS, st.randoms(use_true_random=False))
def test_the_order_of_binding_does_not_matter(weights: dict[str, int], chance: Any) -> None:
    shuffled = list(weights.items())
    chance.shuffle(shuffled)
    assert weighted(dict(shuffled)).targets(SAMPLE) == weighted(weights).targets(SAMPLE)


def test_keys_go_where_they_went_in_any_process_and_version() -> None:
    spread = weighted({"a": 1, "b": 2, "c": 3})
    found = "".join(str(spread.target(f"key-{number}")) for number in range(24))
    assert found == "bbcabcbbbccbbbbcbacccbcc"


def test_keys_go_where_they_went_after_a_restart(durable: DurableBroker) -> None:
    vhost = durable.client.vhost
    vhost.declare_exchange("e", TYPE, durable=True)
    for name in "cab":
        durable.client.declare(name, durable=True)
        durable.client.bind("e", name, "5")
    durable.client.bind("e", "a", "1")

    def targets() -> list[str]:
        route = durable.client.vhost.route
        return [route("e", key, Properties()).queues[0].name for key in SAMPLE]

    before = targets()
    durable.restart()
    assert targets() == before


def test_a_queue_and_an_exchange_of_one_name_get_different_keys() -> None:
    spread = weighted({"a": 1})
    fanout = spread.client.vhost.declare_exchange("a", "fanout")
    spread.client.vhost.bind("e", fanout, "1")
    assert spread.shares() == pytest.approx({"a": 0.5, None: 0.5}, abs=0.015)


@pytest.mark.parametrize("algorithm", ["ring", "jump", "Ring"])
def test_the_algorithms_of_lavinmq_are_accepted(algorithm: str) -> None:
    spread = Spread(TYPE, {"x-algorithm": algorithm})
    spread.bind("a", "1")
    assert spread.target("k") == "a"


# What is hashed


@pytest.mark.parametrize("argument", ["hash-header", "x-hash-on"])
def test_a_header_can_be_hashed_instead_of_the_routing_key(argument: str) -> None:
    spread = Spread(TYPE, {argument: "customer"})
    for name in NAMES:
        spread.bind(name, "1")
    assert {spread.target(key, having(headers={"customer": "c1"})) for key in SAMPLE} == {
        spread.target("", having(headers={"customer": "c1"}))
    }
    by_header = {spread.target("k", having(headers={"customer": key})) for key in SAMPLE}
    assert by_header == set(NAMES)


@pytest.mark.parametrize("value", [5, True, 1.5, b"\xff", [], ["a"], {"a": 1}, None], ids=repr)
def test_a_header_of_any_type_can_be_hashed(value: Any) -> None:
    spread = Spread(TYPE, {"hash-header": "h"})
    spread.bind("a", "1")
    assert spread.target("k", having(headers={"h": value})) == "a"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("message_id", ["m1", "m2"]),
        ("correlation_id", ["c1", "c2"]),
        ("timestamp", [1, 2]),
    ],
)
def test_a_property_can_be_hashed(name: str, values: list[Any]) -> None:
    spread = Spread(TYPE, {"hash-property": name})
    for queue in NAMES:
        spread.bind(queue, "1")
    for value in values:
        assert len({spread.target(key, having(**{name: value})) for key in SAMPLE}) == 1
    many = range(100) if name == "timestamp" else SAMPLE
    assert {spread.target("k", having(**{name: value})) for value in many} == set(NAMES)


@pytest.mark.parametrize(
    "arguments",
    [{"hash-header": "h"}, {"x-hash-on": "h"}, {"hash-property": "message_id"}],
    ids=str,
)
def test_messages_without_what_is_hashed_go_to_one_queue(arguments: dict[str, str]) -> None:
    spread = Spread(TYPE, arguments)
    for name in NAMES:
        spread.bind(name, "1")
    assert len({spread.target(key, having()) for key in SAMPLE}) == 1
    assert len({spread.target(key, having(headers={"i": key})) for key in SAMPLE}) == 1


def test_only_what_depends_on_the_routing_key_alone_is_remembered() -> None:
    assert not Spread(TYPE).exchange.reads_properties
    assert Spread(TYPE, {"hash-header": "h"}).exchange.reads_properties
    assert Spread(TYPE, {"hash-property": "timestamp"}).exchange.reads_properties
    filtered = Spread(TYPE)
    filtered.bind("a", "1", x_filter_tags="red")
    assert filtered.exchange.reads_properties


# Filters


def test_a_key_goes_to_one_of_the_queues_whose_filter_matches() -> None:
    spread = weighted({"a": 1, "b": 1})
    plain = spread.targets(SAMPLE)
    spread.bind("red", "1", x_filter_jms_selector="colour = 'red'")
    assert spread.targets(SAMPLE) == plain
    red = {spread.target(key, Properties(headers={"colour": "red"})) for key in SAMPLE}
    assert red == {"a", "b", "red"}


def test_what_no_filter_lets_through_goes_nowhere() -> None:
    spread = Spread(TYPE)
    spread.bind("red", "1", x_filter_jms_selector="colour = 'red'")
    assert spread.target("k", Properties(headers={"colour": "blue"})) is None
    assert spread.target("k", Properties(headers={"colour": "red"})) == "red"


# Refusals


@pytest.mark.parametrize("key", ["", "one", "1.5", " 1", "1_000", "٣", "0x1", "1;"])
def test_a_weight_that_is_no_integer_is_refused(key: str) -> None:
    spread = Spread(TYPE)
    with pytest.raises(PreconditionFailed, match="The binding key must be an integer: '"):
        spread.bind("a", key)
    assert spread.target("k") is None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("0", "The binding key must be greater than 0"),
        ("-3", "The binding key must be greater than 0"),
        ("4294967296", "The binding key must not exceed 4294967295"),
        ("9" * 255, "The binding key must not exceed 4294967295"),
    ],
)
def test_a_weight_out_of_range_is_refused(key: str, text: str) -> None:
    with pytest.raises(PreconditionFailed, match=text):
        Spread(TYPE).bind("a", key)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"hash-header": "h", "hash-property": "message_id"},
            "hash-header and hash-property are mutually exclusive",
        ),
        ({"hash-header": "h", "x-hash-on": "h"}, "hash-header and x-hash-on are mutually"),
        ({"hash-property": "user_id"}, "Unsupported property: user_id"),
        ({"hash-property": 5}, "invalid arg 'hash-property': expected a string, not 5"),
        ({"hash-header": ["h"]}, "invalid arg 'hash-header': expected a string"),
        ({"x-hash-on": None}, "invalid arg 'x-hash-on': expected a string, not None"),
        ({"x-algorithm": "md5"}, "Unsupported x-algorithm: md5; expected one of ring, jump"),
        ({"x-algorithm": 1}, "invalid arg 'x-algorithm': expected a string, not 1"),
    ],
    ids=str,
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(PreconditionFailed, match=text):
        Spread(TYPE, arguments)
