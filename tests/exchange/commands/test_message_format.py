"""Messages as text, as documents, as a template says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.commands.message_format import ShownMessage, formatter

MESSAGE = ShownMessage("shop", "order.new", True, {"headers": {"n": 1}}, b"hello")


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("text", b"hello\n"),
        ("raw", b"hello"),
        ("%e/%k: %s\\n", b"shop/order.new: hello\n"),
        ("%h %p\\t%r%b%%", b'{"n": 1} {"headers": {"n": 1}}\t15%'),
        ("%z \\q %", b"%z \\q %"),
    ],
)
def test_a_message_is_printed(name: str, printed: bytes) -> None:
    assert formatter(name, on_terminal=False)(MESSAGE) == printed


@given(st.binary())
def test_a_terminal_is_not_told_what_to_do(body: bytes) -> None:
    message = ShownMessage("\x1b", "\x07", False, {"headers": {"\x1b": "\x9b"}}, body)
    for name in ("text", "raw", "%s %k %e %h %p"):
        printed = formatter(name, on_terminal=True)(message).decode()
        assert printed.replace("\n", "").replace("\t", "").isprintable()


@pytest.mark.parametrize("name", ["json", "%h", "%p"])
def test_a_number_that_json_does_not_have_is_a_text(name: str) -> None:
    message = ShownMessage("", "", False, {"headers": {"n": [float("nan"), 2.5]}}, b"")
    assert b'["nan", 2.5]' in formatter(name)(message)


@given(st.binary())
def test_a_document_has_the_whole_body(body: bytes) -> None:
    document = json.loads(formatter("json")(ShownMessage("", "", False, {}, body)))
    assert document.get("body", "").encode() == body or document["body_base64"]
