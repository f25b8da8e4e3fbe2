"""When memory is short: by what is counted, and by what the process takes."""

import pytest

from tests.exchange.server.wire import Wire
from warrener.exchange.memory import FREE_BYTES
from warrener.exchange.server import memory_watch
from warrener.exchange.server.memory_watch import RESIDENT_SLACK_BYTES, TRIM_S, MemoryWatch

MARK = 100 << 20
BASE = 50 << 20


class Process:
    """What the system says of this process, as a test wants it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = BASE
        self.free = 0
        self.trims = 0
        monkeypatch.setattr(memory_watch, "resident_bytes", lambda: self.bytes)
        monkeypatch.setattr(memory_watch, "give_back_free_memory", self._trim)

    def _trim(self) -> None:
        self.trims += 1
        self.bytes -= self.free


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


@pytest.fixture
def watch(process: Process) -> MemoryWatch:
    wire = Wire(memory_mark_bytes=MARK)
    return MemoryWatch(wire.broker.memory, wire.config)


RESIDENT_MARK = BASE + MARK * 3 // 2 + RESIDENT_SLACK_BYTES


def test_the_process_may_take_more_than_what_is_counted(watch: MemoryWatch, process: Process):
    process.bytes = RESIDENT_MARK - 1
    assert not watch.look(1)
    process.bytes = RESIDENT_MARK * 11 // 10
    assert watch.look(2)
    assert watch.alarm.on


def test_free_memory_is_given_back_first_and_not_too_often(watch: MemoryWatch, process: Process):
    process.bytes, process.free = RESIDENT_MARK + 1000, 2000
    assert not watch.look(1)
    process.bytes = RESIDENT_MARK + 1000
    watch.look(2)
    watch.look(1 + TRIM_S)
    assert process.trims == 2


def test_past_the_mark_and_a_margin_nothing_new_is_made(watch: MemoryWatch, process: Process):
    process.bytes = RESIDENT_MARK * 105 // 100
    watch.look(1)
    assert not watch._memory.refusal
    process.bytes = RESIDENT_MARK * 120 // 100
    watch.look(2)
    assert watch._memory.refusal
    process.bytes = BASE
    assert watch.look(3)
    assert not watch._memory.refusal


def test_one_connection_may_take_half_of_the_mark(watch: MemoryWatch):
    assert watch.connection_max_bytes == MARK // 2
    wire = Wire(memory_mark_bytes=MARK, connection_memory_max_bytes=12345)
    assert MemoryWatch(wire.broker.memory, wire.config).connection_max_bytes == 12345


def test_memory_is_looked_at_before_much_of_the_mark_has_come_in(watch: MemoryWatch):
    assert watch.read_max_bytes == MARK // 8
    assert watch.read_max_bytes > FREE_BYTES
