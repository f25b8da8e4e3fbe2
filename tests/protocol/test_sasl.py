import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warrener.protocol.errors import CommandInvalid, MalformedField
from warrener.protocol.sasl import MECHANISMS, read_response
from warrener.protocol.tables import encode_table


def amqplain(**fields: object) -> bytes:
    """A field table without the length in front."""
    return encode_table(fields)[4:]


def test_two_mechanisms_are_offered():
    assert MECHANISMS.split() == [b"PLAIN", b"AMQPLAIN"]


def test_plain_is_user_and_password_behind_zeros():
    assert read_response("PLAIN", b"\0guest\0secret") == ("guest", "secret")


def test_plain_may_have_an_empty_password():
    assert read_response("PLAIN", b"\0guest\0") == ("guest", "")


def test_plain_is_utf8():
    assert read_response("PLAIN", "\0Jürgen\0schön".encode()) == ("Jürgen", "schön")


def test_amqplain_is_a_table_without_its_length():
    response = amqplain(LOGIN="guest", PASSWORD="secret")
    assert read_response("AMQPLAIN", response) == ("guest", "secret")


def test_amqplain_may_say_more_than_it_is_asked():
    response = amqplain(REALM="/", PASSWORD="secret", LOGIN="guest")
    assert read_response("AMQPLAIN", response) == ("guest", "secret")


@pytest.mark.parametrize(
    "response",
    [b"", b"guest", b"guest\0secret", b"\0guest\0se\0cret", b"\0gu\xffest\0secret"],
    ids=["nothing", "no zero", "one zero", "three zeros", "no UTF-8"],
)
def test_a_plain_response_of_another_form_is_a_malformed_field(response):
    with pytest.raises(MalformedField, match="PLAIN"):
        read_response("PLAIN", response)


@pytest.mark.parametrize(
    "response",
    [b"", amqplain(LOGIN="guest"), amqplain(PASSWORD="secret")],
    ids=["nothing", "no password", "no user"],
)
def test_an_amqplain_response_without_user_or_password_is_a_malformed_field(response):
    with pytest.raises(MalformedField, match="AMQPLAIN"):
        read_response("AMQPLAIN", response)


@pytest.mark.parametrize(
    "response",
    [b"garbage", b"\x05LOGIN?", amqplain(LOGIN="guest", PASSWORD="secret")[:-1]],
    ids=["garbage", "unknown tag", "cut off"],
)
def test_an_amqplain_response_that_is_no_table_is_a_malformed_field(response):
    with pytest.raises(MalformedField, match="AMQPLAIN"):
        read_response("AMQPLAIN", response)


@pytest.mark.parametrize("mechanism", ["EXTERNAL", "plain", "", "PLAIN AMQPLAIN"])
def test_a_mechanism_that_is_not_offered_is_an_invalid_command(mechanism):
    with pytest.raises(CommandInvalid, match="unknown SASL mechanism"):
        read_response(mechanism, b"\0guest\0secret")


@settings(deadline=None)
@given(st.sampled_from(["PLAIN", "AMQPLAIN"]), st.binary(max_size=64))
def test_no_bytes_do_worse_than_a_malformed_field(mechanism, response):
    try:
        user, password = read_response(mechanism, response)
    except MalformedField:
        return
    assert isinstance(user, str)
    assert isinstance(password, str)


@settings(deadline=None)
@given(st.text().filter(lambda text: "\0" not in text), st.text(max_size=200))
def test_a_user_and_a_password_come_through_either_way(user, password):
    password = password.replace("\0", "")
    assert read_response("PLAIN", f"\0{user}\0{password}".encode()) == (user, password)
    response = amqplain(LOGIN=user, PASSWORD=password)
    assert read_response("AMQPLAIN", response) == (user, password)
