"""Passwords: hashes of them, and whether a password fits a hash.

A hash is one line of text that says how it was made, so that it can be checked for as long as it
is kept, whatever the broker makes of new passwords by then. SALT, KEY and HASH are base64:

    scrypt$16384$8$1$SALT$KEY             ours: scrypt with N, r and p
    rabbit_password_hashing_sha256$HASH   RabbitMQ's `password_hash` under the name it has for the
    rabbit_password_hashing_sha512$HASH   algorithm: 4 bytes of salt, digest of salt and password
    rabbit_password_hashing_md5$HASH      the same, as RabbitMQ made it before version 3.6

scrypt is slow on purpose: a hash that leaks must not be worth guessing at. It takes tens of
milliseconds and lets other threads run meanwhile, so call these functions where that is no harm.
RabbitMQ's hashes are fast ones; they are accepted and, once the password is known, replaced. MD5 is
the fastest to guess at; its known collisions do not help to find a password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable

SCRYPT_N = 1 << 14
SCRYPT_R = 8
SCRYPT_P = 1
"""16 MiB and some 50 ms of a core. OWASP asks for five times the work (p = 5); here anybody who can
connect may have the broker do it, as often as he likes."""
SCRYPT_MEMORY_MAX_BYTES = 64 << 20
SALT_BYTES = 16
KEY_BYTES = 32
RABBITMQ_SALT_BYTES = 4

NO_PASSWORD = ""
"""The hash of a user who cannot log in with a password."""

MD5 = "rabbit_password_hashing_md5"
SHA256 = "rabbit_password_hashing_sha256"
SHA512 = "rabbit_password_hashing_sha512"
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    MD5: lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    SHA256: lambda data: hashlib.sha256(data).digest(),
    SHA512: lambda data: hashlib.sha512(data).digest(),
}


class NotAHash(Exception):
    """A text that is no hash of a password, or one that would cost too much to check."""


def hash_password(password: str) -> str:
    """A hash of the kind that the broker makes today."""
    salt = secrets.token_bytes(SALT_BYTES)
    key = _scrypt(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    return "$".join(("scrypt", *map(str, (SCRYPT_N, SCRYPT_R, SCRYPT_P)), _text(salt), _text(key)))


def fits(password: str, password_hash: str) -> bool:
    """Whether `password` is the one that was hashed."""
    if password_hash == NO_PASSWORD:
        return False
    scheme, *rest = password_hash.split("$")
    if scheme == "scrypt":
        n, r, p, salt, key = rest
        found = _scrypt(password, b64decode(salt), int(n), int(r), int(p))
        return hmac.compare_digest(found, b64decode(key))
    salted = b64decode(rest[0])
    salt_bytes, digest = salted[:RABBITMQ_SALT_BYTES], salted[RABBITMQ_SALT_BYTES:]
    return hmac.compare_digest(_DIGESTS[scheme](salt_bytes + password.encode()), digest)


def is_outdated(password_hash: str) -> bool:
    """Whether the broker would make another kind of hash, or a costlier one, today."""
    scheme, *rest = password_hash.split("$")
    if scheme != "scrypt":
        return True
    n, r, p = map(int, rest[:3])
    return n * r * p < SCRYPT_N * SCRYPT_R * SCRYPT_P


def check_hash(password_hash: str) -> None:
    """Raises: NotAHash."""
    if password_hash == NO_PASSWORD:
        return
    try:
        _check_parts(password_hash)
    except ValueError as error:
        raise NotAHash(f"not a password hash: {error}") from None


def from_rabbitmq(password_hash: str, algorithm: str) -> str:
    """A `password_hash` of RabbitMQ's definitions, made with its `hashing_algorithm`.

    Raises: NotAHash.
    """
    if algorithm not in _DIGESTS:
        raise NotAHash(f"unknown hashing algorithm '{algorithm}'")
    if not password_hash:
        return NO_PASSWORD
    found = f"{algorithm}${password_hash}"
    check_hash(found)
    return found


def algorithm_of(password_hash: str) -> str | None:
    """Which of RabbitMQ's algorithms made a hash that does not say so; None if none of them did.

    Their digests differ in length, so there is no doubt.
    """
    try:
        size = len(b64decode(password_hash, validate=True)) - RABBITMQ_SALT_BYTES
    except ValueError:
        return None
    return next((name for name, digest in _DIGESTS.items() if len(digest(b"")) == size), None)


def _check_parts(password_hash: str) -> None:
    scheme, *rest = password_hash.split("$")
    if scheme == "scrypt":
        n, r, p, salt, key = rest
        b64decode(salt, validate=True)
        if len(b64decode(key, validate=True)) != KEY_BYTES:
            raise ValueError("the key of an scrypt hash has another length")
        _check_cost(int(n), int(r), int(p))
    elif scheme in _DIGESTS and len(rest) == 1:
        expected = RABBITMQ_SALT_BYTES + len(_DIGESTS[scheme](b""))
        if len(b64decode(rest[0], validate=True)) != expected:
            raise ValueError(f"a hash of {scheme} has {expected} bytes")
    else:
        raise ValueError("of no known kind")


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=n,
        r=r,
        p=p,
        maxmem=SCRYPT_MEMORY_MAX_BYTES,
        dklen=KEY_BYTES,
    )


def _check_cost(n: int, r: int, p: int) -> None:
    if n < 2 or n & (n - 1) or r < 1 or p < 1:
        raise ValueError("scrypt needs a power of two and two positive numbers")
    if 128 * n * r * p > SCRYPT_MEMORY_MAX_BYTES // 2:
        raise ValueError("an scrypt hash that costs too much")


def _text(data: bytes) -> str:
    return b64encode(data).decode()
