"""Messages that know how often a filter looked at them: `watched_message`."""

from collections.abc import Mapping
from typing import Any

from tests.exchange.messages import Properties, make_message
from warrener.exchange.message import Envelope, Message


class WatchedProperties(Properties):
    """Properties that count in `looks` how often their headers are asked for."""

    def __init__(self, headers: Mapping[str, Any]) -> None:
        super().__init__(headers=headers)
        self.__dict__["looks"] = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "headers":
            self.__dict__["looks"] += 1
        return super().__getattribute__(name)


def watched_message(body: bytes, headers: Mapping[str, Any]) -> Message:
    message = make_message(body, headers=headers, envelope=Envelope("", "q"))
    message.properties = WatchedProperties(headers)
    return message
