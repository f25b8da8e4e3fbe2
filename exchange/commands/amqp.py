"""AMQP as commands reach it: where the broker is, and what to say if it cannot be used."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from warrener.exchange.commands import FAILED, NO_PERMISSION, UNREACHABLE, USAGE, CommandError

if TYPE_CHECKING:
    from warrener.exchange.client import Connection

URL = "amqp://guest:guest@127.0.0.1:5672/"
VARIABLE = "WARRENER_URL"
ACCESS_REFUSED = 403


def describe_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        default=os.environ.get(VARIABLE) or URL,
        metavar="URL",
        help=f"the broker (default: {VARIABLE} of the environment, or {URL})",
    )


def describe_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sql", metavar="SQL", help="only those that this selector matches")
    parser.add_argument("--tags", metavar="TAGS", help="only those with these tags")


def filter_arguments(arguments: argparse.Namespace) -> dict[str, str]:
    """The filters of `--sql` and `--tags` as arguments of a binding or a consumer."""
    filters = {"x-filter-jms-selector": arguments.sql, "x-filter-tags": arguments.tags}
    return {name: text for name, text in filters.items() if text is not None}


@contextmanager
def connected(url: str, name: str) -> Iterator[Connection]:
    """A connection; what goes wrong with it, or on it, is told so that one can act on it.

    Raises: CommandError.
    """
    from warrener.exchange.client import ClientError, Closed, LoginRefused, Unreachable, connect

    try:
        with connect(url, name=f"warrener {name}") as connection:
            yield connection
    except Unreachable as error:
        from warrener.exchange.commands.advice import advice

        raise CommandError(
            f"no broker to talk to at {error}\n{advice(error, 'amqp', VARIABLE)}", UNREACHABLE
        ) from error
    except LoginRefused as error:
        raise CommandError(
            f"not let in by {error}\n"
            f"user, password and virtual host are in the URL: --url, or {VARIABLE}",
            NO_PERMISSION,
        ) from error
    except Closed as error:
        status = NO_PERMISSION if error.code == ACCESS_REFUSED else FAILED
        raise CommandError(f"refused: {error}", status) from error
    except ClientError as error:
        raise CommandError(str(error), USAGE) from error
