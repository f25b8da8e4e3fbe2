"""The topic exchange: routing keys are dotted words, binding keys are patterns of them."""

from collections.abc import Iterable, Iterator

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.automaton import Automaton
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.exchange import Exchange
from warrener.exchange.types.pattern import is_selective, pattern_words, split_words
from warrener.exchange.types.trie import Trie


class TopicExchange(Exchange):
    """Bindings in a trie; those with many wildcards in an automaton."""

    type = "topic"
    __slots__ = ("_automaton", "_trie")

    def prepare(self) -> None:
        self._trie = Trie()
        self._automaton = Automaton()

    def index(self, binding: Binding) -> None:
        self.bucket(binding).add(binding)

    def unindex(self, binding: Binding) -> None:
        words = pattern_words(binding.routing_key)
        place = self._place(words)
        bucket = place.bucket(words)
        bucket.remove(binding)
        if not bucket:
            place.discard(words)

    def bucket(self, binding: Binding) -> Bucket:
        words = pattern_words(binding.routing_key)
        return self._place(words).bucket(words)

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        for bucket in self._buckets(routing_key):
            yield from bucket.match(properties, now)

    def _buckets(self, routing_key: str) -> Iterator[Bucket]:
        words = split_words(routing_key)
        yield from self._trie.match(words)
        if len(self._automaton):
            yield from self._automaton.match(words)

    def _place(self, words: tuple[str, ...]) -> Trie | Automaton:
        return self._trie if is_selective(words) else self._automaton
