"""`warrener topology`: check topology files, compare a broker with them, change it to match.

The files are read and checked here; `warrener.exchange.topology` does the thinking. The broker is
one that runs, behind its management API (`--url`), or that of a data directory (`--data`), which
must not be in use.

Exit status: 0 done, or nothing to do; 1 an error, or problems in the files; 2 `plan` and `diff`
have found changes; 69 and 77 the broker cannot be reached, or refuses the login.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from warrener.exchange.broker import Broker
from warrener.exchange.commands import DONE, FAILED, UNREACHABLE, USAGE, CommandError
from warrener.exchange.commands.api import explained
from warrener.exchange.commands.output import describe_output
from warrener.exchange.durability.recovery import restore as restore_broker
from warrener.exchange.management.client import ManagementClient, ManagementError
from warrener.exchange.server.codec import CODEC
from warrener.exchange.topology import report, writing
from warrener.exchange.topology.acting import acting_last
from warrener.exchange.topology.applying import (
    NotAPlan,
    Outcome,
    apply,
    is_saved_plan,
    remaining,
    restore,
    save,
    saved_step,
)
from warrener.exchange.topology.desired import Desired
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.loading import read_files
from warrener.exchange.topology.over_http import Ask, OverHttp
from warrener.exchange.topology.plan import LOSING, REPLACING, Plan
from warrener.exchange.topology.planner import plan_for
from warrener.exchange.topology.requirements import NEW_BROKER, possible
from warrener.exchange.topology.schema import json_schema
from warrener.exchange.topology.target import Target, TargetError
from warrener.storage.errors import DirectoryInUse, StorageError
from warrener.storage.journal import Journal

CHANGES = 2
TIMEOUT_S = 60.0
OK = 200

AGREEMENTS = {REPLACING: "--allow-replace", LOSING: "--lose-messages"}
"""The options by which one agrees to what a step needs."""

ACTIONS = {
    "validate": "check files without a broker, and show everything that is wrong",
    "plan": "show what would be done to a broker; exit status 2 if that is anything",
    "apply": "change a broker to match files, or as a saved plan says",
    "diff": "show every difference, also what no file declares; exit status 2 if there is one",
    "export": "write the topology of a broker as a file",
    "schema": "write the JSON Schema of topology files, for editors",
}


STRICT_MEANS = "leave nothing out of RabbitMQ's definitions: do all or nothing"

JSON_MEANS = {
    "validate": "the same as --format json; with --expand, write RabbitMQ's definitions",
    "plan": "write the plan as JSON",
    "apply": "write what was done as JSON",
    "diff": "write the differences as JSON",
    "export": "the same as --format json",
    "schema": "it is JSON anyway",
}


def describe(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    parsers = {
        name: actions.add_parser(name, help=meaning, description=meaning.capitalize() + ".")
        for name, meaning in ACTIONS.items()
    }
    for name in ("validate", "plan", "apply", "diff"):
        parsers[name].add_argument("files", nargs="+", metavar="FILE", help="files and folders")
        parsers[name].add_argument("--vhost", help="for declarations that name no virtual host")
        parsers[name].add_argument("--strict", action="store_true", help=STRICT_MEANS)
    for name in ("plan", "apply", "diff", "export"):
        broker = parsers[name].add_mutually_exclusive_group(required=True)
        broker.add_argument(
            "--url", help="management API of a broker: http://guest:guest@127.0.0.1:15672"
        )
        broker.add_argument(
            "--data", metavar="DIR", help="data directory of a broker that is stopped"
        )
    for name in ("plan", "apply"):
        parsers[name].add_argument(
            "--prune", action="store_true", help="also delete what no file declares"
        )
        parsers[name].add_argument(
            "--reset-passwords",
            action="store_true",
            help="take hashes from the files where the broker has made newer ones",
        )
    parsers["validate"].add_argument(
        "--format", choices=report.FORMATS, help="how problems are written (text)"
    )
    parsers["validate"].add_argument(
        "--expand", action="store_true", help="write what the files declare, short forms in full"
    )
    parsers["plan"].add_argument("--out", metavar="FILE", help="save the plan for apply")
    apply_parser = parsers["apply"]
    apply_parser.add_argument("--yes", action="store_true", help="do not ask")
    apply_parser.add_argument(
        "--allow-replace", action="store_true", help="delete and make anew what cannot be changed"
    )
    apply_parser.add_argument(
        "--lose-messages", action="store_true", help="also delete queues that are not empty"
    )
    parsers["export"].add_argument(
        "--format", choices=("yaml", "json"), help="json: RabbitMQ's definitions (yaml)"
    )
    for name, means in JSON_MEANS.items():
        describe_output(parsers[name], json_means=means)


def run(arguments: argparse.Namespace) -> int:
    actions = {
        "validate": validate,
        "plan": plan,
        "apply": apply_files,
        "diff": diff,
        "export": export,
        "schema": schema,
    }
    try:
        return actions[arguments.action](arguments)
    except (TargetError, NotAPlan) as error:
        raise CommandError(str(error)) from error


def validate(arguments: argparse.Namespace) -> int:
    desired = possible(_read_files(arguments), NEW_BROKER)
    form = _format(arguments, "text")
    if arguments.expand and not desired.has_errors:
        write = writing.as_definitions if arguments.json else writing.as_yaml
        sys.stdout.write(write(desired.state))
        return DONE
    sys.stdout.write(report.FORMATS[form](desired.problems))
    if form == "text" and not desired.has_errors and not arguments.quiet:
        sys.stdout.write(f"valid: {_counted(desired)}{_left_out(desired)}\n")
    return FAILED if desired.has_errors else DONE


def plan(arguments: argparse.Namespace) -> int:
    desired = _read(arguments)
    with _target(arguments) as target:
        _, made = _plan(arguments, desired, target)
    if arguments.out:
        _write(arguments.out, save(made))
    return _show(made, arguments.json)


def diff(arguments: argparse.Namespace) -> int:
    desired = _read(arguments)
    with _target(arguments) as target:
        listed = frozenset(thing.name for thing in desired.state.values() if thing.kind == "vhost")
        management = replace(desired.management, vhosts=listed)
        desired = replace(desired, management=management)
        found, made = plan_for(desired, target.read(), prune=True)
        _warn(arguments, desired, found)
    return _show(made, arguments.json)


def apply_files(arguments: argparse.Namespace) -> int:
    saved = _saved_plan(arguments.files)
    desired = None if saved else _read(arguments)
    with _target(arguments) as target:
        if desired is None:
            assert saved is not None, "one of the two is there"
            to_do = remaining(saved, target.read())
            to_do = to_do if target.user is None else acting_last(to_do, target.user)
        else:
            desired, to_do = _plan(arguments, desired, target)
        if not (arguments.json or arguments.quiet):
            sys.stdout.write(to_do.text())
        if not to_do.is_empty:
            _require_agreement(arguments, to_do)
        optional = () if desired is None else desired.origins
        outcome = apply(
            to_do, target, _agreed(arguments), optional=optional, strict=arguments.strict
        )
    if arguments.json:
        sys.stdout.write(json.dumps(_done(outcome, to_do), indent=1, ensure_ascii=False) + "\n")
    _tell(outcome, to_do, is_quiet=arguments.json or arguments.quiet or to_do.is_empty)
    for step, reason in outcome.left_out:
        assert desired is not None, "a step of a saved plan is not optional"
        print(report.first_line(desired.left_out(step.thing, reason)), file=sys.stderr)
    return FAILED if outcome.left_out else DONE


def export(arguments: argparse.Namespace) -> int:
    write = writing.as_yaml if _format(arguments, "yaml") == "yaml" else writing.as_definitions
    with _target(arguments) as target:
        sys.stdout.write(write(target.read().state))
    return DONE


def schema(arguments: argparse.Namespace) -> int:
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return DONE


def _format(arguments: argparse.Namespace, default: str) -> str:
    """How something is to be written; --json is one way among others."""
    if not arguments.json:
        return arguments.format or default
    if arguments.format not in (None, "json"):
        raise CommandError(f"--json and --format {arguments.format} are two things", USAGE)
    return "json"


# Files


def _read_files(arguments: argparse.Namespace) -> Desired:
    return read_files(arguments.files, vhost=arguments.vhost, strict=arguments.strict)


def _read(arguments: argparse.Namespace) -> Desired:
    desired = _read_files(arguments)
    _warn(arguments, None, desired)
    return desired


def _warn(arguments: argparse.Namespace, before: Desired | None, desired: Desired) -> None:
    """Tell of the problems that were not there before. Raises: CommandError for errors."""
    if desired.has_errors:
        raise CommandError(
            f"the topology cannot be used:\n{report.text(desired.problems).rstrip()}"
        )
    told = set() if before is None else set(before.problems)
    for problem in () if arguments.quiet else desired.problems:
        if problem not in told:
            print(report.first_line(problem), file=sys.stderr)


def _saved_plan(files: Sequence[str]) -> Plan | None:
    """The saved plan, if that is what is to be applied."""
    if len(files) != 1 or not Path(files[0]).is_file():
        return None
    try:
        text = Path(files[0]).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None  # It is reported with all else when it is read as a topology.
    return restore(text) if is_saved_plan(text) else None


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, "utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


def _counted(desired: Desired) -> str:
    counts = Counter(thing.kind for thing in desired.state.values())
    return ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "nothing declared"


def _left_out(desired: Desired) -> str:
    """How much is not taken of definitions."""
    count = sum(problem.left_out for problem in desired.problems)
    return f"; {count} left out" if count else ""


# Plans


def _plan(arguments: argparse.Namespace, desired: Desired, target: Target) -> tuple[Desired, Plan]:
    """What the broker can be made to have, and how. Raises: CommandError."""
    found, made = plan_for(
        desired,
        target.read(),
        prune=arguments.prune,
        reset_passwords=arguments.reset_passwords,
        hashed=target.hash_password,
        user=target.user,
    )
    _warn(arguments, desired, found)
    return found, made


def _show(made: Plan, as_json: bool) -> int:
    sys.stdout.write(save(made) if as_json else made.text())
    return DONE if made.is_empty else CHANGES


def _agreed(arguments: argparse.Namespace) -> set[str]:
    given = {REPLACING: arguments.allow_replace, LOSING: arguments.lose_messages}
    return {need for need, is_given in given.items() if is_given}


def _require_agreement(arguments: argparse.Namespace, to_do: Plan) -> None:
    missing = sorted(AGREEMENTS[need] for need in to_do.needs - _agreed(arguments))
    if missing:
        raise CommandError(f"nothing was done: this plan needs {' and '.join(missing)}")
    if arguments.yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("nothing was done: say --yes to apply it without being asked")
    print(f"{to_do.summary()}. Apply it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was done")


def _done(outcome: Outcome, to_do: Plan) -> dict[str, Any]:
    """What was done, as programs read it."""
    failed = None if outcome.failed is None else saved_step(outcome.failed)
    return {
        "steps": len(to_do),
        "done": [saved_step(step) for step in outcome.done],
        "failed": failed,
        "error": outcome.error,
        "left_out": [saved_step(step) | {"reason": why} for step, why in outcome.left_out],
        "notes": list(to_do.notes),
    }


def _tell(outcome: Outcome, to_do: Plan, is_quiet: bool) -> None:
    if outcome.failed is None:
        if not is_quiet:
            print(f"Done: {len(outcome.done)} of {len(to_do)} steps")
        return
    (line, *_) = outcome.failed.lines()
    raise CommandError(
        f"{len(outcome.done)} of {len(to_do)} steps were done, then this one failed:\n"
        f"{line}\n{outcome.error}"
    )


# The broker


@contextmanager
def _target(arguments: argparse.Namespace) -> Iterator[Target]:
    """The broker, for as long as it takes."""
    opened = _behind(arguments.url) if arguments.url else _in_directory(arguments.data)
    with opened as target:
        yield target


@contextmanager
def _behind(url: str) -> Iterator[Target]:
    """The broker behind a management API."""
    try:
        client = ManagementClient(url, timeout_s=TIMEOUT_S)
    except ManagementError as error:
        raise CommandError(str(error)) from error
    try:
        with explained(url):
            acting = client.ask("GET", "/api/whoami")
        yield OverHttp(_asker(client), acting["name"])
    finally:
        client.close()


def _asker(client: ManagementClient) -> Ask:
    def ask(method: str, target: str, document: Any) -> tuple[int, Any]:
        try:
            return OK, client.ask(method, target, document)
        except ManagementError as error:
            if not error.status:
                raise CommandError(str(error), UNREACHABLE) from error
            return error.status, str(error)

    return ask


@contextmanager
def _in_directory(data: str) -> Iterator[Target]:
    """The broker of a data directory."""
    failures: list[BaseException] = []
    store = _open(data, failures.append)
    try:
        yield InProcess(_recovered(store, data))
    finally:
        store.close()
    if failures:
        raise CommandError(f"what was done is not safe: {failures[0]}")


def _recovered(store: Journal, data: str) -> Broker:
    broker = Broker(store, CODEC)
    broker.ledger.set_time(int(time.time() * 1000))
    try:
        restore_broker(broker, store.recover())
    except (StorageError, OSError) as error:
        raise CommandError(f"cannot read the journal in {data}: {error}") from error
    return broker


def _open(data: str, on_failure: Callable[[BaseException], None]) -> Journal:
    if not Path(data).is_dir():
        raise CommandError(f"there is no data directory {data}")
    try:
        return Journal(data, on_durable=lambda: None, on_failure=on_failure)
    except DirectoryInUse as error:
        raise CommandError(f"{error}; stop the broker first") from error
    except OSError as error:
        raise CommandError(f"cannot use data directory {data}: {error}") from error
