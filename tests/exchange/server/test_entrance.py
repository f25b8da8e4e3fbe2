"""What the log says when nobody can be let in. Proxies and TLS have tests of their own."""

import errno
import logging

from warrener.exchange.server.entrance import AcceptTrouble

TOO_MANY = OSError(errno.EMFILE, "Too many open files")
NO_MEMORY = OSError(errno.ENOMEM, "Cannot allocate memory")


def test_trouble_that_goes_on_is_told_once_and_so_is_its_end(caplog):
    caplog.set_level(logging.INFO)
    trouble = AcceptTrouble(logging.getLogger("entrance"))
    trouble.over()
    for error in (TOO_MANY, TOO_MANY, TOO_MANY):
        trouble.met(error)
    trouble.over()
    trouble.over()
    assert caplog.messages == [
        "cannot accept connections: Too many open files: raise the limit (ulimit -n)",
        "connections are accepted again",
    ]


def test_trouble_of_another_kind_and_trouble_that_comes_back_are_told(caplog):
    trouble = AcceptTrouble(logging.getLogger("entrance"))
    trouble.met(TOO_MANY)
    trouble.met(NO_MEMORY)
    trouble.over()
    trouble.met(NO_MEMORY)
    assert len(caplog.messages) == 4
