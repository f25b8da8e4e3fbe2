"""What a policy may say, and what is refused."""

from random import Random
from typing import Any

import pytest

from tests.exchange.core_client import Client
from warrener.exchange import policies
from warrener.exchange.broker import Broker
from warrener.exchange.errors import NotFound, PreconditionFailed
from warrener.exchange.policy import APPLY_TO


def refusal(broker: Broker, **changes: Any) -> str:
    """The text with which a policy is refused that would be right without the changes."""
    asked: dict[str, Any] = {
        "vhost": "/",
        "name": "p",
        "pattern": ".*",
        "definition": {"max-length": 1},
    }
    with pytest.raises(PreconditionFailed) as caught:
        broker.policies.set(**(asked | changes))
    assert broker.policies.of("/") == broker.policies.of("/", operator=True) == []
    return caught.value.text


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        ({"nope": 1}, "'nope' is no key of a policy; known are alternate-exchange, "),
        ({"max-length": 1, "nope": 1}, "'nope' is no key of a policy"),
        ({"x-max-length": 1}, "'x-max-length' is no key of a policy"),
        ({"max-priority": 5}, "'max-priority' is no key of a policy"),
        ({"single-active-consumer": True}, "'single-active-consumer' is no key of a policy"),
        ({"queue-type": "quorum"}, "'queue-type' is no key of a policy"),
        ({"message-ttl": -1}, "invalid value for policy key 'message-ttl': '-1'"),
        ({"message-ttl": "1000"}, "invalid value for policy key 'message-ttl': '1000'"),
        ({"max-length": True}, "invalid value for policy key 'max-length': 'true'"),
        ({"max-length": None}, "invalid value for policy key 'max-length': none"),
        ({"max-length": 1 << 64}, "invalid value for policy key 'max-length'"),
        ({"expires": 0}, "invalid value for policy key 'expires': '0'"),
        ({"overflow": "drop-tail"}, "invalid value for policy key 'overflow': 'drop-tail'"),
        ({"alternate-exchange": 1}, "invalid value for policy key 'alternate-exchange': '1'"),
        ({"dead-letter-routing-key": "x" * 256}, "policy key 'dead-letter-routing-key'"),
        ({"dead-letter-exchange": "\ud800"}, "invalid value for policy key 'dead-letter-exchange'"),
        ({1: 1}, "'1' is no key of a policy"),
        ({"max-length": 1.0}, "invalid value for policy key 'max-length': '1.0'"),
        ({"ha-params": [1]}, "invalid value for policy key 'ha-params'"),
        ({"ha-mode": "some"}, "invalid value for policy key 'ha-mode': 'some'"),
        ({}, "policy 'p' needs a definition with at least one key"),
        ("max-length", "policy 'p' needs a definition"),
        (None, "policy 'p' needs a definition"),
    ],
)
def test_a_definition_has_known_keys_and_fitting_values(
    broker: Broker, definition: Any, why: str
) -> None:
    assert why in refusal(broker, definition=definition)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": ""}, "a policy needs a name, not ''"),
        ({"name": "x" * 256}, "a policy needs a name, not 'xxx"),
        ({"name": "\ud800"}, "a policy needs a name, not"),
        ({"pattern": "\ud800"}, "characters of Unicode"),
        ({"pattern": "[" + "x" * 10_000 + "]"}, "it is not at most 10000 characters"),
        ({"name": None}, "a policy needs a name"),
        ({"pattern": None}, "a policy needs a pattern, not none"),
        ({"pattern": "("}, "pattern '(' of policy 'p' is not a regular expression: missing )"),
        ({"priority": "1"}, "a priority is a number, not '1'"),
        ({"priority": True}, "a priority is a number, not 'true'"),
        ({"priority": 1 << 63}, "a priority is a number, not"),
        ({"apply_to": "bindings"}, "cannot apply to 'bindings', only to all, queues, exchanges, "),
        ({"apply_to": None}, "cannot apply to none"),
        ({"apply_to": ["queues"]}, "cannot apply to"),
        ({"apply_to": "exchanges", "operator": True}, "only to all, queues, classic_queues"),
    ],
)
def test_the_rest_of_a_policy_makes_sense_too(
    broker: Broker, changes: dict[str, Any], why: str
) -> None:
    assert why in refusal(broker, **changes)


@pytest.mark.parametrize("key", ["dead-letter-exchange", "alternate-exchange", "ha-mode"])
def test_an_operator_policy_has_limits_only(broker: Broker, key: str) -> None:
    text = refusal(broker, definition={key: "all"}, operator=True)
    assert text == (
        f"'{key}' is no key of an operator policy; known are delayed-retry-max, "
        "delayed-retry-min, delayed-retry-multiplier, delayed-retry-type, delivery-limit, expires, "
        "max-in-memory-bytes, max-in-memory-length, max-length, max-length-bytes, message-ttl, "
        "overflow, queue-master-locator, queue-version, target-group-size"
    )


@pytest.mark.parametrize(
    "definition",
    [
        {"ha-mode": "all"},
        {"ha-mode": "exactly", "ha-params": 2, "ha-sync-mode": "automatic"},
        {"ha-mode": "nodes", "ha-params": ["a", "b"]},
        {"queue-mode": "lazy", "queue-version": 2},
        {"max-in-memory-length": 1, "max-in-memory-bytes": 1, "queue-leader-locator": "balanced"},
        {"initial-cluster-size": 3, "target-group-size": 3, "queue-master-locator": "min-masters"},
    ],
)
def test_what_changes_nothing_here_is_taken_and_does_nothing(
    client: Client, definition: dict[str, Any]
) -> None:
    (queue,) = client.declare("q")
    options = queue.options
    client.broker.policies.set("/", "p", ".*", definition)
    assert queue.effective_policy == definition
    assert queue.options is options


def test_a_policy_is_of_a_virtual_host_that_is_there(broker: Broker) -> None:
    with pytest.raises(NotFound, match="no virtual host 'v'"):
        broker.policies.set("v", "p", ".*", {"max-length": 1})
    with pytest.raises(NotFound, match="no virtual host 'v'"):
        broker.policies.of("v")


def test_what_is_not_there_cannot_be_cleared(broker: Broker) -> None:
    broker.policies.set("/", "p", ".*", {"max-length": 1})
    with pytest.raises(NotFound, match="no operator policy 'p' in vhost '/'"):
        broker.policies.clear("/", "p", operator=True)
    with pytest.raises(NotFound, match="no policy 'q' in vhost '/'"):
        broker.policies.clear("/", "q")


def test_policies_are_listed_in_the_order_in_which_they_are_tried(broker: Broker) -> None:
    for name, priority in (("b", 0), ("a", 0), ("high", 7), ("low", -1)):
        broker.policies.set("/", name, "x", {"max-length": 1}, priority=priority)
    broker.policies.set("/", "limit", "x", {"max-length": 1}, operator=True)
    assert [policy.name for policy in broker.policies.of("/")] == ["high", "a", "b", "low"]
    assert [policy.name for policy in broker.policies.of("/", operator=True)] == ["limit"]
    assert broker.policies.get("/", "high").priority == 7


def test_every_name_for_what_a_policy_applies_to_is_taken(broker: Broker) -> None:
    for apply_to in APPLY_TO:
        broker.policies.set("/", apply_to, ".*", {"max-length": 1}, apply_to=apply_to)
    assert {policy.apply_to for policy in broker.policies.of("/")} == set(APPLY_TO)


def test_a_definition_is_not_changed_from_outside(client: Client) -> None:
    (queue,) = client.declare("q")
    definition = {"max-length": 1}
    client.broker.policies.set("/", "p", ".*", definition)
    definition["max-length"] = 2
    assert queue.effective_policy == {"max-length": 1}


def test_a_pattern_that_takes_too_long_on_the_names_there_are_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "EFFORT_MAX", 100_000)
    # Each of these names makes the pattern work anew for each character.
    chance = Random(1)
    client.declare(*("".join(chance.choices("ab", k=255)) for _ in range(5)))
    text = refusal(client.broker, pattern="^" + "(a|b)" * 70 + "a[ab]*$")
    assert "takes too long on the names in vhost '/'" in text
