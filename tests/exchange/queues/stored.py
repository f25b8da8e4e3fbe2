"""What of a queue the store holds."""

from warrener.exchange.queues.ready import Ready
from warrener.exchange.queues.selection import Selection
from warrener.exchange.queues.waiting import position_of


def stored_positions(ready: Ready | Selection) -> list[int]:
    """Where the store holds messages that wait, in their order."""
    if isinstance(ready, Ready):
        entries = [queued.entry for queued in ready.waiting_from(0, len(ready))]
    else:
        entries = [ready.waiting[place] for place in ready.waiting.places_from(0)]
    return [position for position in map(position_of, entries) if position]
