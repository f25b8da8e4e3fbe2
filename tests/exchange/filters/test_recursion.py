"""Room on the stack, taken and given back."""

import sys
import threading

import pytest

from warrener.exchange.filters import SampleProperties, compile_filter, explain
from warrener.exchange.filters.filter import Filter
from warrener.exchange.filters.index import FilterIndex
from warrener.exchange.filters.recursion import FRAMES, room_to_recurse

# What a level can hold at most, and as many levels as there may be.
DEEPEST = "1 - 2 * " + "(b OR b AND b BETWEEN b AND 1 - 2 * " * 63 + "a" + ")" * 63 + " = b"


def depth():
    frame, found = sys._getframe(), 0
    while frame is not None:
        frame, found = frame.f_back, found + 1
    return found


def at_depth(wanted, do):
    return do() if depth() >= wanted else at_depth(wanted, do)


def test_the_limit_is_raised_inside_and_put_back_after():
    before = sys.getrecursionlimit()
    with room_to_recurse():
        with room_to_recurse():
            assert sys.getrecursionlimit() == before + FRAMES
        assert sys.getrecursionlimit() == before + FRAMES
    assert sys.getrecursionlimit() == before


def test_the_limit_is_put_back_after_an_error():
    before = sys.getrecursionlimit()
    with pytest.raises(ZeroDivisionError), room_to_recurse():
        raise ZeroDivisionError
    assert sys.getrecursionlimit() == before


def test_threads_share_the_room():
    before = sys.getrecursionlimit()
    both_inside = threading.Barrier(2, timeout=10)

    def stay():
        with room_to_recurse():
            both_inside.wait()

    threads = [threading.Thread(target=stay) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sys.getrecursionlimit() == before


def test_the_deepest_selector_is_compiled_filed_and_explained_near_the_end_of_the_stack():
    properties = SampleProperties(headers={"a": 1, "b": 5})

    def use():
        filter = Filter(DEEPEST, None)
        FilterIndex().add(filter, 1)
        return explain(filter, properties)

    steps = at_depth(sys.getrecursionlimit() - 60, use)
    assert max(step.depth for step in steps) > 200


def test_the_deepest_selector_is_evaluated_from_the_middle_of_the_stack():
    filter = compile_filter(DEEPEST)
    properties = SampleProperties(headers={"a": 1, "b": 5})
    assert at_depth(500, lambda: filter.matches(properties)) in (True, False)
