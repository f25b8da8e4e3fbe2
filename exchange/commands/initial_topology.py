"""What `warrener serve --topology` does: read a topology before anything else, apply it before the
listeners open."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from warrener.exchange.broker import Broker
from warrener.exchange.commands import CommandError
from warrener.exchange.topology.applying import apply
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.loading import InvalidTopology, Topology
from warrener.exchange.topology.planner import plan_for
from warrener.exchange.topology.problem import Problem
from warrener.exchange.topology.report import first_line, text

logger = logging.getLogger("warrener")

DIFFERS = "it is there already, otherwise than it is declared, and nothing is replaced at a start"


def load_topology(path: str, strict: bool = False) -> Topology:
    try:
        topology = Topology.load(path, strict=strict)
    except InvalidTopology as error:
        raise CommandError(f"the topology cannot be used:\n{str(error).rstrip()}") from error
    _warn(topology.problems)
    return topology


def apply_topology(broker: Broker, topology: Topology) -> None:
    """Have the broker be as the topology says; nothing is replaced and nothing deleted.

    Where a definitions document would need that, or refers to what is not there, it is left out.
    """
    target = InProcess(broker)
    desired, plan = plan_for(topology.desired, target.read())
    if desired.has_errors:
        raise CommandError(f"the topology cannot be used:\n{text(desired.problems).rstrip()}")
    _warn(problem for problem in desired.problems if problem not in topology.problems)
    for note in plan.notes:
        logger.warning("%s", note)
    plan, kept = plan.without_needs(() if desired.strict else desired.origins)
    outcome = apply(plan, target, optional=desired.origins, strict=desired.strict)
    if outcome.failed is not None:
        failed = "\n".join(outcome.failed.lines())
        raise CommandError(f"the topology cannot be applied:\n{failed}\n{outcome.error}")
    for step, reason in (*((step, DIFFERS) for step in kept), *outcome.left_out):
        logger.warning("%s", first_line(desired.left_out(step.thing, reason)))
    logger.info("topology: %d changes", len(outcome.done))


def _warn(problems: Iterable[Problem]) -> None:
    for problem in problems:
        logger.warning("%s", first_line(problem))
