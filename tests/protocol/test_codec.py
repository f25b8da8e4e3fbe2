from dataclasses import FrozenInstanceError, field

import pytest

from warrener.protocol.codec import Method, method
from warrener.protocol.errors import FrameError
from warrener.protocol.fields import Bit, LongStr, Octet, ShortStr
from warrener.protocol.tables import Table


@method(99, 1, synchronous=True)
class WarrenDig(Method):
    where: ShortStr = "here"
    deep: Bit = False
    wide: Bit = True
    burrows: Octet = 3
    quiet: Bit = True
    note: LongStr = b""
    plan: Table = field(default_factory=dict)


@method(99, 2, has_content=True)
class WarrenDigOk(Method): ...


@method(99, 3)
class WarrenDigAll(Method):
    first: Bit = False
    second: Bit = False
    third: Bit = False
    fourth: Bit = False
    fifth: Bit = False
    sixth: Bit = False
    seventh: Bit = False
    eighth: Bit = False
    ninth: Bit = False


def test_a_class_knows_its_numbers_and_its_name():
    assert (WarrenDig.class_id, WarrenDig.method_id, WarrenDig.id) == (99, 1, 99 << 16 | 1)
    assert (WarrenDig.name, WarrenDigOk.name) == ("warren.dig", "warren.dig-ok")
    assert (WarrenDig.synchronous, WarrenDig.has_content) == (True, False)
    assert (WarrenDigOk.synchronous, WarrenDigOk.has_content) == (False, True)


def test_arguments_stand_in_the_order_of_the_fields():
    dig = WarrenDig(note=b"n", plan={"a": True})
    assert dig.encode() == (
        b"\x00\x63\x00\x01"  # class and method
        b"\x04here"
        b"\x02"  # wide, not deep
        b"\x03"
        b"\x01"  # quiet
        b"\x00\x00\x00\x01n"
        b"\x00\x00\x00\x04\x01at\x01"
    )
    assert WarrenDig.decode_arguments(dig.encode(), 4) == dig


def test_a_method_is_immutable_and_has_no_dict():
    dig = WarrenDig()
    with pytest.raises(FrozenInstanceError):
        dig.where = "there"
    assert not hasattr(dig, "__dict__")


def test_a_method_without_arguments_is_its_numbers():
    assert WarrenDigOk().encode() == b"\x00\x63\x00\x02"
    assert WarrenDigOk.decode_arguments(b"\x00\x63\x00\x02", 4) == WarrenDigOk()


def test_nine_bits_take_two_octets():
    dig = WarrenDigAll(first=True, eighth=True, ninth=True)
    assert dig.encode()[4:] == b"\x81\x01"
    assert WarrenDigAll.decode_arguments(b"\x81\x01", 0) == dig


def test_bits_without_a_meaning_are_ignored():
    assert WarrenDig.decode_arguments(b"\x00\xfe\x03\xfe\x00\x00\x00\x00\x00\x00\x00\x00", 0) == (
        WarrenDig(where="", wide=True, quiet=False)
    )


def test_bytes_after_the_last_argument_are_a_frame_error():
    with pytest.raises(FrameError, match="1 bytes after the last argument"):
        WarrenDigOk.decode_arguments(b"\x00\x63\x00\x02!", 4)


def test_a_value_that_does_not_fit_its_field_is_refused():
    with pytest.raises(ValueError, match="256 does not fit"):
        WarrenDig(burrows=256).encode()
