"""Plans: what has to be done so that a broker has what a file says.

    + create    ~ update    -/+ replace    - delete

A thing that can be changed in place is updated; an exchange or a queue cannot, and is replaced:
deleted, made anew, and bound again as it was. A binding whose filter alone changes is replaced
without a gap, the new one before the old one goes, so that no message is missed. Deleting what no
file declares needs `prune`; what a step needs to be told beyond that is in `Step.needs`.

Steps stand in the order in which they are to be done: things are made before what refers to them,
and deleted after it.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from warrener.exchange.topology.state import SECRETS, Binding, Key, Thing, differences, title

SHOWN_CHARACTERS_MAX = 80


class Action(Enum):
    """What a step does; the value is how a plan shows it."""

    CREATE = "+"
    UPDATE = "~"
    REPLACE = "-/+"
    DELETE = "-"


REPLACING = "replace"
LOSING = "lose messages"


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one thing."""

    action: Action
    before: Thing | None
    after: Thing | None
    rebind: tuple[Binding, ...] = ()
    """Bindings that go with the thing when it is deleted, and come back."""
    messages: int = 0
    """Messages that would be lost."""

    @property
    def thing(self) -> Thing:
        thing = self.after or self.before
        assert thing is not None, "a step is about something"
        return thing

    @property
    def gapless(self) -> bool:
        return self.action is Action.REPLACE and isinstance(self.after, Binding)

    @property
    def needs(self) -> frozenset[str]:
        """What somebody must have agreed to."""
        replaces = self.action is Action.REPLACE and not self.gapless
        return frozenset(
            need for need, is_so in ((REPLACING, replaces), (LOSING, self.messages > 0)) if is_so
        )

    def lines(self) -> list[str]:
        """The step as a plan shows it."""
        notes = " (no gap: the new one comes first)" if self.gapless else ""
        if self.messages:
            plural = "" if self.messages == 1 else "s"
            notes = f" ({self.messages} message{plural} would be lost)"
        shown = self.before if self.gapless and self.before is not None else self.thing
        lines = [f"{self.action.value:>3} {title(shown)}{notes}"]
        if self.before is not None and self.after is not None:
            lines += [
                f"      {name}: {_shown(name, old)} -> {_shown(name, new)}"
                for name, (old, new) in differences(self.before, self.after).items()
            ]
        return lines


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked of a target: to have a thing as it is here, or not to have it."""

    thing: Thing
    delete: bool = False
    may_lose: bool = True
    """Whether a queue may be deleted that is not empty."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, and what is to be said besides."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    cautious: frozenset[Key] = frozenset()
    """Things whose steps are done only if all before them could be: see `acting`."""

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def is_empty(self) -> bool:
        return not self.steps

    @property
    def needs(self) -> frozenset[str]:
        return frozenset().union(*(step.needs for step in self.steps))

    def without_needs(self, optional: Container[Key]) -> tuple[Plan, tuple[Step, ...]]:
        """The plan without those optional steps that somebody would have to agree to, and these."""
        done: list[Step] = []
        kept: list[Step] = []
        for step in self.steps:
            (kept if step.needs and step.thing.key in optional else done).append(step)
        return replace(self, steps=tuple(done)), tuple(kept)

    def adding(self) -> Plan:
        """The plan with bindings added to those that differ in the filter only, not in place of
        them."""
        steps = (
            replace(step, action=Action.CREATE, before=None) if step.gapless else step
            for step in self.steps
        )
        return replace(self, steps=tuple(steps))

    def count(self, action: Action) -> int:
        return sum(step.action is action for step in self.steps)

    def summary(self) -> str:
        counts = (f"{self.count(action)} to {action.name.lower()}" for action in Action)
        return f"Plan: {', '.join(counts)}"

    def text(self) -> str:
        """The whole plan, for people."""
        lines = [line for step in self.steps for line in step.lines()]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, self.summary()]) + "\n"


def operations(step: Step) -> list[Operation]:
    """What a step asks of a target, in order."""
    gone = [Operation(step.before, True, step.messages > 0)] if step.before is not None else []
    made = [Operation(step.after)] if step.after is not None else []
    if step.action is Action.UPDATE:
        return made
    if step.gapless:
        return made + gone
    return gone + made + [Operation(binding) for binding in step.rebind]


def _shown(name: str, value: Any) -> str:
    if name in SECRETS:
        return "(hidden)"
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + "…"
