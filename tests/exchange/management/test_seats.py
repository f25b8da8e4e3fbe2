"""Who gives up his seat to whom."""

from warrener.exchange.management.seats import Seat, Seats


def taken(seats: Seats) -> Seat:
    seat = seats.take()
    assert seat is not None
    return seat


def lost(*several: Seat) -> list[bool]:
    return [seat.scope.cancel_called for seat in several]


async def test_nobody_gives_up_a_seat_while_there_are_others():
    seats = Seats(2)
    assert lost(taken(seats), taken(seats)) == [False, False]


async def test_who_has_rested_for_the_longest_gives_up_his():
    seats = Seats(3)
    first, second, third = (taken(seats) for _ in range(3))
    first.rest()
    taken(seats)
    assert lost(first, second, third) == [False, True, False]
    taken(seats)
    assert lost(first, second, third) == [False, True, True]


async def test_a_stranger_goes_before_one_who_is_known():
    seats = Seats(2)
    known, stranger = taken(seats), taken(seats)
    known.is_known = True
    known.rest()
    stranger.rest()
    third = taken(seats)
    assert lost(known, stranger) == [False, True]
    third.work()
    taken(seats)
    assert lost(known) == [True]


async def test_who_is_being_answered_stays():
    seats = Seats(1)
    seat = taken(seats)
    seat.work()
    assert seats.take() is None
    seat.rest()
    taken(seats)
    assert lost(seat) == [True]


async def test_a_seat_that_was_left_is_free():
    seats = Seats(1)
    seat = taken(seats)
    seat.leave()
    seat.leave()
    assert lost(seat, taken(seats)) == [False, False]
