"""The budget of a pass: how much is done before the others get their turn.

One thread serves everybody, and some things that a client asks for with a few bytes are a lot of
work: a queue of a hundred thousand messages that all become dead letters, for example. Whoever does
such work does it in *steps* that cannot be divided (a message and its dead letter, a method),
spends what each costs, and stops when the budget is used up. The rest is done in a later pass.

Work is counted in units, not in time: the core has no clock, and the same input does the same work
on every machine and in every test. A unit is about a microsecond, so a pass lasts some 10 to 20 ms.

In a pass many queues may have work. Each has it done in a *turn*, which may use a part of the
budget; then it is the next one's turn, and the first comes last in the line (`queues/pump.py`).
"""

PASS_UNITS = 10_000
"""Work in one pass."""
TURN_UNITS = PASS_UNITS // 4
"""Work for one queue until it is the next one's turn."""

# What steps cost, in units: measured on one core of a server of 2024, with CPython 3.11.
DELIVERED = 1
"""A message that is handed to a consumer."""
SELECTED = 5
"""The same by a queue that selects."""
SETTLED = 1
"""A delivery that is acknowledged, or a message that is dropped."""
REQUEUED = 2
"""A delivery that is put back to its place."""
COUNTED = 10
"""The same in a queue that counts failures, and tells them in a header."""
EXPIRY = 5
"""A message that leaves because its time is over."""
ADMITTED = 3
"""A message that is put in line because its time has come."""
ROUTED = 10
"""A message of which a way is to be found, and that is written on its own."""
ENQUEUED = 2
"""A message that is put into one queue, on its own."""
REWRITTEN = 80
"""A message that gets other headers, and ..."""
BYTES_REWRITTEN = 4
"""... so many bytes of properties, which are decoded and encoded on the way."""
DEATH = 20
"""An entry of its account of deaths, each of which is written anew."""
CALLED = 10
"""A queue that looks whether it has something to do."""
UNBOUND = 20
"""A binding that is removed."""
METHOD = 20
"""A method of a client, beside what it has done."""


class Budget:
    """What is left of the work of this pass, and of this turn."""

    __slots__ = ("_floor", "left", "units")

    def __init__(self, units: int = PASS_UNITS) -> None:
        self.units = units
        self.left = units
        """Negative after a last step that cost more than there was."""
        self._floor = 0

    def renew(self, shares: int = 1) -> None:
        """A pass begins, one of `shares` that are to take no longer than one together."""
        self.left = max(1, self.units // shares)
        self._floor = 0

    def spend(self, units: int) -> None:
        """Work has been done."""
        self.left -= units

    def lend(self, units: int) -> int:
        """Allow for at least so much, even if the budget is used up; returns what that adds.

        The caller spends it again when it is done, so that in the end only the work itself counts.
        """
        lent = max(0, self._floor + units - self.left)
        self.left += lent
        return lent

    def begin_turn(self) -> None:
        """From now on work is done for one queue."""
        self._floor = max(0, self.left - TURN_UNITS)

    def end_turn(self) -> None:
        self._floor = 0

    @property
    def exhausted(self) -> bool:
        """Whether what is left to do is for a later pass, or for a later turn."""
        return self.left <= self._floor

    def affords(self, units: int) -> bool:
        """Whether so much may be done at once."""
        return self.left - self._floor >= units

    def steps(self, cost: int) -> int:
        """How many steps of this cost may still be done: at least one, or nothing would go on."""
        return max(1, (self.left - self._floor) // cost)
