"""Advice: what to do about a broker that cannot be reached, by what went wrong."""

from __future__ import annotations

import socket
import ssl


def advice(error: BaseException, scheme: str, variable: str) -> str:
    """One line; `scheme` is that of a URL without TLS, `variable` where one may say the URL."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "its certificate is not trusted: SSL_CERT_FILE may name a file of those that are"
    if isinstance(cause, ssl.SSLError):
        return f"does it speak TLS? If not, write {scheme}:// in --url or {variable}"
    if isinstance(cause, socket.gaierror):
        return f"is the name right? It is in --url, or {variable}"
    if isinstance(cause, TimeoutError):
        return f"is the address right, and no firewall between? It is in --url, or {variable}"
    return f"start one with `warrener serve`, or say where it is with --url or {variable}"
