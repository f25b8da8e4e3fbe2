"""Topology: a document as `warrener topology` reads it, compared with this broker or applied.

    read the document     in a thread: a function of bytes
    read the broker       in slices: one thing after the other
    make the plan         in a thread: a function of two states
    take its steps        in passes of some milliseconds, each step as a whole

So a document of ten thousand queues, which takes seconds, holds nobody up; but the broker may
change between its steps, and a crash may come between them. What stands in the way by then ends
it, and the answer says what was done; the same request goes on from there. What a document of
RabbitMQ's definitions declares is left out instead, unless `strict` has it all taken back.

A document from the network gets nothing of this machine: no environment, no files. One at a time
is worked on, for it takes room, and two would be in each other's way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from warrener.exchange.management.call import JSON, Call
from warrener.exchange.management.errors import UnsupportedMedia
from warrener.exchange.management.fields import Fields
from warrener.exchange.management.listing import in_passes, in_slices
from warrener.exchange.management.values import encode_in_parts
from warrener.exchange.topology.applying import Outcome, saved, saved_step, steps_back, steps_of
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.plan import LOSING, REPLACING, Plan
from warrener.exchange.topology.state import Key, State, Thing
from warrener.exchange.topology.target import Live
from warrener.protocol.http.errors import BadRequest
from warrener.protocol.http.response import Response

if TYPE_CHECKING:
    from warrener.exchange.topology.desired import Desired
    from warrener.exchange.topology.problem import Problem

T = TypeVar("T")

logger = logging.getLogger("warrener.http")

YAML = "application/yaml"
TAKES = ("application/json", YAML, "application/x-yaml", "text/yaml", "text/x-yaml")
UNSAID = ("", "application/x-www-form-urlencoded")
"""What comes along with a body whose kind nobody has thought of; curl says the second."""
NAME = "body"
"""What problems call the document."""
ADVICE = "the broker's environment is not read here: variables come from the document's own 'vars'"
NO_CACHE = ("Cache-Control", "no-cache")

PLAN_PARAMETERS = ("vhost", "prune", "reset-passwords", "strict")
AGREEMENTS = {"allow-replace": REPLACING, "lose-messages": LOSING}
"""The parameters by which one agrees to what a step needs."""
APPLY_PARAMETERS = (*PLAN_PARAMETERS, *AGREEMENTS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the query says."""

    vhost: str
    prune: bool
    reset_passwords: bool
    strict: bool
    agreed: frozenset[str]


# Endpoints


async def export(call: Call) -> Response:
    things = await _read_broker(call, {})
    text = await _in_thread(_written, things)
    return Response(200, (("Content-Type", YAML), NO_CACHE), text)


async def plan(call: Call) -> Response:
    wanted = _read_request(call, PLAN_PARAMETERS)
    async with call.application.topology_turn:
        desired = await _in_thread(_read_document, call.body, wanted)
        if desired.has_errors:
            return await _refuse(desired.problems)
        desired, made = await _make_plan(call, desired, wanted)
        if desired.has_errors:
            return await _refuse(desired.problems)
        document, problems = await _in_thread(lambda: (saved(made), _told(desired.problems)))
    return _answer(200, document | {"problems": problems})


async def apply(call: Call) -> Response:
    wanted = _read_request(call, APPLY_PARAMETERS)
    async with call.application.topology_turn:
        desired = await _in_thread(_read_document, call.body, wanted)
        if desired.has_errors:
            return await _refuse(desired.problems)
        desired, made = await _make_plan(call, desired, wanted)
        if desired.has_errors:
            return await _refuse(desired.problems)
        reason = await _in_thread(_missing_agreement, made, wanted.agreed)
        outcome = Outcome(())
        if not reason:
            outcome, reason = await _carry_out(call, made, desired)
        left_out = [desired.left_out(step.thing, why) for step, why in outcome.left_out]
        problems = [*desired.problems, *left_out]
        told = await _in_thread(_told_outcome, made, outcome, problems)
    if reason:
        return _answer(409, {"error": "conflict", "reason": reason} | told)
    return _answer(200, told)


# The request


def _read_request(call: Call, known: Iterable[str]) -> Wanted:
    """Raises: UnsupportedMedia; BadRequest."""
    kind = call.request.header("content-type").partition(";")[0].strip().lower()
    if kind not in (*TAKES, *UNSAID):
        raise UnsupportedMedia(f"a topology comes as {YAML} or application/json, not as {kind}")
    query = Fields(call.query)
    for name in query.values:
        if name not in known:
            raise BadRequest(f"unknown parameter: {name}; there are {', '.join(known)}")
    return Wanted(
        query.text("vhost", ""),
        query.flag("prune", False),
        query.flag("reset-passwords", False),
        query.flag("strict", False),
        frozenset(need for name, need in AGREEMENTS.items() if query.flag(name, False)),
    )


# In slices


async def _read_broker(call: Call, messages: dict[Key, int]) -> list[Thing]:
    return await in_slices(lambda thing: thing, InProcess(call.broker).things(messages))


async def _make_plan(call: Call, desired: Desired, wanted: Wanted) -> tuple[Desired, Plan]:
    messages: dict[Key, int] = {}
    things = await _read_broker(call, messages)
    return await _in_thread(_planned, things, messages, desired, wanted)


async def _carry_out(call: Call, made: Plan, desired: Desired) -> tuple[Outcome, str]:
    """What came of a plan, and why it came to no good."""
    optional = () if desired.strict else desired.origins
    target = InProcess(call.broker)
    outcome = Outcome.of(await in_passes(call, steps_of(made, target, optional)), optional)
    if outcome.failed is not None and desired.strict:
        back = await in_passes(call, steps_back(outcome, target))
        outcome = replace(outcome, done=tuple(step for step, error in back if error))
    user, done = call.user.name, len(outcome.done)
    logger.info("topology: %d of %d changes, asked for by %r", done, len(made), user)
    if outcome.failed is None:
        return outcome, ""
    (line, *_) = outcome.failed.lines()
    reason = f"{done} of {len(made)} steps were done, then this one failed: {line.strip()}"
    return outcome, f"{reason}: {outcome.error}"


# In a thread: nothing here touches the broker


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    return await trio.to_thread.run_sync(partial(work, *arguments), abandon_on_cancel=True)


def _read_document(body: bytes, wanted: Wanted) -> Desired:
    # Imported here, as below, so that a broker without topology files does not load PyYAML.
    from warrener.exchange.topology.desired import Source, read_topology
    from warrener.exchange.topology.reading import Surroundings

    surroundings = Surroundings(advice=ADVICE)
    return read_topology([Source(NAME, body)], surroundings, wanted.vhost, wanted.strict)


def _planned(
    things: list[Thing], messages: Mapping[Key, int], desired: Desired, wanted: Wanted
) -> tuple[Desired, Plan]:
    """What can be had, and the plan for it; uses up the things."""
    from warrener.exchange.topology.planner import plan_for

    live = Live(State(things), messages)
    prune, reset_passwords = wanted.prune, wanted.reset_passwords
    made = plan_for(desired, live, prune=prune, reset_passwords=reset_passwords)
    while things:
        # All at once would hold everybody up.
        things.pop()
    return made


def _missing_agreement(made: Plan, agreed: frozenset[str]) -> str:
    """Why a plan is not begun, empty if it may be."""
    needs = made.needs - agreed
    needed = " and ".join(f"{name}=true" for name, need in AGREEMENTS.items() if need in needs)
    return f"nothing was done: this plan needs {needed}" if needed else ""


def _written(things: Iterable[Thing]) -> bytes:
    from warrener.exchange.topology.writing import as_yaml

    return as_yaml(State(things)).encode()


def _told(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Problems without the lines they stand on, which the client has: one may be the whole
    document, and one may have a password."""
    from warrener.exchange.topology.report import as_fields

    told = [as_fields(problem) for problem in problems]
    for each in told:
        del each["source"]
    return told


def _told_outcome(made: Plan, outcome: Outcome, problems: Iterable[Problem]) -> dict[str, Any]:
    tried = (*outcome.done, outcome.failed, *(step for step, _ in outcome.left_out))
    told = {id(step) for step in tried}
    left = [step for step in made.steps if id(step) not in told]
    return {
        "done": [saved_step(step) for step in outcome.done],
        "failed": saved_step(outcome.failed) if outcome.failed else None,
        "left": [saved_step(step) for step in left],
        "notes": list(made.notes),
        "problems": _told(problems),
    }


# Answers


async def _refuse(problems: Sequence[Problem]) -> Response:
    from warrener.exchange.topology.report import counts

    told = await _in_thread(_told, problems)
    reason = f"the topology cannot be used: {counts(problems)}"
    return _answer(400, {"error": "bad_request", "reason": reason, "problems": told})


def _answer(status: int, document: Mapping[str, Any]) -> Response:
    """A document with long lists, sent in parts."""
    return Response(status, (JSON, NO_CACHE), parts=encode_in_parts(document))
