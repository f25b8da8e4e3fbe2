"""Tests of clients that need asyncio, in a suite whose coroutines otherwise run under trio."""

import asyncio
import functools
from collections.abc import Callable, Coroutine

SECONDS_MAX = 20


def under_asyncio(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*arguments: object, **fixtures: object) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **fixtures), SECONDS_MAX))

    return run
