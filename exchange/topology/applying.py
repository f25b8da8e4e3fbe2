"""Applying: a plan carried out on a target, step by step.

A step that fails ends it, and what was done stays. There is nothing to resume: a new plan has what
is left. Steps for what a definitions document declares do not end it: others go on, and what could
not be done is told at the end. Where nothing may be left out (`strict`), a step that fails has the
steps before it taken back instead. Messages that were lost in between, to a policy for example, do
not come back.

A saved plan is refused if what it was made from is no longer so; what is done of it already is left
out.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from warrener.exchange.json_text import read as read_json
from warrener.exchange.topology.plan import Action, Plan, Step, operations
from warrener.exchange.topology.state import Key, as_fields, differences, from_fields, title
from warrener.exchange.topology.target import Live, Target, TargetError

SAVED_FORMAT = "warrener topology plan"
SAVED_VERSION = 1
CAUTION = "not done, as something before it could not be: this changes the user that does all this"


class NotAPlan(Exception):
    """A saved plan that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan."""

    done: tuple[Step, ...]
    failed: Step | None = None
    """The step that ended it."""
    error: str = ""
    left_out: tuple[tuple[Step, str], ...] = ()
    """Steps that could not be done while others went on, each with the reason."""

    @classmethod
    def of(cls, steps: Iterable[tuple[Step, str]], optional: Container[Key] = ()) -> Outcome:
        """What came of steps, each with why it failed.

        Args:
            optional: the keys of things whose steps do not end it.
        """
        done: list[Step] = []
        left_out: list[tuple[Step, str]] = []
        for step, error in steps:
            if not error:
                done.append(step)
            elif step.thing.key in optional:
                left_out.append((step, error))
            else:
                return cls(tuple(done), step, error, tuple(left_out))
        return cls(tuple(done), left_out=tuple(left_out))


def apply(
    plan: Plan,
    target: Target,
    agreed: Iterable[str] = (),
    *,
    optional: Container[Key] = (),
    strict: bool = False,
) -> Outcome:
    """Carry out a plan.

    Args:
        agreed: what somebody has agreed to, see `Step.needs`; a plan that needs more is not begun.
        optional: the keys of things whose steps may fail while others go on.
        strict: whether a step that fails has those before it taken back.
    """
    missing = plan.needs - set(agreed)
    if missing:
        step = next(step for step in plan.steps if step.needs & missing)
        return Outcome((), step, f"nobody has agreed to {' and to '.join(sorted(missing))}")
    try:
        optional = () if strict else optional
        outcome = Outcome.of(steps_of(plan, target, optional), optional)
        return taken_back(outcome, target) if strict else outcome
    finally:
        target.commit()


def steps_of(
    plan: Plan, target: Target, optional: Container[Key] = ()
) -> Iterator[tuple[Step, str]]:
    """Carry out a plan as slowly as somebody iterates: each step when it is done, or with why it
    failed; then it is the last one unless it is optional. Nothing is agreed to here and nothing
    committed. A plan's cautious steps are left out if one before them was."""
    is_whole = True
    for step in plan.steps:
        if step.thing.key in plan.cautious and not is_whole:
            yield step, CAUTION
            continue
        try:
            _carry_out(step, target)
        except TargetError as error:
            is_whole = False
            yield step, str(error)
            if step.thing.key not in optional:
                return
        else:
            yield step, ""


def _carry_out(step: Step, target: Target) -> None:
    for operation in operations(step):
        if operation.delete:
            target.delete(operation.thing, may_lose=operation.may_lose)
        else:
            target.put(operation.thing)


def taken_back(outcome: Outcome, target: Target) -> Outcome:
    """Take back what was done if something failed; returns what came of all that."""
    if outcome.failed is None:
        return outcome
    for step, error in steps_back(outcome, target):
        if error:
            (line, *_) = step.lines()
            left = f"{outcome.error}; this could not be taken back: {line.strip()}: {error}"
            return replace(outcome, error=left)
    return replace(outcome, done=())


def steps_back(outcome: Outcome, target: Target) -> Iterator[tuple[Step, str]]:
    """Take back the steps that were done, the last one first, as slowly as somebody iterates."""
    for step in reversed(outcome.done):
        action = _BACK[step.action]
        back = replace(step, action=action, before=step.after, after=step.before, messages=0)
        yield from steps_of(Plan((back,)), target)


_BACK = {
    Action.CREATE: Action.DELETE,
    Action.UPDATE: Action.UPDATE,
    Action.REPLACE: Action.REPLACE,
    Action.DELETE: Action.CREATE,
}


# Saved plans


def save(plan: Plan) -> str:
    """A plan as text, for `restore`."""
    return json.dumps(saved(plan), indent=1, ensure_ascii=False) + "\n"


def saved(plan: Plan) -> dict[str, Any]:
    """A plan as a document; it has hashes of passwords and no passwords."""
    return {
        "format": SAVED_FORMAT,
        "version": SAVED_VERSION,
        "steps": [saved_step(step) for step in plan.steps],
        "notes": list(plan.notes),
    }


def saved_step(step: Step) -> dict[str, Any]:
    return {
        "action": step.action.name.lower(),
        "before": as_fields(step.before) if step.before else None,
        "after": as_fields(step.after) if step.after else None,
        "rebind": [as_fields(binding) for binding in step.rebind],
        "messages": step.messages,
    }


def is_saved_plan(text: str) -> bool:
    return SAVED_FORMAT in text[:100]


def restore(text: str) -> Plan:
    """Raises: NotAPlan."""
    try:
        document = read_json(text)
        if document["format"] != SAVED_FORMAT or document["version"] != SAVED_VERSION:
            raise NotAPlan("a plan of another version")
        return Plan(tuple(map(_step, document["steps"])), tuple(document["notes"]))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise NotAPlan(f"not a saved plan: {error!r}") from error


def _step(given: Any) -> Step:
    before, after = given["before"], given["after"]
    step = Step(
        Action[given["action"].upper()],
        from_fields(before) if before else None,
        from_fields(after) if after else None,
        tuple(from_fields(binding) for binding in given["rebind"]),  # type: ignore[misc]
        int(given["messages"]),
    )
    if step.before is None and step.after is None:
        raise ValueError("a step about nothing")
    return step


def remaining(plan: Plan, live: Live) -> Plan:
    """What is left of a saved plan. Raises: NotAPlan if the broker has changed since."""
    steps = [left for step in plan.steps if (left := _left_of(step, live)) is not None]
    return replace(plan, steps=tuple(steps))


def _left_of(step: Step, live: Live) -> Step | None:
    """The step if it is still to be done, None if it is done already."""
    now = live.state.get(step.thing.key)
    if step.gapless:
        there = step.before is not None and step.before.key in live.state
        return step if there or now is None else None
    if step.after is None:
        is_done, is_valid = now is None, now is None or _matches(now, step.before)
    else:
        is_done = now is not None and not differences(now, step.after)
        # A replaced thing may be gone: the plan was interrupted between its two halves.
        is_valid = now is None if step.before is None else now is None or _matches(now, step.before)
        is_valid = is_valid and not (step.action is Action.UPDATE and now is None)
    if is_done:
        return None
    held = live.messages.get(step.thing.key, 0)
    if not is_valid or (step.before is not None and held > step.messages):
        raise NotAPlan(f"{title(step.thing)} has changed since the plan was made: make a new plan")
    return step


def _matches(now: Any, before: Any) -> bool:
    return not differences(now, before)
