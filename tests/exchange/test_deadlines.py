"""Deadlines: who is called when."""

from hypothesis import given, settings
from hypothesis import strategies as st

from warrener.exchange.budget import CALLED, Budget
from warrener.exchange.deadlines import STALE_MIN, Deadlines


class Sleeper:
    """Something that has things to do at certain times, and remembers when it was called."""

    def __init__(self, deadlines: Deadlines, name: str = "", again_after: int = 0) -> None:
        self.next_due: int | None = None
        self.called: list[int] = []
        self.name = name
        self._deadlines = deadlines
        self._again_after = again_after

    def due(self, now: int) -> None:
        self.called.append(now)
        if self._again_after:
            self._deadlines.schedule(now + self._again_after, self)


def test_without_deadlines_there_is_no_next_one() -> None:
    deadlines = Deadlines(Budget())
    assert deadlines.next is None
    deadlines.run(1_000_000)
    assert deadlines.next is None


def test_each_is_called_once_when_its_time_has_come() -> None:
    deadlines = Deadlines(Budget())
    early, late = Sleeper(deadlines), Sleeper(deadlines)
    deadlines.schedule(20, late)
    deadlines.schedule(10, early)
    assert deadlines.next == 10
    deadlines.run(9)
    assert early.called == []
    deadlines.run(10)
    deadlines.run(11)
    assert (early.called, late.called) == ([10], [])
    assert deadlines.next == 20
    deadlines.run(100)
    assert (early.called, late.called) == ([10], [100])
    assert (early.next_due, late.next_due) == (None, None)


def test_an_earlier_deadline_takes_the_place_of_a_later_one() -> None:
    deadlines = Deadlines(Budget())
    sleeper = Sleeper(deadlines)
    deadlines.schedule(20, sleeper)
    deadlines.schedule(10, sleeper)
    assert sleeper.next_due == 10
    deadlines.run(10)
    deadlines.run(20)
    assert sleeper.called == [10]


def test_a_later_deadline_is_left_to_who_is_called_first() -> None:
    deadlines = Deadlines(Budget())
    sleeper = Sleeper(deadlines, again_after=5)
    deadlines.schedule(10, sleeper)
    deadlines.schedule(20, sleeper)
    deadlines.run(12)
    assert sleeper.next_due == 17
    deadlines.run(17)
    assert sleeper.called == [12, 17]


def test_what_is_scheduled_meanwhile_waits_for_the_next_run_even_if_it_is_due() -> None:
    deadlines = Deadlines(Budget())

    class Impatient(Sleeper):
        def due(self, now: int) -> None:
            super().due(now)
            deadlines.schedule(now, self)

    impatient = Impatient(deadlines)
    deadlines.schedule(10, impatient)
    deadlines.run(10)
    assert impatient.called == [10]
    assert deadlines.next == 10
    assert deadlines.unfinished
    deadlines.resume()
    deadlines.run(10)
    assert impatient.called == [10, 10]


def test_those_of_one_time_are_called_in_the_order_in_which_they_said_so() -> None:
    deadlines = Deadlines(Budget())
    order: list[str] = []

    class Noting(Sleeper):
        def due(self, now: int) -> None:
            order.append(self.name)

    for name in ("c", "a", "b"):
        deadlines.schedule(10, Noting(deadlines, name))
    deadlines.run(10)
    assert order == ["c", "a", "b"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["schedule", "run"]), st.integers(0, 30), st.integers(0, 4)),
        max_size=30,
    )
)
def test_it_is_a_dictionary_of_the_earliest_time_of_each(
    steps: list[tuple[str, int, int]],
) -> None:
    deadlines = Deadlines(Budget())
    sleepers = [Sleeper(deadlines) for _ in range(5)]
    expected: dict[int, int] = {}
    called: list[list[int]] = [[] for _ in sleepers]
    for what, time, number in steps:
        if what == "schedule":
            deadlines.schedule(time, sleepers[number])
            expected[number] = min(time, expected.get(number, time))
        else:
            deadlines.run(time)
            for each in [each for each, due in expected.items() if due <= time]:
                del expected[each]
                called[each].append(time)
        assert [sleeper.called for sleeper in sleepers] == called
        assert {n: s.next_due for n, s in enumerate(sleepers) if s.next_due is not None} == expected
        # A time that was superseded may still stand in between: one wakes up for nothing.
        assert deadlines.next is None or deadlines.next <= min(expected.values(), default=30)


def test_as_many_are_called_in_a_pass_as_its_budget_allows() -> None:
    budget = Budget(10 * CALLED)
    deadlines = Deadlines(budget)
    sleepers = [Sleeper(deadlines) for _ in range(29)]
    for sleeper in sleepers:
        deadlines.schedule(10, sleeper)
    done = []
    for _ in range(4):
        budget.renew()
        deadlines.resume()
        deadlines.run(10)
        done.append(sum(len(sleeper.called) for sleeper in sleepers))
    assert done == [10, 20, 29, 29]
    assert not deadlines.unfinished
    assert deadlines.next is None


def test_what_is_left_waits_for_a_pass_of_its_own() -> None:
    budget = Budget(10 * CALLED)
    deadlines = Deadlines(budget)
    sleepers = [Sleeper(deadlines) for _ in range(20)]
    for sleeper in sleepers:
        deadlines.schedule(10, sleeper)
    for now in range(10, 15):
        budget.renew()
        deadlines.run(now)
    assert deadlines.unfinished
    assert sum(len(sleeper.called) for sleeper in sleepers) == 10
    assert deadlines.next == 10


def test_who_does_much_leaves_less_for_the_others() -> None:
    budget = Budget(10 * CALLED)

    class Worker(Sleeper):
        def due(self, now: int) -> None:
            super().due(now)
            budget.spend(4 * CALLED)

    deadlines = Deadlines(budget)
    workers = [Worker(deadlines) for _ in range(6)]
    for worker in workers:
        deadlines.schedule(10, worker)
    deadlines.run(10)
    assert [len(worker.called) for worker in workers] == [1, 1, 0, 0, 0, 0]
    for now in (11, 12):
        budget.renew()
        deadlines.resume()
        deadlines.run(now)
    assert [worker.called for worker in workers] == [[10], [10], [11], [11], [12], [12]]


def test_what_is_cancelled_is_not_called() -> None:
    deadlines = Deadlines(Budget())
    sleeper, other = Sleeper(deadlines), Sleeper(deadlines)
    deadlines.schedule(10, sleeper)
    deadlines.schedule(10, other)
    deadlines.cancel(sleeper)
    deadlines.cancel(sleeper)
    deadlines.run(10)
    assert (sleeper.called, other.called) == ([], [10])
    deadlines.schedule(20, sleeper)
    deadlines.run(20)
    assert sleeper.called == [20]


def test_what_is_cancelled_does_not_pile_up() -> None:
    deadlines = Deadlines(Budget())
    kept = Sleeper(deadlines)
    deadlines.schedule(5, kept)
    for _ in range(10 * STALE_MIN):
        sleeper = Sleeper(deadlines)
        deadlines.schedule(10, sleeper)
        deadlines.cancel(sleeper)
    assert len(deadlines) < 3 * STALE_MIN
    deadlines.run(10)
    assert kept.called == [10]
