"""The management API as commands reach it: where it is, and what to say if it cannot be used."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from warrener.exchange.commands import FAILED, NO_PERMISSION, UNREACHABLE, USAGE, CommandError

if TYPE_CHECKING:
    from warrener.exchange.management.client import ManagementClient, ManagementError

URL = "http://guest:guest@127.0.0.1:15672"
VARIABLE = "WARRENER_API"
DENIED = (401, 403)
LOGIN_FAILED = ("Login failed", "Not_Authorized", "localhost")
"""What is said of who could not log in, by us and by RabbitMQ. All else of 401 is about rights."""
NOT_FOUND = 404
UNWELL = 503
NOT_AN_API = (400, 404, 405)
"""What another program says to our requests, without the reason that an API gives; and RabbitMQ to
those below /api/x/."""


class OnlyHere(CommandError):
    """The broker is another one, and does not have what was asked for."""


def describe_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        default=os.environ.get(VARIABLE) or URL,
        metavar="URL",
        help=f"the management API (default: {VARIABLE} of the environment, or {URL})",
    )


def describe_vhost(parser: argparse.ArgumentParser, default: str | None = "/") -> None:
    shown = "all of them" if default is None else default
    parser.add_argument(
        "--vhost", "-V", default=default, metavar="NAME", help=f"virtual host (default: {shown})"
    )


def segment(name: str) -> str:
    """A name as a segment of a path."""
    return quote(name, safe="")


def without_password(url: str) -> str:
    """A URL as it may be shown."""
    parts = urlsplit(url)
    if not parts.netloc:
        # Whatever this is, it may have one.
        return url.rpartition("@")[2]
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def client(url: str, timeout_s: float = 30) -> ManagementClient:
    """A client for a URL. Raises: CommandError."""
    from warrener.exchange.management.client import ManagementClient, ManagementError

    try:
        return ManagementClient(url, timeout_s=timeout_s)
    except ManagementError as error:
        raise CommandError(
            f"no URL of a management API: {without_password(url)}\n"
            f"write it like {URL}, in --url or {VARIABLE}",
            USAGE,
        ) from error


@contextmanager
def explained(url: str, what: str = "") -> Iterator[None]:
    """What goes wrong with the API is told so that one can act on it. Raises: CommandError."""
    from warrener.exchange.management.client import ManagementError

    try:
        yield
    except ManagementError as error:
        if what and error.status == NOT_FOUND:
            raise CommandError(f"there is no {what}") from error
        raise explanation(url, error) from error


def explanation(url: str, error: ManagementError) -> CommandError:
    shown = without_password(url)
    if not error.status:
        from warrener.exchange.commands.advice import advice

        return CommandError(
            f"no broker answers at {shown}: {_reason(error)}\n{advice(error, 'http', VARIABLE)}",
            UNREACHABLE,
        )
    if error.status == 401 and any(each in str(error) for each in LOGIN_FAILED):
        return CommandError(
            f"{shown} does not take this user and password\n"
            f"give them in the URL: --url http://USER:PASSWORD@HOST:15672, or {VARIABLE}",
            NO_PERMISSION,
        )
    if _is_without_reason(error):
        return CommandError(f"what listens at {shown} is no management API", UNREACHABLE)
    if error.status in DENIED:
        return CommandError(f"not allowed: {error}", NO_PERMISSION)
    return CommandError(f"refused: {_said(error)}", FAILED)


def _is_without_reason(error: ManagementError) -> bool:
    return error.status in NOT_AN_API and str(error).endswith(f": {error.status} ")


def _said(error: ManagementError) -> str:
    """What the API gives as its reason, without the request that it is about."""
    return str(error).partition(f": {error.status} ")[2].strip() or str(error)


def _reason(error: ManagementError) -> str:
    """What the system says, without its number."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(error).rpartition(": ")[2]


class Api:
    """Requests of a command; every failure is a CommandError."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = client(url)

    def ask(
        self,
        method: str,
        target: str,
        document: Any = None,
        what: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Returns the document in the answer; `what` is what is missing if it is not there."""
        with explained(self._url, what):
            return self._client.ask(method, target, document, headers)

    def exists(self, target: str) -> bool:
        from warrener.exchange.management.client import ManagementError

        with explained(self._url):
            try:
                self._client.ask("GET", target)
            except ManagementError as error:
                if error.status != NOT_FOUND:
                    raise
                return False
        return True

    def ours(self, method: str, target: str, document: Any = None, what: str = "") -> Any:
        """Like `ask`, for what only Warrener has. Raises: OnlyHere.

        Without `what`, because all that it is about is there, what is not found is the target.
        """
        from warrener.exchange.management.client import ManagementError

        with explained(self._url, what):
            try:
                return self._client.ask(method, target, document)
            except ManagementError as error:
                is_missing = not what and error.status == NOT_FOUND
                if not (is_missing or _is_without_reason(error)):
                    raise
        raise OnlyHere("this broker cannot do that: only Warrener can")

    def check(self, target: str) -> str:
        """A health check: why it has failed, nothing if all is well."""
        from warrener.exchange.management.client import ManagementError

        with explained(self._url):
            try:
                self._client.ask("GET", target)
            except ManagementError as error:
                if error.status != UNWELL:
                    raise
                return str(error).partition(f" {UNWELL} ")[2] or "failed"
        return ""

    def get(self, target: str, what: str = "") -> Any:
        """A document, which must be one: something else may listen on the port."""
        found = self.ask("GET", target, what=what)
        if not isinstance(found, dict | list):
            raise CommandError(
                f"what listens at {without_password(self._url)} is no management API", UNREACHABLE
            )
        return found
