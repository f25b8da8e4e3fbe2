"""What a method is, and how its class becomes a codec.

A method class names its numbers and its arguments, and nothing else:

    @method(50, 31)
    class QueuePurgeOk(Method):
        message_count: Long = 0

The decorator makes it a frozen dataclass and derives, once, the list of steps by which its
arguments are read and written: a step for each field, by the FieldType in its annotation, and one
for each octet of neighbouring bits. The classes themselves are in methods.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol, Self, TypeVar, dataclass_transform

from warrener.protocol.errors import FrameError
from warrener.protocol.fields import BIT, OCTET, FieldType


class Method:
    """A method of the wire; the class attributes say which."""

    __slots__ = ()

    class_id: ClassVar[int]
    method_id: ClassVar[int]
    id: ClassVar[int]
    name: ClassVar[str]
    synchronous: ClassVar[bool]
    has_content: ClassVar[bool]
    _steps: ClassVar[tuple["_Step", ...]]

    def encode(self) -> bytes:
        """Return the payload of a method frame.

        Raises:
            ValueError, TypeError: a field holds what the wire has no room for.
        """
        return self.id.to_bytes(4, "big") + b"".join(step.encode(self) for step in self._steps)

    @classmethod
    def decode_arguments(cls, payload: bytes, position: int) -> Self:
        """Read the arguments, which stand from `position` to the end of the payload."""
        values: list[Any] = []
        for step in cls._steps:
            position = step.decode(payload, position, values)
        if position != len(payload):
            raise FrameError(f"{len(payload) - position} bytes after the last argument")
        return cls(*values)


M = TypeVar("M", bound=Method)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def method(
    class_id: int, method_id: int, *, synchronous: bool = False, has_content: bool = False
) -> Callable[[type[M]], type[M]]:
    """Make the class below a frozen dataclass that knows its numbers and its codec.

    A `synchronous` method is one that the peer has to answer (unless it has `no_wait` set).
    """

    def complete(described: type[M]) -> type[M]:
        completed = dataclass(frozen=True, slots=True)(described)
        completed.class_id = class_id
        completed.method_id = method_id
        completed.id = class_id << 16 | method_id
        completed.name = _wire_name(completed.__name__)
        completed.synchronous = synchronous
        completed.has_content = has_content
        completed._steps = _derive_steps(completed)
        return completed

    return complete


def _wire_name(class_name: str) -> str:
    """Return "queue.declare-ok" for "QueueDeclareOk"."""
    first, *rest = re.findall("[A-Z][a-z]*", class_name)
    return f"{first}.{'-'.join(rest)}".lower()


class _Step(Protocol):
    """Codes one field, or the bits that share an octet."""

    def decode(self, payload: bytes, position: int, values: list[Any]) -> int: ...
    def encode(self, method: Method) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _OneField:
    name: str
    type: FieldType[Any]

    def decode(self, payload: bytes, position: int, values: list[Any]) -> int:
        value, position = self.type.decode(payload, position, len(payload))
        values.append(value)
        return position

    def encode(self, method: Method) -> bytes:
        return self.type.encode(getattr(method, self.name))


@dataclass(slots=True)
class _Bits:
    """Up to eight bits side by side; the first is the lowest of the octet."""

    names: list[str]

    def decode(self, payload: bytes, position: int, values: list[Any]) -> int:
        octet, position = OCTET.decode(payload, position, len(payload))
        values += [bool(octet >> place & 1) for place in range(len(self.names))]
        return position

    def encode(self, method: Method) -> bytes:
        bits = (bool(getattr(method, name)) << place for place, name in enumerate(self.names))
        return OCTET.encode(sum(bits))


def _derive_steps(method_class: type[Any]) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    for described in fields(method_class):
        (field_type,) = described.type.__metadata__  # type: ignore[union-attr]
        last = steps[-1] if steps else None
        if field_type is not BIT:
            steps.append(_OneField(described.name, field_type))
        elif isinstance(last, _Bits) and len(last.names) < 8:
            last.names.append(described.name)
        else:
            steps.append(_Bits([described.name]))
    return tuple(steps)
