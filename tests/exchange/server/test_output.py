from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warrener.exchange.server.output import JOIN_BELOW_BYTES, PIECES_MAX, Output


class Pending:
    """Counts how often there was something to write after there was nothing."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def pending() -> Pending:
    return Pending()


@pytest.fixture
def output(pending: Pending) -> Output:
    return Output(pending)


def test_a_new_output_is_empty(output, pending):
    assert (output.size, output.take(), pending.count) == (0, b"", 0)


def test_what_is_written_waits(output):
    output.write(b"hello")
    output.write(b"world")
    assert output.size == 10
    assert output.take() == b"helloworld"
    assert output.size == 0


def test_the_first_write_after_nothing_is_told_and_no_other(output, pending):
    output.write(b"1")
    output.write(b"2")
    assert pending.count == 1
    output.written(2)
    output.write(b"3")
    assert pending.count == 2
    output.take()
    output.write(b"4")
    assert pending.count == 3


def test_a_partial_write_does_not_make_the_rest_new(output, pending):
    output.write(b"hello")
    output.written(4)
    output.write(b"!")
    assert pending.count == 1
    assert output.take() == b"o!"


def test_pieces_that_are_appended_are_counted_together(output, pending):
    output.pieces.extend([b"head", b"tag", b"tail"])
    output.count(11)
    assert (output.size, pending.count) == (11, 1)
    assert output.take() == b"headtagtail"


def test_many_small_pieces_are_joined(output):
    for _ in range(2000):
        output.write(b"small")
    assert output.next_pieces() == [b"small" * 2000]


def test_large_pieces_are_sent_as_they_are(output):
    large = [bytes([number]) * JOIN_BELOW_BYTES for number in range(10)]
    for each in large:
        output.write(each)
    pieces = output.next_pieces()
    assert all(piece is each for piece, each in zip(pieces, large, strict=True))


def test_no_more_pieces_are_sent_at_once_than_the_kernel_takes(output):
    for _ in range(PIECES_MAX + 100):
        output.write(bytes(JOIN_BELOW_BYTES))
    assert len(output.next_pieces()) == PIECES_MAX
    output.written(PIECES_MAX * JOIN_BELOW_BYTES)
    assert len(output.next_pieces()) == 100


def test_joined_pieces_may_be_followed_by_more(output):
    output.write(b"1")
    output.write(b"2")
    output.next_pieces()
    output.write(b"3")
    assert b"".join(output.next_pieces()) == b"123"


sizes = st.one_of(st.integers(1, 40), st.sampled_from([4095, 4096, 4097, 20_000]))
takes = st.one_of(st.integers(1, 100), st.integers(1, 100_000))


@settings(deadline=None)
@given(st.lists(sizes, max_size=20), st.lists(takes, min_size=1, max_size=8))
def test_a_socket_that_takes_any_number_of_bytes_gets_all_of_them_in_order(sizes, takes):
    output = Output(lambda: None)
    written = [bytes([at]) * size for at, size in enumerate(sizes)]
    sent = b""
    for each, most in zip(written, cycle(takes), strict=False):
        output.write(each)
        sent += send(output, most)
    assert output.size == sum(sizes) - len(sent)
    while output.size:
        sent += send(output, 50_000)
    assert sent == b"".join(written)
    assert output.take() == b""


def send(output: Output, most: int) -> bytes:
    """What a socket takes that has room for `most` bytes."""
    taken = b"".join(output.next_pieces())[:most]
    output.written(len(taken))
    return taken
