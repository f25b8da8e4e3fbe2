"""Credentials: what an entry of a user says of the password."""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode

from warrener.exchange.access.passwords import (
    NO_PASSWORD,
    RABBITMQ_SALT_BYTES,
    NotAHash,
    check_hash,
    from_rabbitmq,
)
from warrener.exchange.topology.reading import Entry, NoSecret

SCRYPT = "scrypt"
"""What the hashes that Warrener makes begin with."""
SCRYPT_ALGORITHM = "warrener_password_hashing_scrypt"
"""The name of their algorithm, where RabbitMQ names its own."""
RABBITMQ_DEFAULT = "rabbit_password_hashing_sha256"

_WAYS = ("env", "file", "hash")


def credentials(entry: Entry) -> tuple[str | None, str | None]:
    """The password and its hash, of which at most one is known; what is wrong is told."""
    given = [name for name in ("password", "password_hash") if name in entry]
    if len(given) == 2:
        entry.problem("T017", "password_hash", "there is a 'password' as well")
    elif given == ["password_hash"]:
        return None, _hash(entry, "password_hash", entry.get("hashing_algorithm"))
    elif given == ["password"]:
        password = entry.get("password")
        if isinstance(password, Entry):
            return _from_elsewhere(password)
        return _not_empty(entry, password), None
    return None, None


def _from_elsewhere(entry: Entry) -> tuple[str | None, str | None]:
    given = [name for name in _WAYS if name in entry.nodes]
    if len(given) != 1:
        what = f"a password is given by one of {', '.join(_WAYS)}"
        entry.problem("T017" if given else "T013", given[-1] if given else "", what)
    elif given == ["hash"] and "hash" in entry:
        return None, _hash(entry, "hash", entry.get("algorithm"))
    elif given == ["env"] and "env" in entry:
        name = entry.get("env")
        surroundings = entry.reader.surroundings
        password = surroundings.environment.get(name)
        if password is None:
            entry.problem("T020", "env", f"the variable '{name}' is not set", surroundings.advice)
        else:
            return _not_empty(entry, password), None
    elif given == ["file"] and "file" in entry:
        return _from_file(entry), None
    return None, None


def _from_file(entry: Entry) -> str | None:
    reader = entry.reader
    if reader.surroundings.secret is None:
        entry.problem("T025", "file", "no file can be read here")
        return None
    try:
        password = reader.surroundings.secret(reader.document.name, entry.get("file"))
    except NoSecret as error:
        entry.problem("T025", "file", str(error))
        return None
    return _not_empty(entry, password)


def _not_empty(entry: Entry, password: str) -> str | None:
    if password:
        return password
    entry.problem("T025", "password", "a password must not be empty")
    return None


def _hash(entry: Entry, name: str, algorithm: str | None) -> str | None:
    """A hash as the broker keeps it."""
    text = entry.get(name)
    try:
        if algorithm == SCRYPT_ALGORITHM or text.startswith(f"{SCRYPT}$"):
            check_hash(text)
            return str(text)
        return from_rabbitmq(text, algorithm or RABBITMQ_DEFAULT)
    except NotAHash as error:
        entry.problem("T025", name, str(error))
        return None


# For brokers that keep algorithm and hash apart


def hash_parts(password_hash: str) -> tuple[str, str]:
    """Algorithm and hash, as RabbitMQ has them."""
    if password_hash == NO_PASSWORD:
        return RABBITMQ_DEFAULT, ""
    if password_hash.startswith(SCRYPT):
        return SCRYPT_ALGORITHM, password_hash
    algorithm, _, text = password_hash.partition("$")
    return algorithm, text


def rabbitmq_hash(password: str) -> str:
    """A hash that RabbitMQ understands. It is a fast one; for a broker that knows no other."""
    salt = secrets.token_bytes(RABBITMQ_SALT_BYTES)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return f"{RABBITMQ_DEFAULT}${b64encode(salt + digest).decode()}"
