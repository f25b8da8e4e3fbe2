"""What the clients of a broker know for certain, written down by themselves while they work.

A crash test compares the broker with this and with nothing the broker says. All threads write to
one account, so it also sees when two of them are given the same message at once.
"""

import threading


class Account:
    """Numbers stand for messages; they are published in ascending order.

    published    handed to the broker; it may or may not have them
    confirmed    the broker said that they are safe
    acknowledged a worker sent the acknowledgement; a crash may lose it
    settled      acknowledged, and the broker answered something later that it may only answer
                 when everything before it is safe: never to be seen again
    """

    def __init__(self) -> None:
        self.published: set[int] = set()
        self.confirmed: set[int] = set()
        self.acknowledged: set[int] = set()
        self.settled: set[int] = set()
        self.faults: list[str] = []
        self._holders: dict[int, str] = {}
        self._lock = threading.Lock()

    def publish(self, number: int) -> None:
        self.published.add(number)

    def confirm(self, number: int) -> None:
        self.confirmed.add(number)

    def take(self, number: int, worker: str) -> None:
        with self._lock:
            if number in self._holders:
                self.faults.append(f"{number} given to {worker}, held by {self._holders[number]}")
            if number in self.settled:
                self.faults.append(f"{number} given to {worker} although it is settled")
            self._holders[number] = worker

    def give_back(self, number: int) -> None:
        with self._lock:
            self._holders.pop(number, None)

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
        self.confirmed |= kept
        self.settled = self.acknowledged - worked
        self.acknowledged = set(self.settled)
