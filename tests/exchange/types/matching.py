"""Exchanges bound by hand: what a type matches, without a broker around it."""

from collections.abc import Mapping
from typing import Any

from tests.exchange.messages import Properties
from warrener.exchange.binding import Binding
from warrener.exchange.types import Exchange


class Matching:
    """An exchange whose destinations are called by name."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def binding(self, name: str, key: str = "", arguments: Mapping[str, Any] | None = None) -> Any:
        return Binding(self.exchange, name, key, arguments or {})  # type: ignore[arg-type]

    def bind(self, name: str, key: str = "", **arguments: Any) -> bool:
        return self.exchange.bind(self.binding(name, key, _dashed(arguments)))

    def unbind(self, name: str, key: str = "", **arguments: Any) -> bool:
        return self.exchange.unbind(self.binding(name, key, _dashed(arguments))) is not None

    def match(self, key: str = "", **headers: Any) -> list[str]:
        """The names a message goes to, sorted, as often as they come up."""
        found = self.exchange.match(key, Properties(headers=_dashed(headers) or None), 0)
        return sorted(str(binding.destination) for binding in found)


def _dashed(words: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in words.items()}
