"""Groups: messages that are worked on in order, by one consumer at a time.

A message names its group in a header; one that names none belongs to no group, and nothing here
concerns it. The rules:

- Of the messages of a group that wait, only the first may go; one that is held back for a time of
  its own holds up its group.
- Whoever is handed a message of a group becomes its *holder*. As long as a group has a holder,
  nobody else gets anything of it.
- A holder keeps its groups until it leaves. In a queue with *shared* groups, and for a client that
  has taken the message by `get`, only until it owes no answer for any message of the group.
- A group that is *ending* is not handed out any more and becomes free when its holder owes nothing
  of it: because the holder has left, or was handed a message with `JMSXGroupSeq` -1, or does not
  want the message that is next (its filter does not match).

So what is under way of one group is always with one consumer, and whatever of it comes back stands
in front of all that has not been handed out.

What is remembered: of a group, its waiting places and its holder. A group without messages is
forgotten; one that has a holder all the same, once there are more than IDLE_MAX of these and it
has been idle for longest. Its next message then goes to anybody, which is as good as before: its
holder owed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warrener.exchange.message import Properties
from warrener.exchange.queues.places import Places

if TYPE_CHECKING:
    from warrener.exchange.channel import Channel
    from warrener.exchange.consumer import Consumer

GROUP_SEQUENCE = "JMSXGroupSeq"
LAST = -1
"""The sequence number that ends a group, as in ActiveMQ."""
IDLE_MAX = 10_000
"""Groups of a queue that have a holder and no messages."""


class Group:
    """One group: its waiting messages, and who has the others."""

    __slots__ = ("_places", "_waiting", "ending", "front", "holder", "name", "owed")

    def __init__(self, name: str) -> None:
        self.name = name
        self._places = Places()
        self._waiting: set[int] = set()
        self.owed = 0
        """Messages that are with the holder."""
        self.holder: Holder | None = None
        self.ending = False
        self.front: tuple[int, Holder | None] | None = None
        """The place that stands in line, and for whom (None: for everybody)."""

    def __len__(self) -> int:
        """How many of its messages wait."""
        return len(self._waiting)

    @property
    def first(self) -> int | None:
        """The place of the message that is next."""
        return self._places.first(self._waiting)

    def enter(self, place: int) -> None:
        """A message waits."""
        self._waiting.add(place)
        self._places.push(place, self._waiting)

    def leave(self, place: int) -> None:
        """A message waits no more."""
        self._waiting.remove(place)

    def clear(self) -> None:
        """No message waits any more."""
        self._waiting.clear()
        self._places.heap.clear()


class Holder:
    """A consumer that has groups, and the line of what is next in them."""

    __slots__ = ("consumer", "groups", "line")

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.groups: dict[Group, None] = {}
        self.line = Places()


class Groups:
    """The groups of one queue, named by the header `header`."""

    __slots__ = ("_groups", "_header", "_holders", "_idle", "_shared")

    def __init__(self, header: str, shared: bool) -> None:
        self._header = header
        self._shared = shared
        self._groups: dict[str, Group] = {}
        self._holders: dict[Consumer | Channel, Holder] = {}
        self._idle: dict[Group, None] = {}
        """Groups without messages that have a holder, those that are idle for longest first."""

    def __len__(self) -> int:
        return len(self._groups)

    def of(self, properties: Properties) -> tuple[Group | None, bool]:
        """The group that a message names, if it does, and whether it is the last of it."""
        headers = properties.headers
        name = headers.get(self._header) if headers else None
        if not headers or name is None or name == "":
            return None, False
        text = str(name)
        group = self._groups.get(text)
        if group is None:
            group = self._groups[text] = Group(text)
        self._idle.pop(group, None)
        return group, headers.get(GROUP_SEQUENCE) == LAST

    def holder(self, consumer: Consumer) -> Holder | None:
        return self._holders.get(_identity(consumer))

    @property
    def assignments(self) -> dict[str, Consumer]:
        """Who has which group; a `get` has one as a consumer without a tag."""
        return {
            name: group.holder.consumer
            for name, group in self._groups.items()
            if group.holder is not None
        }

    def take(self, group: Group, place: int, consumer: Consumer, last: bool) -> None:
        """A message was handed to a consumer; `last` says that it ends the group."""
        group.leave(place)
        group.owed += 1
        if group.holder is None:
            key = _identity(consumer)
            holder = self._holders.get(key) or Holder(consumer)
            self._holders[key] = group.holder = holder
            holder.groups[group] = None
        group.ending = group.ending or last

    def leave(self, consumer: Consumer) -> list[Group]:
        """A consumer is gone; returns the groups that it has had."""
        holder = self._holders.get(consumer)
        groups = list(holder.groups) if holder is not None else []
        for group in groups:
            group.ending = True
        return groups

    def review(self, group: Group) -> None:
        """Something has changed: free a group that its holder has no right to, and forget it if
        there is nothing left to know."""
        if group.holder is not None and not group.owed and self._is_over(group, group.holder):
            self._free(group)
        if group or group.owed:
            return
        if group.holder is None:
            self._groups.pop(group.name, None)
            self._idle.pop(group, None)
            return
        self._idle[group] = None
        if len(self._idle) > IDLE_MAX:
            oldest = next(iter(self._idle))
            del self._idle[oldest], self._groups[oldest.name]
            self._free(oldest)

    def clear(self) -> list[Group]:
        """No message waits any more; returns the groups that had one."""
        groups = [group for group in self._groups.values() if group]
        for group in groups:
            group.clear()
        return groups

    def _is_over(self, group: Group, holder: Holder) -> bool:
        return group.ending or self._shared or not holder.consumer.tag

    def _free(self, group: Group) -> None:
        holder = group.holder
        assert holder is not None, "only a group that is held can be set free"
        del holder.groups[group]
        if not holder.groups:
            del self._holders[_identity(holder.consumer)]
        group.holder = None
        group.ending = False


def _identity(consumer: Consumer) -> Consumer | Channel:
    """Who a consumer is for a group: one `get` of a channel is as good as another."""
    return consumer if consumer.tag else consumer.channel
