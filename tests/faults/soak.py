"""The whole broker under hostile clients for as long as you like: `make soak`.

    python -m tests.faults.soak --seconds 3600 --seed 1

Worlds (fuzz.py) one after the other, each with the next seed, and in between a siege of a broker in
a process of its own. A line tells what was done; the exit status is 0 only if everything held. A
world that failed is lived again by `--seed` with its seed and `--worlds 1`.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

from tests.faults.fuzz import Failed, World
from tests.faults.siege import Siege
from warrener.exchange import broker as broker_module
from warrener.exchange.access import passwords

STEPS = 600
WORLDS_BETWEEN_SIEGES = 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.faults.soak")
    parser.add_argument("--seconds", type=float, default=3600, help="how long")
    parser.add_argument("--seed", type=int, help="of the first world; without one, any")
    parser.add_argument("--worlds", type=int, default=sys.maxsize, help="at most so many")
    arguments = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if arguments.seed is None else arguments.seed
    until = time.monotonic() + arguments.seconds
    quick_passwords()
    failures = 0
    for number in range(arguments.worlds):
        if time.monotonic() >= until:
            break
        failures += not (live(seed + number, until) and (number or besiege(seed, until)))
        if number % WORLDS_BETWEEN_SIEGES == WORLDS_BETWEEN_SIEGES - 1:
            failures += not besiege(seed + number, until)
    print(f"{failures} failures" if failures else "everything held")
    return 1 if failures else 0


def live(seed: int, until: float) -> bool:
    """One world; returns whether everything held."""
    world = World(seed)
    try:
        world.run(STEPS, until)
    except Failed:
        traceback.print_exc()
        return False
    print(f"world {seed}: {world.report()}", flush=True)
    return True


def besiege(seed: int, until: float) -> bool:
    """One siege; returns whether everything held."""
    with tempfile.TemporaryDirectory() as folder:
        siege = Siege(Path(folder), seed)
        try:
            siege.run(4, until)
        except AssertionError:
            traceback.print_exc()
            return False
    print(
        f"siege {seed}: {siege.lives} lives, {siege.methods} methods, {siege.confirmed} confirmed, "
        f"longest wait of the victim {siege.longest_wait_s:.3f} s",
        flush=True,
    )
    return True


def quick_passwords() -> None:
    """As in the tests: logins are no part of this."""
    passwords.SCRYPT_N = 2
    hashed = passwords.hash_password("guest")
    broker_module.GUEST = replace(broker_module.GUEST, password_hash=hashed)


if __name__ == "__main__":
    sys.exit(main())
