"""`warrener help`: what there is, what a command takes, and the names that rabbitmqctl has."""

from __future__ import annotations

import argparse

from warrener.exchange.commands import COMMANDS, DONE, USAGE, CommandError, main
from warrener.exchange.commands.aliases import ALIASES, usage
from warrener.exchange.commands.output import Output, describe_output

TOPIC = "aliases"


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", nargs="?", metavar="COMMAND", help=f"a command, or {TOPIC}")
    describe_output(parser, lists=True)


def run(arguments: argparse.Namespace) -> int:
    output = Output(arguments)
    if arguments.topic == TOPIC:
        rows = [{"alias": usage(name), "command": each.meaning} for name, each in ALIASES.items()]
        output.rows(rows, ("alias", "command"))
    elif output.is_document:
        output.document(COMMANDS)
    elif arguments.topic is None:
        return main(["--help"])
    elif arguments.topic in COMMANDS or arguments.topic in ALIASES:
        return main([arguments.topic, "--help"])
    else:
        raise CommandError(f"there is no command {arguments.topic}: see warrener help", USAGE)
    return DONE
