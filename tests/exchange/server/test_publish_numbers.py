"""Publish numbers, against a plain dictionary of what the client was told."""

from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.server.publish_numbers import PublishNumbers

# A run of publishes of which some are answered alone, or an answer up to the number so many back.
steps = st.lists(st.lists(st.booleans(), max_size=5) | st.integers(0, 10), max_size=20)


@given(steps)
def test_every_publish_is_answered_once_and_none_early(steps: list[list[bool] | int]) -> None:
    numbers = PublishNumbers()
    told: dict[int, str] = {}
    done = 0
    for step in [*steps, 0]:
        if isinstance(step, list):
            for alone in step:
                numbers.latest += 1
                if alone:
                    numbers.answer_alone(numbers.latest)
                    told[numbers.latest] = "alone"
        else:
            upto = max(0, numbers.latest - step)
            count, span = numbers.answer_up_to(upto)
            assert count == max(0, upto - done)
            done = max(done, upto)
            if span:
                # One answer with `multiple` reaches back to the first that has none.
                assert span[-1] not in told
                assert len(span) > 1 or span[0] not in told
                told |= {n: "together" for n in range(1, span[-1] + 1) if n not in told}
            assert set(range(1, done + 1)) <= set(told)
        assert numbers.unanswered == numbers.latest - len(told)
        assert all(n <= done or how == "alone" for n, how in told.items())
    assert numbers.unanswered == 0
