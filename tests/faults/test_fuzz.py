"""The short form of `make soak`: the whole broker under hostile clients, within this process."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.fuzz import Failed, World
from warrener.exchange import broker as broker_module
from warrener.exchange.access import passwords
from warrener.exchange.types.fanout import FanoutExchange

STEPS = 600


@pytest.fixture(autouse=True, scope="module")
def quick_passwords() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "SCRYPT_N", 2)
        guest = replace(broker_module.GUEST, password_hash=passwords.hash_password("guest"))
        patch.setattr(broker_module, "GUEST", guest)
        yield


@pytest.mark.parametrize("seed", range(1, 9))
def test_nothing_that_clients_send_ends_the_broker_or_harms_others(seed: int):
    world = World(seed)
    world.run(STEPS)
    report = world.report()
    print(report)
    assert report["methods"] > 4 * STEPS
    assert report["victim"] > 0


def test_a_mistake_that_a_message_meets_is_found(monkeypatch: pytest.MonkeyPatch):
    """Or else the test above would see nothing."""

    def match(self: FanoutExchange, *arguments: object) -> object:
        if len(self.bindings) > 3:
            raise ZeroDivisionError("a mistake")
        return self.bindings.values()

    monkeypatch.setattr(FanoutExchange, "match", match)
    with pytest.raises(Failed, match="a mistake"):
        live_on()


def live_on() -> None:
    for seed in range(1, 9):
        World(seed).run(STEPS)
