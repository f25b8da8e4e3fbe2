import pytest

from warrener.storage.errors import UnknownPosition
from warrener.storage.null import NullStore


def test_everything_is_durable_at_once_after_a_commit() -> None:
    store = NullStore()
    store.append(0, b"x")
    assert store.durable == 1
    store.commit()
    assert store.durable == 2


def test_a_payload_is_forgotten_with_its_last_holder() -> None:
    store = NullStore()
    position = store.append(0, b"x", holders=2)
    store.release(position)
    store.release(position)
    with pytest.raises(UnknownPosition):
        store.read([position])


def test_what_nobody_holds_is_not_kept() -> None:
    store = NullStore()
    with pytest.raises(UnknownPosition):
        store.read([store.append(0, b"x")])
