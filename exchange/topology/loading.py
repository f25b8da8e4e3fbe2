"""Loading: topology files from the disk, and the `Topology` that they make together.

    topology = Topology.load("topology.yaml")
    plan = topology.plan(broker)
    topology.apply(broker)

This is the one module of the folder that reads files and the environment.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from warrener.exchange.broker import Broker
from warrener.exchange.topology import report
from warrener.exchange.topology.applying import Outcome, apply
from warrener.exchange.topology.desired import Desired, Source, read_topology
from warrener.exchange.topology.document import BYTES_MAX
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.plan import Plan
from warrener.exchange.topology.planner import plan_for
from warrener.exchange.topology.problem import Place, Problem
from warrener.exchange.topology.reading import NoSecret, Surroundings
from warrener.exchange.topology.state import State
from warrener.exchange.topology.target import Target

SUFFIXES = (".yaml", ".yml", ".json")
SECRET_BYTES_MAX = 4096


class InvalidTopology(Exception):
    """Files that cannot be used; the text shows everything that is wrong with them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(report.text(self.problems))


class Topology:
    """What some files say that a broker is to have."""

    def __init__(self, desired: Desired) -> None:
        """Raises: InvalidTopology."""
        if desired.has_errors:
            raise InvalidTopology(desired.problems)
        self._desired = desired

    @classmethod
    def load(
        cls,
        *paths: str | os.PathLike[str],
        environment: Mapping[str, str] | None = None,
        vhost: str | None = None,
        strict: bool = False,
    ) -> Topology:
        """Read files, and folders of files, together.

        Args:
            environment: variables that the files may use; those of the process by default.
            vhost: for declarations that name no virtual host.
            strict: whether what would be left out of definitions is an error.

        Raises:
            InvalidTopology: with all that is wrong.
        """
        return cls(read_files(paths, environment, vhost, strict))

    @property
    def state(self) -> State:
        return self._desired.state

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is to be warned of."""
        return self._desired.problems

    @property
    def desired(self) -> Desired:
        return self._desired

    def plan(
        self, broker: Broker | Target, *, prune: bool = False, reset_passwords: bool = False
    ) -> Plan:
        """What has to be done so that a broker has what the files say; see `plan_for`."""
        target = _target(broker)
        _, made = plan_for(
            self._desired,
            target.read(),
            prune=prune,
            reset_passwords=reset_passwords,
            hashed=target.hash_password,
            user=target.user,
        )
        return made

    def apply(
        self, broker: Broker | Target, *, prune: bool = False, agreed: Iterable[str] = ()
    ) -> Outcome:
        """Plan it and do it; see `applying.apply`."""
        plan = self.plan(broker, prune=prune)
        optional, strict = self._desired.origins.keys(), self._desired.strict
        return apply(plan, _target(broker), agreed, optional=optional, strict=strict)


def read_files(
    paths: Iterable[str | os.PathLike[str]],
    environment: Mapping[str, str] | None = None,
    vhost: str | None = None,
    strict: bool = False,
) -> Desired:
    """Read files and folders together, whatever is wrong with them."""
    given = os.environ if environment is None else environment
    surroundings = Surroundings(given, _secret)
    with _without_collecting():
        return read_topology(_sources(paths), surroundings, vhost, strict)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep the collector from walking again and again through a tree that only grows.

    A topology of 60,000 things is read in a third of the time (bench_topology_files.py).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _target(broker: Broker | Target) -> Target:
    return InProcess(broker) if isinstance(broker, Broker) else broker


def _sources(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Source]:
    for given in paths:
        path = Path(given)
        if not os.path.isdir(path):  # Path.is_dir raises where one may not look.
            yield _read(path)
            continue
        found = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES)
        if not found:
            yield _unreadable(path, f"no file in this folder ends with {', '.join(SUFFIXES)}")
        yield from map(_read, found)


def _read(path: Path) -> Source:
    try:
        with path.open("rb") as file:
            # One byte more than may be: the document refuses it then.
            return Source(str(path), file.read(BYTES_MAX + 1))
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror}")


def _unreadable(path: Path, why: str) -> Source:
    return Source(str(path), problem=Problem("T001", why, Place(str(path), 1, 1)))


def _secret(document: str, name: str) -> str:
    """The content of a file with a secret; its last line break does not belong to it."""
    path = Path(document).parent / name
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(SECRET_BYTES_MAX)
    except OSError as error:
        raise NoSecret(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NoSecret(f"{path} is not UTF-8") from error
    return text.removesuffix("\n").removesuffix("\r")
