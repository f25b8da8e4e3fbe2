"""What `warrener serve --topology` does: read a topology before anything else, apply it before the
listeners open."""

from __future__ import annotations

import logging

from warrener.exchange.broker import Broker
from warrener.exchange.commands import CommandError
from warrener.exchange.topology.applying import apply
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.loading import InvalidTopology, Topology
from warrener.exchange.topology.report import first_line

logger = logging.getLogger("warrener")


def load_topology(path: str) -> Topology:
    try:
        topology = Topology.load(path)
    except InvalidTopology as error:
        raise CommandError(f"the topology cannot be used:\n{str(error).rstrip()}") from error
    for problem in topology.problems:
        logger.warning("%s", first_line(problem))
    return topology


def apply_topology(broker: Broker, topology: Topology) -> None:
    """Have the broker be as the topology says; nothing is replaced and nothing deleted."""
    plan = topology.plan(broker)
    for note in plan.notes:
        logger.warning("%s", note)
    outcome = apply(plan, InProcess(broker))
    if outcome.failed is not None:
        step = "\n".join(outcome.failed.lines())
        raise CommandError(f"the topology cannot be applied:\n{step}\n{outcome.error}")
    logger.info("topology: %d changes", len(outcome.done))
