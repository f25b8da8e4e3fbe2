"""The exchange types, by the name a client declares them with."""

from warrener.exchange.types.consistent_hash import ConsistentHashExchange
from warrener.exchange.types.deduplication import DeduplicationExchange
from warrener.exchange.types.default import DefaultExchange
from warrener.exchange.types.delayed import DelayedExchange
from warrener.exchange.types.direct import DirectExchange
from warrener.exchange.types.exchange import Exchange
from warrener.exchange.types.fanout import FanoutExchange
from warrener.exchange.types.headers import HeadersExchange
from warrener.exchange.types.local_random import LocalRandomExchange
from warrener.exchange.types.modulus_hash import ModulusHashExchange
from warrener.exchange.types.random import RandomExchange
from warrener.exchange.types.recent_history import RecentHistoryExchange
from warrener.exchange.types.topic import TopicExchange

__all__ = ["TYPES", "DefaultExchange", "Exchange", "register"]

TYPES: dict[str, type[Exchange]] = {
    "direct": DirectExchange,
    "fanout": FanoutExchange,
    "headers": HeadersExchange,
    "topic": TopicExchange,
    "x-consistent-hash": ConsistentHashExchange,
    "x-delayed-message": DelayedExchange,
    "x-message-deduplication": DeduplicationExchange,
    "x-local-random": LocalRandomExchange,
    "x-modulus-hash": ModulusHashExchange,
    "x-random": RandomExchange,
    "x-recent-history": RecentHistoryExchange,
}


def register(exchange_type: type[Exchange]) -> None:
    """Make a further exchange type declarable under its `type` name."""
    TYPES[exchange_type.type] = exchange_type
