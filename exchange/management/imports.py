"""Imports: definitions into a broker, as much of them as can be taken.

    read the document     in a thread: a function of bytes
    read the broker       in slices: the virtual hosts that the document names
    make the plan         in a thread: a function of two states
    take its steps        in passes of some milliseconds, each step as a whole

What cannot be taken is left out, and named with its place in the answer and in the log; all else is
done. With `strict=true` it is all or nothing. An exchange or a queue that is there already stays as
it is, as in RabbitMQ; so does what the document says nothing of. Who makes a virtual host by this
may do everything in it unless the document says otherwise, as with PUT.

`warrener.exchange.topology` does the thinking, as it does for topology files.
"""

from __future__ import annotations

import email.parser
import email.policy
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from warrener.exchange.management.call import JSON, Call, done
from warrener.exchange.management.fields import Fields
from warrener.exchange.management.listing import in_passes, in_slices
from warrener.exchange.management.values import encode_in_parts
from warrener.exchange.topology.applying import Outcome, steps_back, steps_of
from warrener.exchange.topology.definitions import Definitions
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.json_document import JsonDocument, NotJson
from warrener.exchange.topology.plan import Plan, Step
from warrener.exchange.topology.problem import Place, Problem, in_order
from warrener.exchange.topology.state import Key, Permission, State, Thing, VirtualHost
from warrener.exchange.topology.target import Live
from warrener.protocol.http.errors import BadRequest
from warrener.protocol.http.response import Response

if TYPE_CHECKING:
    from warrener.exchange.topology.desired import Desired

T = TypeVar("T")

logger = logging.getLogger("warrener.http")

NAME = "body"
"""What problems call the document."""
LOGGED_MAX = 1000
"""Lines of the log for what one import leaves out; the answer has all of it."""
ALL = ".*"
STAYS = "it is there already, otherwise than it is declared here, and stays as it is"


async def import_all(call: Call) -> Response:
    return await _import(call, None)


async def import_vhost(call: Call) -> Response:
    return await _import(call, call.vhost.name)


async def _import(call: Call, into: str | None) -> Response:
    """Raises: BadRequest if it is no document, or nothing may be left out and something is."""
    strict = Fields(call.query).flag("strict", False)
    body = _document_in(call.request.header("content-type"), call.body)
    async with call.application.topology_turn:
        desired = await _in_thread(_read, body, into, strict)
        desired, plan = await _plan(call, desired)
        plan, kept = plan.adding().without_needs(desired.state)
        problems = [*desired.problems, *_named(desired, ((step, STAYS) for step in kept))]
        if strict and _left_out(problems):
            return await _refuse(call, "nothing was done", problems)
        outcome = await _carry_out(call, plan, desired)
    problems += _named(desired, outcome.left_out)
    if outcome.failed is not None:
        failed = ((outcome.failed, outcome.error),)
        said = "some of it could not be taken back" if outcome.done else "all was taken back"
        return await _refuse(call, said, [*problems, *_named(desired, failed)])
    return await _answer(call, outcome, _left_out(problems))


# Steps


async def _plan(call: Call, desired: Desired) -> tuple[Desired, Plan]:
    messages: dict[Key, int] = {}
    vhosts = {str(getattr(thing, "vhost", "")) for thing in desired.state.values()}
    things = InProcess(call.broker).things(messages, vhosts)
    found = await in_slices(lambda thing: thing, things)
    return await _in_thread(_planned, desired, found, messages, call.user.name)


async def _carry_out(call: Call, plan: Plan, desired: Desired) -> Outcome:
    target = InProcess(call.broker)
    optional = () if desired.strict else desired.state
    outcome = Outcome.of(await in_passes(call, steps_of(plan, target, optional)), optional)
    if outcome.failed is None:
        return outcome
    back = await in_passes(call, steps_back(outcome, target))
    return replace(outcome, done=tuple(step for step, error in back if error))


def _named(desired: Desired, steps: Iterable[tuple[Step, str]]) -> list[Problem]:
    return [
        desired.left_out(step.thing, reason)
        for step, reason in steps
        if step.thing.key in desired.origins
    ]


def _left_out(problems: Iterable[Problem]) -> list[Problem]:
    return in_order(problem for problem in problems if problem.left_out)


# In a thread: nothing here touches the broker


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    return await trio.to_thread.run_sync(partial(work, *arguments), abandon_on_cancel=True)


def _document_in(kind: str, body: bytes) -> bytes:
    """The body, or what a browser has sent in the field `file` of a form. Raises: BadRequest."""
    if not kind.startswith("multipart/form-data"):
        return body
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    form = parser.parsebytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            payload = part.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else b""
    raise BadRequest("no file in the form")


def _read(body: bytes, into: str | None, strict: bool) -> Desired:
    """Raises: BadRequest."""
    # Imported here, so that a broker without topology files does not load PyYAML.
    from warrener.exchange.topology.desired import Desired, Management

    try:
        document = JsonDocument(NAME, body if body.strip() else b"{}")
    except NotJson as error:
        where = f"line {error.place.line}, column {error.place.column}"
        raise BadRequest(f"not_json: {error} ({where})") from None
    if not isinstance(document.value, dict):
        raise BadRequest("not_json: the body is no object")
    definitions = Definitions(document, into=into, strict=strict)
    document.let_go()
    origins = dict.fromkeys(definitions.things, definitions)
    state = State(definitions.things.values())
    return Desired(state, Management(), tuple(definitions.problems), origins, strict)


def _planned(
    desired: Desired, things: list[Thing], messages: dict[Key, int], user: str
) -> tuple[Desired, Plan]:
    """What can be taken, and the plan for it; uses up the things."""
    from warrener.exchange.topology.planner import plan_for

    live = Live(State(things), messages)
    permissions = [
        Permission(thing.name, user, ALL, ALL, ALL)
        for thing in desired.state.values()
        if isinstance(thing, VirtualHost) and thing.key not in live.state
    ]
    own = State(permissions)
    desired = replace(desired, state=State([*own.values(), *desired.state.values()]))
    found = plan_for(desired, live, reset_passwords=True)
    while things:
        # All at once would hold everybody up.
        things.pop()
    return found


# Answers


async def _answer(call: Call, outcome: Outcome, left_out: Sequence[Problem]) -> Response:
    """204 as RabbitMQ answers if all was taken, and else 200 with what was left out."""
    user, count = call.user.name, len(left_out)
    await _log(left_out)
    changes = len(outcome.done)
    logger.info("definitions: %d changes, %d left out, for %r", changes, count, user)
    if not left_out:
        return done()
    return _response(200, {"changes": changes, "left_out": await _told(left_out)})


async def _refuse(call: Call, said: str, problems: Iterable[Problem]) -> Response:
    left_out = _left_out(problems)
    logger.info("definitions: %s, %d problems, for %r", said, len(left_out), call.user.name)
    first = _line(left_out[0])
    reason = f"{said}: {len(left_out)} would have to be left out, the first of them: {first}"
    refusal = {"error": "bad_request", "reason": reason}
    return _response(400, refusal | {"left_out": await _told(left_out)})


async def _log(left_out: Sequence[Problem]) -> None:
    def log(problem: Problem) -> None:
        logger.warning("definitions: %s", _line(problem))

    await in_slices(log, left_out[:LOGGED_MAX])
    if len(left_out) > LOGGED_MAX:
        logger.warning("definitions: and %d more are left out", len(left_out) - LOGGED_MAX)


def _line(problem: Problem) -> str:
    place: Place = problem.place
    return f"{problem.message} ({place.path}, line {place.line}, column {place.column})"


async def _told(left_out: Sequence[Problem]) -> list[dict[str, Any]]:
    return await in_slices(_fields, left_out)


def _fields(problem: Problem) -> dict[str, Any]:
    """A problem without the line it is on, which the client has: it may have a password."""
    place = problem.place
    where = {"path": place.path, "line": place.line, "column": place.column}
    what = {"message": problem.message, "suggestion": problem.suggestion}
    return {"code": problem.code, **what, **where}


def _response(status: int, document: dict[str, Any]) -> Response:
    headers = (JSON, ("Cache-Control", "no-cache"))
    return Response(status, headers, parts=encode_in_parts(document))
