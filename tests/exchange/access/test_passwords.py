import pytest

from warrener.exchange.access import passwords
from warrener.exchange.access.passwords import (
    NO_PASSWORD,
    NotAHash,
    algorithm_of,
    check_hash,
    fits,
    from_rabbitmq,
    hash_password,
    is_outdated,
)
from warrener.exchange.access.users import GUEST_HASH

# Made by RabbitMQ 3.10.8 for "test12"; the first is also the example in its documentation. It only
# checks MD5, and lets somebody in with this one.
RABBITMQ = {
    "rabbit_password_hashing_md5": "kI3GChNpte2FApYFXScl+0dIluk=",
    "rabbit_password_hashing_sha256": "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
    "rabbit_password_hashing_sha512": (
        "oRIR8qmHagpOG5qEBDvO2VZjTGqExzdi3W3jpL/b0v8iF9m7lE0c0r0oKIKmWowapdlmBqdeWvbSMdnduQJ1pIalkjo="
    ),
}


@pytest.mark.parametrize("password", ["secret", "gästé", "x" * 5000, " ", "$"])
def test_a_password_fits_its_own_hash_and_no_other_does(password):
    made = hash_password(password)
    assert fits(password, made)
    assert not fits(password + "x", made)
    assert not fits("", made)


def test_two_hashes_of_one_password_differ():
    assert hash_password("secret") != hash_password("secret")


def test_a_hash_says_how_it_was_made_and_is_checked_that_way(monkeypatch):
    before = hash_password("secret")
    monkeypatch.setattr(passwords, "SCRYPT_N", 4)
    assert before.startswith("scrypt$2$8$1$")
    assert fits("secret", before)
    assert hash_password("secret").startswith("scrypt$4$8$1$")


def test_a_hash_of_less_cost_than_today_is_outdated(monkeypatch):
    before = hash_password("secret")
    assert not is_outdated(before)
    monkeypatch.setattr(passwords, "SCRYPT_N", 4)
    assert is_outdated(before)
    monkeypatch.setattr(passwords, "SCRYPT_N", 2)
    assert not is_outdated(before.replace("$2$8$1$", "$4$8$1$"))


@pytest.mark.parametrize("algorithm", RABBITMQ)
def test_hashes_of_rabbitmq_fit_and_are_outdated(algorithm):
    made = from_rabbitmq(RABBITMQ[algorithm], algorithm)
    assert fits("test12", made)
    assert not fits("test13", made)
    assert is_outdated(made)


def test_the_algorithm_of_a_hash_of_rabbitmq_is_known_by_its_length():
    assert {name: algorithm_of(text) for name, text in RABBITMQ.items()} == {n: n for n in RABBITMQ}
    assert algorithm_of("cGxhY2Vob2xkZXI=") is None
    assert algorithm_of("not base64") is None


def test_without_a_hash_no_password_fits():
    assert from_rabbitmq("", "rabbit_password_hashing_sha256") == NO_PASSWORD
    assert not fits("", NO_PASSWORD)
    assert not fits("secret", NO_PASSWORD)


def test_the_hash_of_the_guest_is_of_the_kind_that_is_made(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(passwords, "SCRYPT_N", 1 << 14)
    assert fits("guest", GUEST_HASH)
    assert not is_outdated(GUEST_HASH)


def test_what_the_broker_makes_passes_its_own_check():
    for made in (hash_password("x"), GUEST_HASH, NO_PASSWORD):
        check_hash(made)


@pytest.mark.parametrize(
    "text",
    [
        *("secret", "scrypt", "scrypt$2$8$1$AAAA", "md5$AAAA", "scrypt$a$8$1$AAAA$AAAA"),
        "scrypt$2$8$1$!$" + "A" * 43 + "=",
        "scrypt$2$8$1$AAAA$AAAA",
        *(f"scrypt${cost}$AAAA$" + "A" * 43 + "=" for cost in ("3$8$1", "0$8$1", "2$0$1", "2$8$0")),
        *(f"scrypt${cost}$AAAA$" + "A" * 43 + "=" for cost in ("65536$8$1", "2$8$99999999")),
        "rabbit_password_hashing_sha256$AAAA",
        "rabbit_password_hashing_sha256$kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR$",
        "rabbit_password_hashing_sha512$kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
    ],
)
def test_a_text_that_is_no_hash_or_costs_too_much_is_refused(text):
    with pytest.raises(NotAHash):
        check_hash(text)


@pytest.mark.parametrize(
    ("hashed", "algorithm"),
    [
        ("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", "rabbit_password_hashing_md5"),
        ("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2PO", "rabbit_password_hashing_sha256"),
        ("nonsense", "rabbit_password_hashing_sha256"),
    ],
)
def test_other_hashes_of_rabbitmq_are_refused(hashed, algorithm):
    with pytest.raises(NotAHash):
        from_rabbitmq(hashed, algorithm)
