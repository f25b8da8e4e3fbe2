import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.protocol import errors
from warrener.protocol.errors import (
    REPLY_NAMES,
    AccessRefused,
    ChannelError,
    CommandInvalid,
    FrameError,
    InternalError,
    MalformedField,
    NotAllowed,
    NotSupported,
    ProtocolError,
    UnexpectedFrame,
    reply_text,
)


@pytest.mark.parametrize(
    ("error_class", "code", "name"),
    [
        (AccessRefused, 403, "ACCESS_REFUSED"),
        (FrameError, 501, "FRAME_ERROR"),
        (MalformedField, 502, "SYNTAX_ERROR"),
        (CommandInvalid, 503, "COMMAND_INVALID"),
        (ChannelError, 504, "CHANNEL_ERROR"),
        (UnexpectedFrame, 505, "UNEXPECTED_FRAME"),
        (NotAllowed, 530, "NOT_ALLOWED"),
        (NotSupported, 540, "NOT_IMPLEMENTED"),
        (InternalError, 541, "INTERNAL_ERROR"),
    ],
)
def test_a_class_knows_its_reply_code(error_class, code, name):
    assert (error_class.code, error_class.name) == (code, name)


def test_the_table_above_is_complete():
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len([c for c in classes if issubclass(c, ProtocolError)]) == 9 + 1


def test_an_error_tells_its_text_and_the_method_at_fault():
    error = NotAllowed("vhost staging refused", 10, 40)
    assert (error.text, error.class_id, error.method_id) == ("vhost staging refused", 10, 40)
    assert str(error) == "vhost staging refused"
    assert error.reply_text == "NOT_ALLOWED - vhost staging refused"


def test_an_error_without_a_method_names_method_zero():
    assert (FrameError("bad end").class_id, FrameError("bad end").method_id) == (0, 0)


def test_a_refusal_of_the_broker_gets_its_text_by_code():
    assert reply_text(404, "no queue 'tasks'") == "NOT_FOUND - no queue 'tasks'"


def test_a_long_explanation_is_cut_between_characters():
    text = reply_text(501, "\N{RABBIT}" * 100)
    prefix = "FRAME_ERROR - "
    assert text == prefix + "\N{RABBIT}" * ((255 - len(prefix)) // 4)


def test_what_utf8_cannot_express_is_replaced():
    assert reply_text(404, "no queue '\ud800'") == "NOT_FOUND - no queue '?'"


@given(st.sampled_from(sorted(REPLY_NAMES)), st.text(st.characters(codec=None)))
def test_every_reply_text_fits_a_short_string(code, explanation):
    assert len(reply_text(code, explanation).encode("utf-8")) <= 255
