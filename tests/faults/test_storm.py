"""The short form of `make storm`: a broker that is killed again and again under load."""

from pathlib import Path

import pytest

from tests.faults.storm import Report, Storm, show

pytestmark = pytest.mark.slow

KILLS = 10
SECONDS_MAX = 60


def test_a_broker_that_is_killed_again_and_again_loses_nothing(tmp_path: Path):
    storm = Storm(tmp_path, seed=1)
    report = storm.run(KILLS, SECONDS_MAX)
    print(show(storm, 0), storm.broker.log, sep="\n")
    assert report.sound
    assert report.kills >= KILLS
    assert len(storm.account.settled) > 100


def test_a_storm_in_which_something_is_lost_is_not_sound():
    assert Report(kills=1).sound
    assert not Report(lost={1}).sound
    assert not Report(faults=["1 given to two"]).sound
