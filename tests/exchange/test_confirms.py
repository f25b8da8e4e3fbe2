"""Confirms, with publishers that count: never early, cumulative, none forgotten."""

from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.confirms import Confirms


class CountingPublisher:
    """A channel in confirm mode; like the shell's, it tells its client each number once."""

    def __init__(self) -> None:
        self.published = 0
        self.written = 0
        self.answers: list[int] = []
        self.given_up = 0
        self.ends: list[int] = [0]
        """For each publish, the end of the ledger after it; 0 if it wrote nothing."""

    @property
    def confirmed(self) -> int:
        return self.answers[-1] if self.answers else 0

    def publish(self, end: int) -> None:
        self.published += 1
        self.ends.append(end)
        self.written = end or self.written

    def confirm(self, number: int) -> None:
        if number > self.confirmed:
            self.answers.append(number)

    def give_up(self, number: int) -> None:
        self.given_up = number


def publish(confirms: Confirms, publisher: CountingPublisher, *ends: int) -> None:
    for end in ends:
        publisher.publish(end)
        confirms.note(publisher)


def test_what_wrote_nothing_is_confirmed_at_the_end_of_the_pass() -> None:
    confirms, publisher = Confirms(), CountingPublisher()
    publish(confirms, publisher, 0, 0)
    assert publisher.answers == []
    confirms.end_pass(durable=1)
    assert publisher.answers == [2]


def test_what_was_written_waits_for_the_disk() -> None:
    confirms, publisher = Confirms(), CountingPublisher()
    publish(confirms, publisher, 8)
    confirms.end_pass(durable=7)
    confirms.settle(durable=7)
    assert publisher.answers == []
    confirms.settle(durable=8)
    assert publisher.answers == [1]


def test_what_got_on_disk_before_the_end_is_confirmed_and_the_rest_given_up() -> None:
    confirms, safe, waiting, fresh = Confirms(), *(CountingPublisher() for _ in range(3))
    publish(confirms, safe, 7)
    publish(confirms, waiting, 8)
    confirms.end_pass(durable=1)
    publish(confirms, waiting, 9)
    confirms.end_pass(durable=1)
    publish(confirms, fresh, 0)
    confirms.fail(durable=7)
    assert (safe.answers, safe.given_up) == ([1], 0)
    assert (waiting.answers, waiting.given_up) == ([], 2)
    assert (fresh.answers, fresh.given_up) == ([], 1)


def test_a_store_that_is_at_once_durable_confirms_at_once() -> None:
    confirms, publisher = Confirms(), CountingPublisher()
    publish(confirms, publisher, 8)
    confirms.end_pass(durable=8)
    assert publisher.answers == [1]


def test_a_transient_publish_waits_for_the_persistent_one_before_it() -> None:
    confirms, publisher = Confirms(), CountingPublisher()
    publish(confirms, publisher, 8)
    confirms.end_pass(durable=7)
    publish(confirms, publisher, 0)
    confirms.end_pass(durable=7)
    assert publisher.answers == []
    confirms.settle(durable=8)
    assert publisher.answers == [2]


def test_several_passes_are_settled_with_one_answer() -> None:
    confirms, publisher = Confirms(), CountingPublisher()
    for end in (3, 4, 5):
        publish(confirms, publisher, end)
        confirms.end_pass(durable=2)
    confirms.settle(durable=4)
    confirms.settle(durable=9)
    assert publisher.answers == [2, 3]


def test_publishers_do_not_wait_for_each_other() -> None:
    confirms, first, second = Confirms(), CountingPublisher(), CountingPublisher()
    publish(confirms, first, 3)
    confirms.end_pass(durable=2)
    publish(confirms, second, 0)
    confirms.end_pass(durable=2)
    assert (first.answers, second.answers) == ([], [1])


def test_a_pass_without_publishes_answers_nobody() -> None:
    confirms, publisher = Confirms(), CountingPublisher()
    publish(confirms, publisher, 0)
    confirms.end_pass(durable=1)
    confirms.end_pass(durable=2)
    confirms.settle(durable=2)
    assert publisher.answers == [1]


def test_when_the_store_has_failed_everybody_who_waits_is_told():
    confirms, early, late = Confirms(), CountingPublisher(), CountingPublisher()
    publish(confirms, early, 3)
    confirms.end_pass(durable=2)
    publish(confirms, late, 4, 5)
    confirms.fail(durable=1)
    confirms.settle(durable=9)
    assert (early.given_up, late.given_up) == (1, 2)
    assert early.answers == late.answers == []


# A publisher and whether it writes; None ends the pass, a number lets the disk catch up.
steps = st.lists(
    st.tuples(st.integers(0, 2), st.booleans()) | st.none() | st.integers(0, 8), max_size=40
)


@given(steps=steps)
def test_no_answer_is_early_and_in_the_end_there_is_one_for_all(steps: list) -> None:
    confirms = Confirms()
    publishers = [CountingPublisher() for _ in range(3)]
    end = committed = durable = 1
    for step in [*steps, None, 1000]:
        if step is None:
            committed = end
            confirms.end_pass(durable)
        elif isinstance(step, int):
            durable = min(committed, durable + step)
            confirms.settle(durable)
        else:
            number, writes = step
            end += writes
            publish(confirms, publishers[number], end if writes else 0)
        for publisher in publishers:
            assert max(publisher.ends[: publisher.confirmed + 1]) <= durable
    assert [p.confirmed for p in publishers] == [p.published for p in publishers]
