"""What an evaluation costs is measured by evaluating again, and not too often."""

from warrener.exchange.management import filter_work
from warrener.exchange.management.filter_work import EVALUATIONS, TRIES, cost_ns


class Counted:
    """A filter that takes a number of steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        for _ in range(self.steps):
            pass


def test_what_was_never_asked_has_no_cost() -> None:
    assert cost_ns(None) is None


def test_one_that_takes_long_is_evaluated_a_few_times_only() -> None:
    slow = Counted(100_000)
    cost = cost_ns(slow)
    assert cost is not None
    assert cost > filter_work.LONG_NS
    assert slow.calls == 1 + TRIES


def test_one_that_is_quick_is_not_evaluated_more_often_than_before() -> None:
    quick = Counted(0)
    cost_ns(quick)
    assert quick.calls <= 1 + TRIES * EVALUATIONS
