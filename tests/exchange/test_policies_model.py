"""Policies set, cleared and changed in any order, held against a look at all of them anew.

Which policy applies is found from the one that did before, since only few have to be matched then;
the model matches them all.
"""

import re
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from warrener.exchange.broker import Broker
from warrener.exchange.policy import Governed, Policy
from warrener.exchange.queues.options import queue_options
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

APPLY_TO = ("all", "queues", "classic_queues", "quorum_queues", "exchanges")
GROUPS = {
    "classic": {"all", "queues", "classic_queues"},
    "quorum": {"all", "queues", "quorum_queues"},
    "exchange": {"all", "exchanges"},
}
names = st.text("ab", min_size=1, max_size=3)
policy_names = st.sampled_from("pqr")
patterns = st.sampled_from(["", "a", "^a", "b$", "^b", "aa", "^(?!a)", "x"])


class PoliciesModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.broker = Broker(NullStore(), CODEC)
        self.vhost = self.broker.vhosts["/"]
        self.policies: dict[tuple[bool, str], Policy] = {}
        self.kinds: dict[Governed, str] = {}

    @rule(name=names, kind=st.sampled_from(["classic", "quorum"]))
    def declare_queue(self, name: str, kind: str) -> None:
        if name not in self.vhost.queues:
            arguments = {"x-queue-type": kind}
            durable = kind == "quorum"
            queue = self.vhost.declare_queue(name, self, durable=durable, arguments=arguments)
            self.kinds[queue] = kind

    @rule(name=names)
    def declare_exchange(self, name: str) -> None:
        self.kinds[self.vhost.declare_exchange(name, "fanout")] = "exchange"

    @rule(
        name=policy_names,
        pattern=patterns,
        length=st.integers(1, 3),
        priority=st.integers(-1, 1),
        apply_to=st.sampled_from(APPLY_TO),
        operator=st.booleans(),
    )
    def set(self, name: str, length: int, operator: bool, **more: Any) -> None:
        if operator and more["apply_to"] == "exchanges":
            return
        definition = {"max-length": length}
        policy = Policy("/", name, definition=definition, operator=operator, **more)
        self.broker.policies.set("/", name, definition=definition, operator=operator, **more)
        self.policies[operator, name] = policy

    @rule(name=policy_names, operator=st.booleans())
    def clear(self, name: str, operator: bool) -> None:
        if self.policies.pop((operator, name), None) is not None:
            self.broker.policies.clear("/", name, operator=operator)

    def expected(self, thing: Governed, operator: bool) -> Policy | None:
        matching = [
            policy
            for policy in self.policies.values()
            if policy.operator is operator
            and policy.apply_to in GROUPS[self.kinds[thing]]
            and re.search(policy.pattern, thing.name)
        ]
        return min(matching, key=lambda policy: (-policy.priority, policy.name), default=None)

    @invariant()
    def the_right_policies_apply(self) -> None:
        for thing in self.kinds:
            assert thing.applied.policy == self.expected(thing, False)
            assert thing.applied.operator_policy == self.expected(thing, True)

    @invariant()
    def queues_go_by_them(self) -> None:
        for queue in self.vhost.queues.values():
            assert queue.options == queue_options(queue.arguments, queue.effective_policy)


TestPolicies = PoliciesModel.TestCase
TestPolicies.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
