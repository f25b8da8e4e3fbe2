"""`warrener top`: watch a broker. docs/monitor.md shows what it looks like."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from warrener.exchange.commands import DONE, UNREACHABLE, USAGE, CommandError
from warrener.exchange.commands.api import client, describe_url, explained, without_password
from warrener.exchange.commands.output import describe_output

if TYPE_CHECKING:
    from warrener.exchange.monitor.program import Observation
    from warrener.exchange.monitor.state import State

VIEW_NAMES = ("queues", "connections", "channels", "exchanges", "consumers", "filters", "events")
INTERVAL_S_MIN = 0.1
TIMEOUT_S = 10
LISTENER_TIMEOUT_S = 60
"""A broker that has nothing to tell says so every 15 seconds."""
PLAIN_WIDTH = 120


def describe(parser: argparse.ArgumentParser) -> None:
    describe_url(parser)
    parser.add_argument("--view", choices=VIEW_NAMES, default="queues", help="begin with this one")
    parser.add_argument("--vhost", "-V", default="", metavar="NAME", help="only this virtual host")
    parser.add_argument(
        "--filter",
        default="",
        metavar="TEXT",
        help="only rows with this text or expression; !TEXT for others",
    )
    parser.add_argument(
        "--interval", "-d", type=float, default=1.0, metavar="S", help="seconds between looks (1)"
    )
    parser.add_argument("--once", action="store_true", help="print one picture and end")
    parser.add_argument(
        "--count", type=int, metavar="N", help="with --once or --json: look so many times"
    )
    parser.add_argument(
        "--read-only",
        action=argparse.BooleanOptionalAction,
        help="no key changes anything (default: if the user's tags are for watching only)",
    )
    describe_output(parser, json_means="print a document for each look")


def run(arguments: argparse.Namespace) -> int:
    if not INTERVAL_S_MIN <= arguments.interval < float("inf"):
        raise CommandError(f"--interval has to be at least {INTERVAL_S_MIN} seconds", USAGE)
    if arguments.count is not None and arguments.count < 1:
        raise CommandError("--count has to be at least 1", USAGE)
    import trio

    return trio.run(watch, arguments)


async def watch(arguments: argparse.Namespace) -> int:
    from warrener.exchange.monitor.program import Observation
    from warrener.exchange.monitor.rights import why_read_only
    from warrener.exchange.monitor.source import ApiSource, fetch
    from warrener.exchange.monitor.state import State

    listener = client(arguments.url, LISTENER_TIMEOUT_S)
    observation = Observation(ApiSource(client(arguments.url, TIMEOUT_S), listener))
    state = State(
        view=arguments.view,
        vhost=arguments.vhost,
        filter=arguments.filter,
        interval_s=arguments.interval,
        read_only="started with --read-only" if arguments.read_only else "",
    )
    with explained(arguments.url):
        await observation.update(state)
    if not isinstance(observation.documents["overview"], dict):
        where = without_password(arguments.url)
        raise CommandError(f"what listens at {where} is no management API", UNREACHABLE)
    if arguments.once or arguments.json or arguments.count or not _is_interactive():
        await _print(observation, state, arguments)
    else:
        if arguments.read_only is None:
            whoami = (await fetch(observation.source, {"whoami": "/api/whoami"}))["whoami"]
            state = replace(state, read_only=why_read_only(whoami))
        await _show(observation, state, arguments.url)
    return DONE


def _is_interactive() -> bool:
    """Whether there is a terminal on which one can draw."""
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return has_terminal and os.environ.get("TERM", "dumb") != "dumb"


async def _print(observation: Observation, state: State, arguments: argparse.Namespace) -> None:
    """Print pictures or documents, as many as were asked for."""
    import trio

    for left in range(arguments.count or 1, 0, -1):
        if arguments.json:
            _print_document(observation, state)
        else:
            _print_picture(observation, state, arguments)
        if left > 1:
            await trio.sleep(arguments.interval)
            with explained(arguments.url):
                await observation.update(state)


def _print_document(observation: Observation, state: State) -> None:
    """One line: what the API says, and the rows of the view."""
    snapshot = observation.snapshot
    assert snapshot is not None
    document = {
        "overview": observation.documents["overview"],
        "nodes": observation.documents["nodes"],
        "view": state.view,
        "rows": list(snapshot.rows),
    }
    print(json.dumps(document, ensure_ascii=False), flush=True)


def _print_picture(observation: Observation, state: State, arguments: argparse.Namespace) -> None:
    from rich.console import Console, Group

    from warrener.exchange.monitor.picture import Picture
    from warrener.exchange.monitor.screen import body, screen

    assert observation.snapshot is not None
    console = Console(highlight=False)
    width = console.width if sys.stdout.isatty() or "COLUMNS" in os.environ else PLAIN_WIDTH
    console = Console(highlight=False, width=width)
    events = tuple(observation.events.rows)
    picture = Picture(state, observation.snapshot, observation.history, width, events=events)
    console.print(Group(*body(picture, None)) if arguments.quiet else screen(picture))
    sys.stdout.flush()


async def _show(observation: Observation, state: State, url: str) -> None:
    import webbrowser

    from warrener.exchange.monitor.program import Program, Surroundings
    from warrener.exchange.monitor.terminal import Terminal

    has_display = bool(os.environ.get("DISPLAY") or sys.platform == "darwin")
    browse = webbrowser.open if has_display else (lambda address: False)
    surroundings = Surroundings(without_password(url), browse)
    await Program(observation, Terminal(), state, surroundings).run()
