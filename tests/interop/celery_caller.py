"""The caller of Celery's tasks: `calling` gives an application, `result_of` waits for a result."""

from collections.abc import Iterator
from contextlib import contextmanager

import kombu.pools
from celery import Celery
from celery.backends.rpc import RPCBackend
from celery.result import AsyncResult

RESULT_SECONDS_MAX = 15


@contextmanager
def calling(url: str, queue: str, backend: str = "rpc://", **settings: object) -> Iterator[Celery]:
    """An application without tasks of its own, which sends tasks by name and waits for results."""
    with Celery("caller", broker=url, backend=backend, set_as_current=False) as caller:
        caller.conf.update(task_default_queue=queue, **settings)
        yield caller
        # The end of the application leaves both kinds of its connections open.
        if isinstance(caller.backend, RPCBackend):
            consumer = caller.backend.result_consumer
            if consumer._connection is not None:
                consumer.stop()
        kombu.pools.reset()


def result_of(result: AsyncResult) -> object:
    return result.get(timeout=RESULT_SECONDS_MAX)
