"""Sets of characters: what stands for one character of a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Kind = Callable[[str], bool]


def is_word(character: str) -> bool:
    """Whether it is a letter, a digit or `_`, in any script."""
    return character == "_" or character.isalnum()


KINDS: dict[str, Kind] = {"d": str.isdecimal, "s": str.isspace, "w": is_word}
"""By the letter of the escape; the capital letter stands for all others."""


class CharacterSet:
    """Ranges of characters and kinds of them, or all the others.

    A negated kind within a set (`[^\\W_]`) is a kind of its own, made by `opposite`.
    """

    __slots__ = ("_case_matters", "_kinds", "_negated", "_ranges")

    def __init__(
        self,
        ranges: Sequence[tuple[str, str]] = (),
        kinds: Sequence[Kind] = (),
        *,
        negated: bool = False,
        case_matters: bool = True,
    ) -> None:
        self._ranges = ranges
        self._kinds = kinds
        self._negated = negated
        self._case_matters = case_matters

    def __contains__(self, character: str) -> bool:
        if self._case_matters:
            return self._has(character) is not self._negated
        forms = (character, character.lower(), character.upper())
        return any(self._has(form) for form in forms) is not self._negated

    def _has(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self._ranges) or any(
            kind(character) for kind in self._kinds
        )


def kind_of(letter: str) -> Kind:
    """The kind that the escape with this letter stands for."""
    kind = KINDS[letter.lower()]
    return kind if letter.islower() else opposite(kind)


def opposite(kind: Kind) -> Kind:
    return lambda character: not kind(character)


ANY = CharacterSet(negated=True)
