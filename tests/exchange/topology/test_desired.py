"""What files declare: defaults, short forms, several files, RabbitMQ's exports."""

import pytest

from tests.exchange.topology.reading import read, said, valid
from warrener.exchange.topology.desired import Source, read_topology
from warrener.exchange.topology.state import (
    Binding,
    Exchange,
    OperatorPolicy,
    Policy,
    Queue,
    User,
    UserLimits,
    VirtualHost,
    VirtualHostLimits,
)


def test_an_argument_may_be_written_as_a_key_with_a_unit():
    desired = valid(
        """
        vhosts:
          - name: shop
            queues:
              - { name: q, message-ttl: 1h, max_length: 10k, max-length-bytes: 64KiB, type: quorum }
        """
    )
    (queue,) = desired.state.of(Queue)
    assert queue.arguments == {
        "x-message-ttl": 3_600_000,
        "x-max-length": 10_000,
        "x-max-length-bytes": 65_536,
        "x-queue-type": "quorum",
    }


def test_defaults_are_for_what_says_nothing_else():
    desired = valid(
        """
        defaults:
          queue: { durable: false, message-ttl: 1s, arguments: { x-custom: 1 } }
          exchange: { type: topic }
        vhosts:
          - name: shop
            exchanges: [{ name: x }, { name: y, type: fanout }]
            queues: [{ name: a }, { name: b, durable: true, message-ttl: 2s }]
        """
    )
    assert desired.state.of(Queue) == [
        Queue("shop", "a", False, arguments={"x-custom": 1, "x-message-ttl": 1000}),
        Queue("shop", "b", True, arguments={"x-custom": 1, "x-message-ttl": 2000}),
    ]
    assert [exchange.type for exchange in desired.state.of(Exchange)] == ["topic", "fanout"]


def test_a_filter_is_two_arguments():
    desired = valid(
        """
        vhosts:
          - name: shop
            exchanges: [{ name: x }]
            queues: [{ name: q }]
            bindings: [{ source: x, queue: q, filter: { sql: "a = 1", tags: "b || c" } }]
        """
    )
    (binding,) = desired.state.of(Binding)
    assert binding.arguments == {"x-filter-jms-selector": "a = 1", "x-filter-tags": "b || c"}


def test_dead_letters_to_a_queue_make_the_queue():
    desired = valid(
        """
        vhosts:
          - name: shop
            queues: [{ name: q, dead-letter: { queue: dead } }]
        """
    )
    assert desired.state.of(Queue) == [
        Queue("shop", "dead"),
        Queue(
            "shop",
            "q",
            arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"},
        ),
    ]


def test_a_queue_for_dead_letters_that_is_declared_stays_as_it_is():
    desired = valid(
        """
        vhosts:
          - name: shop
            queues:
              - { name: q, dead-letter: { queue: dead } }
              - { name: dead, max-length: 10 }
        """
    )
    assert desired.state["queue", "shop", "dead"].arguments == {"x-max-length": 10}


def test_bindings_may_stand_with_their_queue():
    desired = valid(
        """
        vhosts:
          - name: shop
            exchanges: [{ name: x }]
            queues: [{ name: q, bind: [{ source: x, routing_key: a }, { source: amq.topic }] }]
        """
    )
    assert desired.state.of(Binding) == [
        Binding("shop", "amq.topic", "queue", "q"),
        Binding("shop", "x", "queue", "q", "a"),
    ]


def test_variables_come_from_the_file_and_from_the_environment():
    desired = valid(
        """
        vars: { stage: "${STAGE:-dev}", prefix: "${stage}.orders" }
        vhosts:
          - name: shop
            queues: [{ name: "${prefix}.eu", max-length: "${LENGTH}", durable: "${DURABLE}" }]
        """,
        environment={"STAGE": "test", "LENGTH": "10k", "DURABLE": "false"},
    )
    (queue,) = desired.state.of(Queue)
    assert queue == Queue("shop", "test.orders.eu", False, arguments={"x-max-length": 10_000})


def test_a_variable_that_is_not_set_is_told_once():
    desired = read("vhosts: [{ name: shop, queues: [{ name: q, max-length: '${NOPE}' }] }]")
    assert said(desired) == ["a:1:57 T020 the variable 'NOPE' is not set"]


def test_in_what_rabbitmq_exported_nothing_is_replaced():
    desired = valid("rabbitmq_version: 4.0.1\nqueues: [{ name: '${HOME}', vhost: / }]")
    assert ("queue", "/", "${HOME}") in desired.state


def test_several_files_make_one_topology():
    desired = valid(
        "vhosts: [{ name: shop, description: the shop, queues: [{ name: q }] }]",
        "vhosts: [{ name: shop, exchanges: [{ name: x }], bindings: [{ source: x, queue: q }] }]",
        "vhosts: [{ name: shop, tags: [eu] }]",
    )
    assert desired.state["vhost", "shop"] == VirtualHost("shop", "the shop", ("eu",))
    assert len(desired.state) == 4


def test_what_two_files_declare_is_told_with_both_places():
    queue = "vhosts: [{ name: shop, queues: [{ name: q }] }]"
    assert said(read(queue, queue)) == [
        "b:1:41 T030 queue 'q' in 'shop' is declared at a:1:33 already"
    ]


def test_two_files_may_not_differ_about_a_virtual_host():
    desired = read(
        "vhosts: [{ name: shop, description: a }]", "vhosts: [{ name: shop, description: b }]"
    )
    assert said(desired) == ["b:1:18 T030 vhost 'shop' is declared at a:1:10 already"]


def test_the_virtual_host_slash_need_not_be_declared_and_is_not_pruned_then():
    desired = valid("queues: [{ name: q }]")
    assert desired.state["vhost", "/"] == VirtualHost("/")
    assert desired.management.vhosts == frozenset()


def test_prune_none_lists_no_virtual_host():
    text = "vhosts: [{ name: shop }]\nmanage: { prune: none, ignore: [^celery] }"
    management = valid(text).management
    assert management.vhosts == frozenset()
    assert management.ignore == (r"^amq\.", "^celery")


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("secret", ("secret", None)),
        ("{ env: PW }", ("from the environment", None)),
        ("{ file: pw }", ("from a file", None)),
        (
            "{ hash: vXpqoFCfRn7bSknA0Nxm+1cmln+sdWx/M1XBRHZSLeN1GuT4 }",
            (
                None,
                "rabbit_password_hashing_sha256$vXpqoFCfRn7bSknA0Nxm+1cmln+sdWx/M1XBRHZSLeN1GuT4",
            ),
        ),
    ],
)
def test_a_password_comes_from_where_the_file_says(password, expected):
    from warrener.exchange.topology.reading import Surroundings

    surroundings = Surroundings(
        {"PW": "from the environment"}, lambda document, name: "from a file"
    )
    text = f"users: [{{ name: ann, password: {password} }}]"
    desired = read_topology([Source("a", text.encode())], surroundings)
    (user,) = desired.state.of(User)
    assert (user.password, user.password_hash) == expected


def test_a_password_is_in_no_text():
    (user,) = valid("users: [{ name: ann, password: secret }]").state.of(User)
    assert "secret" not in repr(user)


def test_tags_are_a_list_or_words():
    users = valid("users: [{ name: a, tags: [x, y] }, { name: b, tags: 'x, y' }]").state.of(User)
    assert [user.tags for user in users] == [("x", "y"), ("x", "y")]


def test_limits_are_of_users_and_of_virtual_hosts():
    desired = valid(
        """
        users: [{ name: ann, limits: { max-channels: 10 } }]
        vhosts: [{ name: shop, limits: { max-connections: 1k, max-queues: -1 } }]
        """
    )
    assert desired.state.of(UserLimits) == [UserLimits("ann", {"max-channels": 10})]
    expected = VirtualHostLimits("shop", {"max-connections": 1000, "max-queues": -1})
    assert desired.state.of(VirtualHostLimits) == [expected]


def test_policies_have_units_and_may_say_what_is_not_known_here():
    desired = valid(
        """
        vhosts:
          - name: shop
            policies: [{ name: p, pattern: ^a, definition: { expires: 30m, ha-mode: all } }]
            operator-policies: [{ name: o, pattern: "", definition: { max-length: 1k } }]
        """
    )
    (policy,) = desired.state.of(Policy)
    assert policy == Policy("shop", "p", "^a", {"expires": 1_800_000, "ha-mode": "all"})
    (operator,) = desired.state.of(OperatorPolicy)
    assert operator.definition == {"max-length": 1000}


def test_an_export_of_one_virtual_host_has_no_names_of_it():
    text = """
        {"rabbitmq_version": "4.1.0", "original_vhost_name": "shop", "rabbitmq_definition_format":
        "single_virtual_host", "metadata": {"description": "d", "tags": ["t"],
        "default_queue_type": "classic"}, "limits": [], "parameters": [], "policies": [],
        "queues": [{"name": "q", "durable": true, "auto_delete": false, "arguments": {}}],
        "exchanges": [], "bindings": []}
        """
    desired = valid(text)
    assert desired.state["vhost", "shop"] == VirtualHost("shop", "d", ("t",))
    assert ("queue", "shop", "q") in desired.state
    elsewhere = read_topology([Source("a", text.encode())], vhost="other")
    assert ("queue", "other", "q") in elsewhere.state


def test_what_is_no_mapping_is_told():
    assert said(read("[1, 2]")) == ["a:1:1 T011 expected a mapping, found a list"]
    assert said(read("")) == []


def test_what_rabbitmq_gives_its_plugins_by_policy_is_left_out():
    desired = valid(
        """
        rabbitmq_version: 3.13.7
        policies:
          - name: p
            vhost: /
            pattern: a
            definition: { federation-upstream-set: all, max-length: 5 }
          - { name: o, vhost: /, pattern: a, definition: { federation-upstream-set: all } }
        """
    )
    (policy,) = desired.state.of(Policy)
    assert policy.definition == {"max-length": 5}


def test_variables_that_grow_beyond_all_measure_are_refused():
    grown = "".join(f', A{n}: "${{A{n - 1}}}${{A{n - 1}}}"' for n in range(1, 40))
    desired = read(f'vars: {{ A0: "{"x" * 1000}"{grown} }}\nqueues: [{{ name: "${{A39}}" }}]')
    assert {problem.code for problem in desired.problems} >= {"T003"}
    assert desired.has_errors


def test_arguments_that_no_table_could_hold_are_refused():
    desired = read("queues: [{ name: q, arguments: { a: " + "{ a: " * 16 + "1" + " }" * 18 + "]")
    assert [p.code for p in desired.problems] == ["T014"]
    assert not read(
        "queues: [{ name: q, arguments: { a: " + "{ a: " * 15 + "1" + " }" * 17 + "]"
    ).problems


def test_of_very_many_names_that_are_missing_some_are_looked_for(monkeypatch):
    monkeypatch.setattr("warrener.exchange.topology.references.COMPARISONS_MAX", 100)
    bindings = ", ".join(f"{{ source: amq.topic, queue: orderz{n} }}" for n in range(150))
    desired = read(f"queues: [{{ name: orders }}]\nbindings: [{bindings}]")
    suggested = [problem for problem in desired.problems if problem.suggestion]
    assert (len(desired.problems), len(suggested)) == (150, 100)
