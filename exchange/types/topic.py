"""The topic exchange: routing keys are dotted words, binding keys are patterns of them."""

from collections.abc import Iterable

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.exchange import Exchange
from warrener.exchange.types.trie import Trie


class TopicExchange(Exchange):
    """Bindings in a trie."""

    type = "topic"
    __slots__ = ("_trie",)

    def prepare(self) -> None:
        self._trie = Trie()

    def index(self, binding: Binding) -> None:
        self._trie.add(binding)

    def unindex(self, binding: Binding) -> None:
        self._trie.remove(binding)

    def bucket(self, binding: Binding) -> Bucket:
        return self._trie.bucket(binding.routing_key)

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        for bucket in self._trie.match(routing_key):
            yield from bucket.match(properties, now)
