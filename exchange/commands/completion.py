"""`warrener completion`: a script that completes commands in a shell.

The script has the names of commands, which come from the table of commands; those that rabbitmqctl
has are offered once a letter is typed, for they are many. Whatever follows it
asks of this program (`completion words`), which knows the options that it has now: they cannot
become wrong, and cost what the one command takes to be loaded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from warrener.exchange.commands import COMMANDS, DONE
from warrener.exchange.commands.aliases import ALIASES, command_words, options_after
from warrener.exchange.commands.output import Output, describe_output

BASH = """\
_warrener() {
    local words
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="%(commands)s"
        [ -z "${COMP_WORDS[COMP_CWORD]}" ] || words="$words %(aliases)s"
    else
        words="$(warrener completion words -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)"
    fi
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
    [ ${#COMPREPLY[@]} -gt 0 ] || compopt -o default 2>/dev/null
}
complete -F _warrener warrener
"""
ZSH = """\
#compdef warrener
_warrener() {
    local -a found
    if (( CURRENT == 2 )); then
        found=(%(described)s)
        _describe command found
        if [[ -n ${words[CURRENT]} ]]; then
            found=(%(aliases)s)
            compadd -a found
        fi
    else
        found=(${(f)"$(warrener completion words -- ${words[2,CURRENT-1]} 2>/dev/null)"})
        (( ${#found} )) && compadd -a found || _files
    fi
}
if [[ ${funcstack[1]} == _warrener ]]; then
    _warrener
else
    compdef _warrener warrener
fi
"""
FISH = """\
complete -c warrener -n __fish_use_subcommand -f -a '%(commands)s'
complete -c warrener -n '__fish_use_subcommand; and string length -q -- (commandline -ct)' \
-f -a '%(aliases)s'
complete -c warrener -n 'not __fish_use_subcommand' \
-a '(warrener completion words -- (commandline -opc)[2..] 2>/dev/null)'
"""
SHELLS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=(*SHELLS, "words"), help="bash, zsh or fish")
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    describe_output(parser)


def run(arguments: argparse.Namespace) -> int:
    output = Output(arguments)
    if arguments.shell == "words":
        words = words_after(arguments.words)
        if output.is_document:
            output.document(words)
        else:
            print("\n".join(words))
        return DONE
    described = "\n".join(f"        '{name}:{text}'" for name, text in COMMANDS.items())
    script = SHELLS[arguments.shell]
    fields = {
        "commands": " ".join(COMMANDS),
        "aliases": " ".join(ALIASES),
        "described": f"\n{described}\n    ",
    }
    if output.is_document:
        output.document({"shell": arguments.shell, "script": script % fields})
    else:
        sys.stdout.write(script % fields)
    return DONE


def words_after(words: list[str]) -> list[str]:
    """What may follow words of a command line; nothing for a command that is none."""
    if words and words[0] in ALIASES:
        ours = words_after(command_words(words[0]))
        return [*options_after(words[0]), *(word for word in ours if word.startswith("--"))]
    if not words or words[0] not in COMMANDS:
        return []
    parser = argparse.ArgumentParser(prog="warrener")
    import_module(f"warrener.exchange.commands.{words[0]}").describe(parser)
    for word in words[1:]:
        parser = _below(parser, word) or parser
    return list(_words(parser._actions))


def _below(parser: argparse.ArgumentParser, word: str) -> argparse.ArgumentParser | None:
    """The parser of an action of a command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found: Any = action.choices.get(word)
            return found if isinstance(found, argparse.ArgumentParser) else None
    return None


def _words(actions: Iterable[argparse.Action]) -> Iterable[str]:
    for action in actions:
        yield from (option for option in action.option_strings if option.startswith("--"))
        if not action.option_strings and action.choices:
            yield from map(str, action.choices)
