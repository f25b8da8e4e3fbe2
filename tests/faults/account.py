"""What the clients of a broker know for certain, written down by themselves while they work.

A crash test compares the broker with this and with nothing the broker says. All threads write to
one account, so it also sees when two of them are given the same message at once.
"""

import threading
from collections import defaultdict

NUMBERS = 10**9
"""Numbers that each publisher has: those of publisher 2 begin with 2 * NUMBERS."""


class Account:
    """Numbers stand for messages; each publisher publishes its own in ascending order.

    published    handed to the broker; it may or may not have them
    confirmed    the broker said that they are safe
    given        handed out by the broker at least once
    acknowledged a worker sent the acknowledgement; a crash may lose it
    settled      acknowledged, and the broker answered something later that it may only answer
                 when everything before it is safe: never to be seen again
    repeated     handed out more than once, as is allowed with the mark `redelivered`
    """

    def __init__(self) -> None:
        self.published: set[int] = set()
        self.confirmed: set[int] = set()
        self.given: set[int] = set()
        self.acknowledged: set[int] = set()
        self.settled: set[int] = set()
        self.repeated: set[int] = set()
        self.faults: list[str] = []
        self._holders: dict[int, str] = {}
        self._given_back: set[int] = set()
        self._highest: dict[tuple[str, int], int] = defaultdict(int)
        """By worker and publisher: the last number that came in its turn since the last crash."""
        self._lock = threading.Lock()

    def publish(self, *numbers: int) -> None:
        self.published.update(numbers)

    def confirm(self, *numbers: int) -> None:
        self.confirmed.update(numbers)

    def take(self, number: int, worker: str, redelivered: bool) -> None:
        with self._lock:
            if number not in self.published:
                self.faults.append(f"{number} given to {worker}, which nobody published")
            if number in self._holders:
                self.faults.append(f"{number} given to {worker}, held by {self._holders[number]}")
            if number in self.settled:
                self.faults.append(f"{number} given to {worker} although it is settled")
            if number in self.given:
                self.repeated.add(number)
                if not redelivered:
                    self.faults.append(f"{number} given to {worker} once more without a mark")
            self.given.add(number)
            self._check_turn(number, worker)
            self._holders[number] = worker

    def _check_turn(self, number: int, worker: str) -> None:
        """What was given back overtakes others; all else comes in the order of its publisher."""
        if number in self._given_back:
            return
        place = worker, number // NUMBERS
        if number < self._highest[place]:
            self.faults.append(f"{number} given to {worker} after {self._highest[place]}")
        self._highest[place] = number

    def give_back(self, number: int) -> None:
        with self._lock:
            self._holders.pop(number, None)
            self._given_back.add(number)

    def acknowledge(self, number: int) -> None:
        with self._lock:
            self._holders.pop(number, None)
            if number in self.acknowledged:
                self.faults.append(f"{number} was given out again after its acknowledgement")
            self.acknowledged.add(number)

    def settle(self, numbers: list[int]) -> None:
        self.settled.update(numbers)

    def recover(self, kept: set[int], worked: set[int]) -> None:
        """After a crash nobody holds anything, and what was found on disk is certain.

        An acknowledgement either outlived the crash, then it is settled, or it went with it, then
        it will be given once more.
        """
        self._holders.clear()
        self._given_back.clear()
        self._highest.clear()
        self.confirmed |= kept
        self.settled = self.acknowledged - worked
        self.acknowledged = set(self.settled)
