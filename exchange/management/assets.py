"""Assets: the page at `/`, and the files that it consists of.

They are in the folder `page` beside this module, as they were written: nothing builds them. The
page is given to anybody, for it knows nothing; it asks for a name and a password and then uses the
API like every other client.

What it may do in a browser is narrow: load scripts, styles and images from here, talk to here, be
framed by nobody, and make no markup out of text. So a queue whose name is a script is a name.

A browser keeps the files, and asks each time whether they have changed: a broker that was updated
is never looked at through the page of the one before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from warrener.exchange.management.call import Call
from warrener.protocol.http.errors import TargetNotFound
from warrener.protocol.http.response import Headers, Response

INDEX = "index.html"
TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
TAG_BYTES = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, and what it is sent with."""

    content: bytes
    headers: Headers
    tag: str


@cache
def assets() -> dict[str, Asset]:
    """All files of the page, by name; read once."""
    folder = files("warrener.exchange.management").joinpath("page")
    return {
        entry.name: _asset(entry.name, entry.read_bytes())
        for entry in folder.iterdir()
        if entry.name.rpartition(".")[2] in TYPES
    }


def _asset(name: str, content: bytes) -> Asset:
    tag = f'"{blake2b(content, digest_size=TAG_BYTES).hexdigest()}"'
    headers = (
        ("Content-Type", TYPES[name.rpartition(".")[2]]),
        ("Cache-Control", "no-cache"),
        ("ETag", tag),
        ("Content-Security-Policy", POLICY),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )
    return Asset(content, headers, tag)


async def get_page(call: Call) -> Response:
    return _respond(call, INDEX)


async def get_asset(call: Call) -> Response:
    return _respond(call, call.path["name"])


def _respond(call: Call, name: str) -> Response:
    """Raises: TargetNotFound."""
    asset = assets().get(name)
    if asset is None:
        raise TargetNotFound("Not Found")
    known = {
        tag.strip().removeprefix("W/") for tag in call.request.header("if-none-match").split(",")
    }
    if asset.tag in known:
        return Response(304, asset.headers)
    return Response(200, asset.headers, asset.content)
