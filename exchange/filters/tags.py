"""RocketMQ's tag filter: `TagA || TagB` over the header TAGS.

The tags are separated by `||`, spaces around them do not count, and neither do empty ones. `*`,
alone or among others, and no tag at all select every message. A message has one tag, which is
compared as it is; without the header it has none and is selected only by `*`.

A tag filter is the condition `TAGS IN (...)`, so it is compiled, indexed and explained like any
other.
"""

from warrener.exchange.filters import nodes
from warrener.exchange.filters.errors import FilterSyntaxError

TAG_HEADER = "TAGS"
TAGS_CHARS_MAX = 4096
EVERY_TAG = "*"


def parse_tags(text: str) -> nodes.Selector:
    """The selector that a tag filter stands for.

    Raises:
        FilterSyntaxError: it is too long.
    """
    if len(text) > TAGS_CHARS_MAX:
        expected = f"at most {TAGS_CHARS_MAX} characters"
        raise FilterSyntaxError(text, TAGS_CHARS_MAX, expected, f"{len(text)}")
    tags = [tag for each in text.split("||") if (tag := each.strip())]
    if not tags or EVERY_TAG in tags:
        return nodes.Selector(None)
    choices = tuple(nodes.Literal(tag) for tag in dict.fromkeys(tags))
    return nodes.Selector(nodes.In(nodes.Identifier(TAG_HEADER), choices))
