"""Which publishes of one channel are confirmed, from the bytes the broker sends back."""

import frames
from connection import Refused, explain

ACK = (frames.METHOD, frames.BASIC, 80)


class Confirms:
    """Counts confirms that come single or multiple, in any order, cut anywhere."""

    __slots__ = ("_above", "_all_up_to", "_rest")

    def __init__(self) -> None:
        self._all_up_to = 0
        self._above: set[int] = set()
        self._rest = b""

    @property
    def count(self) -> int:
        return self._all_up_to + len(self._above)

    def receive(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) - len(data) % frames.ACK_SIZE
        self._rest = data[whole:]
        for kind, _, _, class_id, method_id, tag, multiple, _ in frames.ACK_STRUCT.iter_unpack(
            data[:whole]
        ):
            if (kind, class_id, method_id) != ACK:
                raise Refused(explain(data))
            if multiple:
                self._settle_up_to(tag)
            else:
                self._settle(tag)

    def _settle_up_to(self, tag: int) -> None:
        self._all_up_to = max(self._all_up_to, tag)
        if self._above:
            self._above = {other for other in self._above if other > self._all_up_to}

    def _settle(self, tag: int) -> None:
        self._above.add(tag)
        while self._all_up_to + 1 in self._above:
            self._all_up_to += 1
            self._above.remove(self._all_up_to)
