"""No filter raises: `Filter.matches` would only count it."""

from collections.abc import Iterator

import pytest

from warrener.exchange.filters.failing import FAILURES


@pytest.fixture(autouse=True)
def no_filter_fails(request: pytest.FixtureRequest) -> Iterator[None]:
    before = FAILURES.total
    yield
    if "failing_filter" not in request.fixturenames:
        assert FAILURES.total == before, list(FAILURES)
