"""What folding makes of constants; that it changes no answer is in test_compiler.py."""

import pytest

from warrener.exchange.filters.compiler import Compiler
from warrener.exchange.filters.folding import fold
from warrener.exchange.filters.grammar import parse


@pytest.mark.parametrize(
    ("sql", "folded"),
    [
        ("a > 60 * 60", "a > 3600"),
        ("a > 2 + 3 * 4 - 1", "a > 13"),
        ("a = 1 / 2", "a = 0.5"),
        ("a = -(2 + 3)", "a = -5"),
        ("a IN (1 + 1, 'x')", "a IN (2, 'x')"),
        ("a AND 1 = 1", "a AND TRUE"),
        ("a = (1 = 1)", "a = TRUE"),
        ("a + 1 + 2 > 3", "a + 1 + 2 > 3"),
        ("a = 1 / 0", "NULL"),
        ("a + 1 / 0 = 2", "NULL"),
        ("a BETWEEN 1 / 0 AND 5", "a BETWEEN NULL AND 5"),
        ("(1 / 0) IS NULL", "TRUE"),
        ("'abc' LIKE 'a%'", "TRUE"),
        ("a < UTC() - 60 * 1000", "a < UTC() - 60000"),
    ],
)
def test_constant_parts_are_computed(sql, folded):
    assert str(fold(parse(sql).condition, Compiler())) == folded


def test_folding_knows_the_prefix():
    assert str(fold(parse("'2' = 2").condition, Compiler(convert_strings=True))) == "TRUE"
