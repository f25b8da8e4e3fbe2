"""`warrener filter test`: try a filter on a message made up on the command line."""

from __future__ import annotations

import argparse
import time

from warrener.exchange.commands import CommandError
from warrener.exchange.commands.output import Output, describe_output
from warrener.exchange.filters.errors import FilterSyntaxError
from warrener.exchange.filters.trial import TrialError, sample, try_filter

MATCHES = 0
DOES_NOT_MATCH = 1


def describe(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    test = actions.add_parser(
        "test",
        help="say whether a message matches",
        description="Say whether a message matches. The exit status is 0 if it does, 1 if not.",
    )
    test.add_argument("sql", nargs="?", metavar="SQL", help="a selector: \"region = 'EU'\"")
    test.add_argument("--tags", help="a tag filter: 'TagA || TagB'")
    test.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME[:TYPE]=VALUE",
        help="a header of the message; may be repeated",
    )
    test.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a property of the message, as priority=5; may be repeated",
    )
    test.add_argument("--redelivered", action="store_true", help="it was delivered before")
    test.add_argument(
        "--explain", action="store_true", help="show the value of each part of the expression"
    )
    describe_output(test)


def run(arguments: argparse.Namespace) -> int:
    try:
        trial = try_filter(
            arguments.sql,
            arguments.tags,
            sample(arguments.header, arguments.property),
            redelivered=arguments.redelivered,
            now=int(time.time() * 1000),
            explained=arguments.explain,
        )
    except FilterSyntaxError as error:
        raise CommandError(f"no valid filter: {error.reason}\n{error.line}", status=2) from error
    except TrialError as error:
        raise CommandError(str(error), status=2) from error
    output = Output(arguments)
    if output.is_document:
        steps = [
            {"depth": each.depth, "text": each.text, "value": each.value_text}
            for each in trial.steps
        ]
        output.document({"matches": trial.matches, "steps": steps})
    elif not arguments.quiet:
        print(trial.text)
    return MATCHES if trial.matches else DOES_NOT_MATCH
