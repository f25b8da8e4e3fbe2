"""Aliases: commands by the names that rabbitmqctl has for them.

Each is a line of our own commands with words to fill in, so there is nothing that only an alias can
do, and output and exit status are those of the command. A word that was not given leaves out what
it stands in. They are not in the main help; `warrener help aliases` lists them.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VHOST = "/"
"""What rabbitmqctl takes where none is said."""
SEVERAL = "..."
AS_OURS = ("--url", "--output")


@dataclass(frozen=True, slots=True)
class Alias:
    """One of them."""

    takes: tuple[str, ...]
    """Words after it: NAME, [NAME] for one that may be left out, [NAME...] for any number."""
    command: str
    """What it stands for, with the words in it; after a bar what one that is not given is."""
    in_vhost: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    """Further options with a value, and what they are called here."""
    flags: Mapping[str, str] = field(default_factory=dict)

    @property
    def meaning(self) -> str:
        """Our command as one would spell it."""
        return "warrener " + re.sub(r"\|\S*", "", self.command)


def _listed(kind: str, in_vhost: bool = False) -> Alias:
    return Alias(("[COLUMN...]",), f"list {kind} --columns=COLUMN", in_vhost)


IF_THERE = {"--if-empty": "--if-empty", "-e": "--if-empty"}
IF_THERE |= {"--if-unused": "--if-unused", "-u": "--if-unused"}

ALIASES: dict[str, Alias] = {
    "list_queues": _listed("queues", True),
    "list_exchanges": _listed("exchanges", True),
    "list_bindings": _listed("bindings", True),
    "list_connections": _listed("connections"),
    "list_channels": _listed("channels"),
    "list_consumers": _listed("consumers", True),
    "list_users": _listed("users"),
    "list_vhosts": _listed("vhosts"),
    "list_permissions": _listed("permissions", True),
    "list_policies": _listed("policies", True),
    "add_user": Alias(("USER", "[PASSWORD]"), "declare user USER --new --password=PASSWORD"),
    "delete_user": Alias(("USER",), "delete user USER --yes"),
    "change_password": Alias(("USER", "[PASSWORD]"), "change user USER --password=PASSWORD|-"),
    "set_user_tags": Alias(("USER", "[TAG...]"), "change user USER --tags=TAG|"),
    "set_permissions": Alias(
        ("USER", "CONFIGURE", "WRITE", "READ"),
        "declare permission USER --configure=CONFIGURE --write=WRITE --read=READ",
        in_vhost=True,
    ),
    "clear_permissions": Alias(("USER",), "delete permission USER --yes", in_vhost=True),
    "add_vhost": Alias(
        ("VHOST",), "declare vhost VHOST", options={"--description": "--description"}
    ),
    "delete_vhost": Alias(("VHOST",), "delete vhost VHOST --yes"),
    "set_policy": Alias(
        ("NAME", "PATTERN", "DEFINITION"),
        "declare policy NAME --pattern=PATTERN --definition=DEFINITION",
        in_vhost=True,
        options={"--priority": "--priority", "--apply-to": "--apply-to"},
    ),
    "clear_policy": Alias(("NAME",), "delete policy NAME --yes", in_vhost=True),
    "purge_queue": Alias(("QUEUE",), "purge QUEUE --yes", in_vhost=True),
    "delete_queue": Alias(("QUEUE",), "delete queue QUEUE --yes", in_vhost=True, flags=IF_THERE),
    "close_connection": Alias(("NAME", "[REASON]"), "delete connection NAME --reason=REASON --yes"),
    "export_definitions": Alias(("[FILE]",), "definitions export FILE"),
    "import_definitions": Alias(("[FILE]",), "definitions import FILE"),
    "status": Alias((), "health"),
    "ping": Alias((), "health --ping"),
    "await_startup": Alias((), "health --ping --wait=300", options={"--timeout": "--wait"}),
}

COLUMN_NAMES = {
    "source_name": "source",
    "destination_name": "destination",
    "destination_kind": "destination_type",
    "pid": "name",
}
"""Columns that rabbitmqctl and the management API call differently."""


def usage(name: str) -> str:
    """An alias with the words and options it takes."""
    alias = ALIASES[name]
    vhost = ["[-p VHOST]"] if alias.in_vhost else []
    options = [f"[{option} ...]" for option in alias.options]
    flags = [f"[{flag}]" for flag in alias.flags if flag.startswith("--")]
    return " ".join((name, *vhost, *options, *flags, *alias.takes))


def options_after(name: str) -> list[str]:
    """The options that may follow an alias and that are no other command's."""
    alias = ALIASES[name]
    vhost = ["-p"] if alias.in_vhost else []
    return [*vhost, *alias.options, *(flag for flag in alias.flags if flag.startswith("--"))]


def command_words(name: str) -> list[str]:
    """The words of the command that an alias stands for, as far as they are always the same."""
    words = ALIASES[name].command.split()
    return [word for word in words if word.islower() and not word.startswith("-")]


def spelled_out(argv: list[str]) -> list[str]:
    """The command line that one with an alias stands for."""
    name, *words = argv
    alias = ALIASES[name]
    given, ours = _parser(name, alias).parse_known_intermixed_args(words)
    spelled: list[str] = []
    for word in alias.command.split():
        spelled += _filled(word, alias, given)
    if alias.in_vhost:
        spelled += ["--vhost", given.vhost]
    for option in dict.fromkeys((*AS_OURS, *alias.options.values(), *alias.flags.values())):
        spelled += _passed_on(option, getattr(given, _place(option), None))
    return spelled + (["--quiet"] if given.silent else []) + ours


def _parser(name: str, alias: Alias) -> argparse.ArgumentParser:
    """Knows what is only spelled so at rabbitmqctl; the rest is what our commands take."""
    parser = argparse.ArgumentParser(
        prog=f"warrener {name}",
        usage=f"warrener {usage(name)}",
        description=f"The same as: {alias.meaning}",
        allow_abbrev=False,
    )
    for word in alias.takes:
        is_needed = not word.startswith("[")
        parser.add_argument(
            _name(word), nargs=None if is_needed else "*" if SEVERAL in word else "?"
        )
    if alias.in_vhost:
        parser.add_argument("-p", "--vhost", "-V", default=VHOST, help="virtual host (/)")
    for option, ours in alias.options.items():
        parser.add_argument(option, dest=_place(ours))
    for flag, ours in alias.flags.items():
        parser.add_argument(flag, dest=_place(ours), action="store_true")
    # Its quiet leaves out what we never print; its silent is our quiet.
    parser.add_argument("-q", "--quiet", action="store_true", help="nothing but the answer")
    parser.add_argument(
        "-s", "--silent", "--no-table-headers", action="store_true", help="no names of columns"
    )
    for option in AS_OURS:
        parser.add_argument(option, help="as of our command")
    parser.add_argument("--formatter", dest="output", help="the same as --output")
    return parser


def _name(word: str) -> str:
    return word.strip("[].")


def _place(option: str) -> str:
    return option.lstrip("-").replace("-", "_")


def _passed_on(option: str, value: Any) -> list[str]:
    if value is None or value is False:
        return []
    return [option] if value is True else [f"{option}={value}"]


def _filled(word: str, alias: Alias, given: argparse.Namespace) -> list[str]:
    """A word of the command with what was given; nothing if that was not."""
    option, equals, place = word.rpartition("=")
    place, bar, otherwise = place.partition("|")
    if place not in {_name(each) for each in alias.takes}:
        return [word]
    value = getattr(given, place)
    if isinstance(value, list):
        is_list = alias.command.startswith("list ")
        words = [str(each) for each in value]
        value = ",".join(COLUMN_NAMES.get(each, each) if is_list else each for each in words)
        value = value or None
    if value is None:
        return [f"{option}={otherwise}"] if bar else []
    return [f"{option}={value}"] if equals else [value]
