"""Targets: brokers whose topology can be read and changed.

A plan is made from what a target has and carried out on it. `warrener.exchange.topology.in_process`
is the target for a broker in this process, `warrener.exchange.topology.over_http` that for one
behind a management API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from warrener.exchange.topology.state import Key, State, Thing


@dataclass(frozen=True, slots=True)
class Live:
    """What a broker has now."""

    state: State
    messages: Mapping[Key, int] = field(default_factory=dict)
    """How many messages there are in each queue that is not empty."""


class Target(Protocol):
    """A broker whose topology can be read and changed.

    All of it may raise `TargetError`. `warrener.exchange.topology.in_process` is the one for a
    broker in this process.
    """

    user: str | None
    """As whom it is changed, if somebody has to log in for that."""

    def read(self) -> Live:
        """What is there, but for what no file can declare: exclusive and server-named queues,
        and the exchanges that are always there."""

    def put(self, thing: Thing) -> None:
        """Have a thing as it is here; one that can be changed is. Does nothing if it is so."""

    def delete(self, thing: Thing, *, may_lose: bool) -> None:
        """Have it no more. Does nothing if it is not there."""

    def hash_password(self, password: str) -> str:
        """The hash that this broker is to keep of a new password."""

    def commit(self) -> None:
        """What was done so far is to last."""


class TargetError(Exception):
    """A target cannot do what it was asked to; the text says why."""
