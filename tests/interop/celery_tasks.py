"""The Celery application that a worker of test_celery.py runs.

Settings come as JSON in CELERY_SETTINGS, so that a test can have a worker of another kind.
"""

import itertools
import json
import os
import time

from celery import Celery, Task

app = Celery("interop")
app.conf.update(
    result_backend="rpc://",
    broker_connection_retry_on_startup=True,
    # Every message that is there is fetched only when there is work for it.
    worker_prefetch_multiplier=1,
)
app.conf.update(json.loads(os.environ.get("CELERY_SETTINGS", "{}")))

count = itertools.count(1)


@app.task(name="add")
def add(left: int, right: int) -> int:
    return left + right


@app.task(name="total")
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task(name="fail_until", bind=True, max_retries=5)
def fail_until(self: Task, tries: int, delay: float = 0.1) -> int:
    """Fails until it is tried for the last time; returns how often it was tried."""
    tried = self.request.retries + 1
    if tried < tries:
        raise self.retry(exc=ValueError(f"failed {tried} times"), countdown=delay)
    return tried


@app.task(name="fail")
def fail(why: str) -> None:
    raise ValueError(why)


@app.task(name="position")
def position() -> int:
    """The how manieth such task of this process it is."""
    return next(count)


@app.task(name="now")
def now() -> float:
    return time.time()


@app.task(name="sleep")
def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@app.task(name="survive", bind=True, acks_late=True, reject_on_worker_lost=True)
def survive(self: Task, seconds: float) -> bool:
    """Takes its time the first time; returns whether it was delivered before."""
    if not self.request.delivery_info["redelivered"]:
        time.sleep(seconds)
    return bool(self.request.delivery_info["redelivered"])
