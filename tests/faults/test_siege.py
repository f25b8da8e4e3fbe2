"""A real broker under hostile clients, killed and started again."""

from pathlib import Path

import pytest

from tests.faults.siege import Siege

pytestmark = pytest.mark.slow

LIVES = 3


def test_a_broker_under_hostile_clients_starts_again_with_all_that_it_confirmed(tmp_path: Path):
    siege = Siege(tmp_path, seed=1)
    siege.run(LIVES)
    assert siege.lives == LIVES
    assert siege.confirmed > 100
