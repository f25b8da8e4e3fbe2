"""The text limit: how long a text may be that a selector searches.

`LIKE '%a%'` and `CONTAINS 'a'` look for something all over a text. What that costs grows with the
text and with all that is looked for, and a client chooses both: two hundred patterns on a header of
128 KiB. So the product has a limit. A selector that looks for little may have long texts, one that
looks for much shorter ones, and beyond its text limit such a condition is UNKNOWN. Patterns whose
place is fixed (`LIKE 'a%'`) have no limit.

What is looked for counts for its symbols, at least PART_SYMBOLS_MIN. The longest texts, for

    1 pattern  %abc%      262,144 characters, twice what the headers of a message have
    20         %abc%       13,107
    190        %a_b12%      1,379
"""

from warrener.exchange.filters import nodes
from warrener.exchange.filters.pattern import searched_lengths

SEARCH_MAX = 1 << 22
"""Symbols that a selector looks for, times the characters of the text: below a millisecond."""
PART_SYMBOLS_MIN = 16
"""Finding two characters takes as long as finding sixteen."""


def text_limit(condition: nodes.Node | None) -> int:
    """How many characters a text may have that a condition searches."""
    return SEARCH_MAX // max(1, _searched(condition))


def _searched(condition: nodes.Node | None) -> int:
    """How many symbols a condition looks for, all its parts together."""
    searched = 0
    unread = [] if condition is None else [condition]
    while unread:
        node = unread.pop()
        unread += nodes.children(node)
        if isinstance(node, nodes.Like):
            searched += sum(map(_counted, searched_lengths(node.pattern, node.escape)))
        elif isinstance(node, nodes.TextMatch) and node.operator == "CONTAINS":
            searched += _counted(len(node.text))
    return searched


def _counted(symbols: int) -> int:
    return max(symbols, PART_SYMBOLS_MIN)
