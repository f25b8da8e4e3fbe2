import pytest

from warrener.exchange.server.alarm import DiskAlarm, MemoryAlarm, machine_memory_bytes


def test_an_alarm_begins_off():
    assert not MemoryAlarm(1000).on


def test_it_goes_on_above_the_mark():
    alarm = MemoryAlarm(1000)
    assert not alarm.update(1000)
    assert alarm.update(1001)
    assert alarm.on


def test_it_tells_of_a_change_only_once():
    alarm = MemoryAlarm(1000)
    assert [alarm.update(used) for used in (0, 2000, 3000, 2000, 0, 0)] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("used", "on"), [(1000, True), (901, True), (900, False), (0, False)])
def test_it_goes_off_well_below_the_mark(used, on):
    alarm = MemoryAlarm(1000)
    alarm.update(1001)
    alarm.update(used)
    assert alarm.on is on


def test_after_it_went_off_the_whole_mark_counts_again():
    alarm = MemoryAlarm(1000)
    for used in (1001, 900, 950):
        alarm.update(used)
    assert not alarm.on


def test_without_a_mark_it_is_a_part_of_the_machines_memory():
    mark = MemoryAlarm(0).mark_bytes
    assert 0.39 * machine_memory_bytes() < mark < 0.41 * machine_memory_bytes()


def test_a_machine_has_memory():
    assert machine_memory_bytes() > 1 << 26


def test_the_disk_alarm_goes_on_below_its_mark():
    alarm = DiskAlarm(1000)
    assert not alarm.update(1000)
    assert alarm.update(999)
    assert alarm.on


@pytest.mark.parametrize(("free", "on"), [(1000, True), (1099, True), (1100, False)])
def test_the_disk_alarm_goes_off_well_above_its_mark(free, on):
    alarm = DiskAlarm(1000)
    alarm.update(0)
    alarm.update(free)
    assert alarm.on is on


def test_a_disk_mark_of_nothing_is_never_passed():
    assert not DiskAlarm(0).update(0)


def test_an_alarm_says_what_is_short_and_which_option_it_is_about():
    disk, memory = DiskAlarm(192 << 20), MemoryAlarm(100 << 20)
    disk.update(87 << 20)
    memory.update(150 << 20)
    assert disk.report().startswith(
        "disk alarm set: 87 MiB are free where the journal is, "
        "less than disk_free_mark_bytes (192 MiB)"
    )
    assert memory.report().startswith(
        "memory alarm set: messages take 150 MiB of memory, more than memory_mark_bytes (100 MiB)"
    )
    disk.update(1 << 30)
    memory.update(0)
    assert disk.report() == "disk alarm cleared: publishers are read again"
    assert memory.report() == "memory alarm cleared: publishers are read again"
