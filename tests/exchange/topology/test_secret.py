"""What nobody is to see of a topology file."""

import json

import pytest

from tests.exchange.topology.reading import read
from warrener.exchange.topology import report
from warrener.exchange.topology.tree import Scalar


@pytest.mark.parametrize(
    "text",
    [
        "users: [{ name: a, password: hunter2, x: 1 }]",
        "users: [{ name: a, password: ['hunter2'] }]",
        "users: [{ name: a, Password: hunter2, x: 1 }]",
        "users: [{ name: a, passwrod: hunter2 }]",
        "users: [{ name: a, password: { hash: hunter2, x: hunter2 } }]",
        "users: [{ name: a, password_hash: hunter2 }]",
        "users: [[['name', a], ['password', hunter2], ['x', 1]]]",
        "{ vhosts: [{ name: v, description: &p hunter2, x: 1 }], users: [{ password: *p }] }",
        'users: [{ "name": "a", "password": "one\n  hunter2", x: 1 }]',
        "users: [{ name: a, password: ${hunter2:-hunter2} } }]",
        "users: [{ name: a, password: hunter2",
        "users: [{ name: a, password: hunter2 }]]",
        "users: [{ name: a, password: !secret hunter2 }]",
        'password: hunter2: "hunter2',
        '"password": @hunter2',
    ],
)
def test_a_password_is_in_no_report(text: str) -> None:
    problems = read(text).problems
    assert problems
    for form in report.FORMATS.values():
        assert "hunter2" not in form(problems)


@pytest.mark.parametrize("text", ["password: 4711", "password: 4711.5", "password_hash: 4711"])
def test_a_password_of_another_type_is_not_quoted(text: str) -> None:
    desired = read(f"users: [{{ name: a, {text} }}]")
    assert [each.code for each in desired.problems][-1] == "T011"
    assert "4711" not in report.text(desired.problems)


def test_where_a_password_is_to_be_found_is_shown() -> None:
    shown = report.text(read("users: [{ name: a, password: { env: A_WORD } }]").problems)
    assert "password: { env: A_WORD }" in shown


def test_what_is_hidden_leaves_columns_where_they_are() -> None:
    (problem, *_) = read("users: [{ name: a, password: hunter2, x: 1 }]").problems[-1:]
    place = problem.place
    assert place.source[place.column - 1 :].startswith("x: 1")
    assert len(place.source) == len("users: [{ name: a, password: hunter2, x: 1 }]")


def test_many_passwords_and_many_problems_take_no_longer_than_they_have_to() -> None:
    users = ", ".join(f"{{ name: u{n}, password: &p{n} 'secret', x: 1 }}" for n in range(50))
    problems = read(f"users: [{users}]").problems
    assert "secret" not in json.dumps([report.as_fields(each) for each in problems])


def test_a_tree_says_which_of_its_nodes_are_secret() -> None:
    from warrener.exchange.topology.document import Document

    document = Document("a", b"{ password: x, name: y }")
    (_, password), (_, name) = document.root.entries  # type: ignore[union-attr]
    assert isinstance(password, Scalar)
    assert document.secrets is not None
    assert password in document.secrets
    assert name not in document.secrets
