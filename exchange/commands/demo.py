"""`warrener demo`: the main job of a broker, told as a story. docs/commands.md shows how it ends.

The exit status is 0 only if every step of it held.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from warrener.exchange.commands import DONE, FAILED, main_of
from warrener.exchange.commands.amqp import connected
from warrener.exchange.commands.output import Output, complain, describe_output

if TYPE_CHECKING:
    from rich.console import Console

    from warrener.exchange.demo.client import Connect
    from warrener.exchange.demo.process import Broker

GO_ON = """
To go on:

  {warrener} serve                              a broker; its page is http://127.0.0.1:15672
  {warrener} declare queue hello                in another terminal
  seq 1000 | {warrener} pub -k hello -H n=1
  {warrener} sub hello --limit 3
  {warrener} list queues
  {warrener} top                                watch it
"""
STAYING = """
The broker stays until Ctrl-C:

  page    {http_url}  (guest, guest)
  AMQP    {url}

  export WARRENER_URL={url} WARRENER_API={http_with_login}
  {warrener} list queues
  {warrener} peek demo.money --sql "amount > 400"
  {warrener} top
"""


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", metavar="URL", help="a broker that runs already; it is not killed")
    parser.add_argument(
        "--stay", action="store_true", help="leave the broker running until Ctrl-C, to look at it"
    )
    describe_output(parser)


def run(arguments: argparse.Namespace) -> int:
    from warrener.exchange.demo.own_client import OwnClient

    return run_with(OwnClient, arguments)


def main(connect: Connect) -> int:
    """The same command with another client. Returns its exit status."""
    parser = argparse.ArgumentParser(description="The demo, with a client of others.")
    describe(parser)
    parser.set_defaults(run=lambda arguments: run_with(connect, arguments))
    return main_of(parser, sys.argv[1:])


def run_with(connect: Connect, arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from warrener.exchange.demo.story import tell, tell_of_another

    console = Console(quiet=arguments.json or arguments.quiet)
    if arguments.url:
        with connected(arguments.url, "demo"):
            pass  # It is there, and lets us in.
        told = tell_of_another(connect, console, arguments.url)
    else:
        stay = partial(_stay, console) if arguments.stay else None
        told = tell(connect, console, stay)
    held = all(each.held for each in told)
    if arguments.json:
        document = {"held": held, "steps": [asdict(each) for each in told]}
        Output(arguments).document(document)
    elif not held and arguments.quiet:
        complain(f"{told[-1].step}: {told[-1].error}")
    if held:
        _say_goodbye(console, arguments)
    return DONE if held else FAILED


def _say_goodbye(console: Console, arguments: argparse.Namespace) -> None:
    console.print("\n[bold green]Every step held.[/]")
    if not arguments.stay:
        console.print(
            GO_ON.format(warrener=typed()), end="", markup=False, highlight=False, soft_wrap=True
        )


def typed() -> str:
    """How to type `warrener` here: with its path if its virtual environment is not active."""
    beside = Path(sys.executable).with_name("warrener")
    if shutil.which("warrener") or not beside.exists():
        return "warrener"
    return os.path.relpath(beside)


def _stay(console: Console, broker: Broker) -> None:
    with_login = broker.http_url.replace("://", "://guest:guest@")
    text = STAYING.format(
        url=broker.url,
        http_url=broker.http_url,
        http_with_login=with_login,
        warrener=typed(),
    )
    print(text, file=sys.stderr if console.quiet else sys.stdout, flush=True)
    try:
        broker.wait()
    except KeyboardInterrupt:
        return
