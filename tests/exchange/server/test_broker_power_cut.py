"""The power goes at any moment while a broker works, and again while it starts.

As tests/storage/test_power_cut.py, for all that a client does and is told.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.exchange.server.crash_wire import Life, stay, survive
from tests.storage.crash_files import SECTOR_BYTES, CrashFiles
from warrener.protocol import methods as m

SMALL = 1500
"""Bytes of a segment: a few declarations."""


def copies(life: Life) -> None:
    """Messages that go to two queues, settled in one of them."""
    life.call(m.ExchangeDeclare(exchange="e", type="fanout", durable=True))
    for queue in ("a", "b"):
        life.declare(queue)
        life.call(m.QueueBind(queue=queue, exchange="e"))
    life.publish(["a", "b"], b"1", b"2", exchange="e")
    life.be_told()
    life.settle("a")
    life.publish(["a", "b"], b"3" * 600, exchange="e")
    life.be_told()
    life.call(m.QueueUnbind(queue="a", exchange="e"))
    life.publish(["b"], b"4", exchange="e")
    life.settle("b")
    life.be_told()


def transactions(life: Life) -> None:
    """A message is taken from one queue and two put into another, together."""
    life.declare("a")
    life.declare("b")
    life.publish(["a"], b"1", b"2")
    life.be_told()
    life.settle_and_publish("a", "b", b"3", b"4" * 600)
    life.settle_and_publish("b", "a", b"5")


def dead_letters(life: Life) -> None:
    """Messages that move from one queue to another."""
    life.declare("dead")
    there = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    life.declare("a", arguments=there)
    life.publish(["a"], b"1", b"2")
    life.be_told()
    life.bury("a", "dead")
    life.bury("a", "dead")
    life.publish(["a"], b"3")
    life.be_told()


def deleted_and_declared_anew(life: Life) -> None:
    """Queues that go with their messages, and others of the same name."""
    life.declare("a")
    life.publish(["a"], b"1")
    life.be_told()
    life.delete("a")
    life.declare("a")
    life.publish(["a"], b"2")
    life.be_told()
    life.purge("a")
    life.publish(["a"], b"3")
    life.be_told()


def gathered(life: Life) -> None:
    """Passes that go to disk together."""
    life.declare("a")
    life.publish(["a"], b"1")
    life.be_told()
    life.files.hold()
    life.publish(["a"], b"2")
    life.files.wait_held()
    life.settle("a")
    life.publish(["a"], b"3")
    life.declare("b")
    life.publish(["b"], b"4" * 600)
    life.settle("a")
    life.delete("a")
    life.files.let_go()
    life.be_told()


def tidied(life: Life) -> None:
    """Segments are given back, and the topology is written anew for that."""
    life.declare("a")
    for number in range(12):
        life.publish(["a"], b"%d" % number * 400)
        life.be_told()
        if number != 5:
            life.settle("a")
        life.tidy()
        life.tidy()


HISTORIES = [copies, transactions, dead_letters, deleted_and_declared_anew, gathered, tidied]


def lived(
    folder: Path, history: Callable[[Life], None], sync: str, sector_bytes: int = SECTOR_BYTES
) -> Life:
    life = Life(folder, CrashFiles(sector_bytes=sector_bytes), sync=sync, segment_bytes=SMALL)
    if sync != "always":
        # confirmed when it was written, which a power cut takes no notice of
        life.files.tell = lambda what: None  # type: ignore[method-assign]
    history(life)
    life.end()
    return life


@pytest.mark.parametrize("sync", ["always", "never"])
@pytest.mark.parametrize("history", HISTORIES)
def test_a_broker_comes_up_as_it_was_after_a_pass_and_with_all_it_confirmed(
    tmp_path: Path, history: Callable[[Life], None], sync: str
) -> None:
    life = lived(tmp_path, history, sync)
    crashes = list(life.files.crashes())
    assert len(crashes) > 10
    survive(life, tmp_path, crashes, segment_bytes=SMALL)


@pytest.mark.parametrize("history", HISTORIES)
def test_what_belongs_together_stays_together_on_a_disk_that_tears_every_record(
    tmp_path: Path, history: Callable[[Life], None]
) -> None:
    life = lived(tmp_path, history, "always", sector_bytes=32)
    survive(life, tmp_path, life.files.some_crashes(Random(1), 200), segment_bytes=SMALL)


@pytest.mark.parametrize("sync", ["always", "never"])
@pytest.mark.parametrize("history", HISTORIES)
def test_what_was_on_disk_once_is_never_taken_back(
    tmp_path: Path, history: Callable[[Life], None], sync: str
) -> None:
    stay(lived(tmp_path, history, sync), tmp_path, segment_bytes=SMALL)


@pytest.mark.parametrize("history", HISTORIES)
def test_a_second_power_cut_takes_nothing_more(
    tmp_path: Path, history: Callable[[Life], None]
) -> None:
    random = Random(1)
    life = lived(tmp_path, history, "always")
    crashes = life.files.some_crashes(random, 15)
    for again in survive(life, tmp_path, crashes, segment_bytes=SMALL):
        crashes = again.files.some_crashes(random, 6)
        survive(again, tmp_path, crashes, segment_bytes=SMALL)
