"""Keys as transcripts: what is pressed, and what comes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.monitor.documents import CONNECTIONS, EXCHANGES, QUEUES
from warrener.exchange.monitor.keys import ACTIONS, BINDINGS
from warrener.exchange.monitor.requests import Peek, Request, page_of, wanted
from warrener.exchange.monitor.search import Search
from warrener.exchange.monitor.state import State
from warrener.exchange.monitor.transitions import Effect, Errand, Seen, press
from warrener.exchange.monitor.views import TOTAL, VIEWS

ROWS = {"queues": QUEUES, "connections": CONNECTIONS, "exchanges": EXCHANGES}


class User:
    """Somebody at the keys."""

    def __init__(self, **options: object) -> None:
        self.state = State(**options)  # type: ignore[arg-type]
        self.effects: list[Effect] = []

    def press(self, *keys: str) -> State:
        for key in keys:
            rows = ROWS.get(self.state.view, ())
            seen = Seen(rows, vhosts=("/", "shop"), height=10, lines=100)
            self.state, effect = press(self.state, key, seen)
            if effect is not None:
                self.effects.append(effect)
        return self.state

    def type(self, text: str) -> State:
        return self.press(*text)


def test_numbers_show_views() -> None:
    user = User()
    assert [user.press(str(number)).view for number in range(1, 8)] == list(VIEWS)


def test_tab_goes_round_the_views() -> None:
    user = User()
    assert [user.press("tab").view for _ in VIEWS] == [*list(VIEWS)[1:], "queues"]
    assert user.press("shift-tab").view == "events"


@pytest.mark.parametrize(
    ("keys", "cursor"), [("jj", 2), ("jjjjj", 2), ("jk", 0), ("kG", 2), ("Gg", 0)]
)
def test_the_cursor_stays_on_the_rows(keys: str, cursor: int) -> None:
    assert User().type(keys).cursor == cursor


def test_a_page_is_what_is_seen() -> None:
    user = User()
    user.press("enter", "page-down")
    assert user.state.offset == 9
    assert user.press("page-up").offset == 0
    assert user.press("G").offset == 90


def test_what_is_typed_after_a_slash_filters_at_once() -> None:
    user = User()
    user.press("/")
    assert user.type("eu").filter == "eu"
    assert user.press("backspace").filter == "e"
    assert user.press("enter").prompt is None
    assert user.press("escape").filter == ""


def test_keys_are_letters_while_a_line_is_typed() -> None:
    user = User()
    assert user.press("/", "q", "D", "1").filter == "qD1"
    assert not user.effects


def test_an_exclamation_mark_turns_a_filter_round() -> None:
    assert User(filter="!eu").state.search == Search("eu", is_inverse=True)


def test_a_command_names_a_view_by_its_beginning() -> None:
    user = User()
    assert user.press(":", *"conn", "enter").view == "connections"
    assert user.press(":", *"nonsense", "enter").message == "there is no view 'nonsense'"
    user.press(":", "q", "enter")
    assert user.effects == [Errand.QUIT]


@pytest.mark.parametrize("key", ["q", "ctrl-c"])
def test_there_is_an_end(key: str) -> None:
    user = User()
    user.press(key)
    assert user.effects == [Errand.QUIT]


def test_an_interrupt_ends_whatever_is_typed() -> None:
    user = User()
    user.press("/", "ctrl-c")
    assert user.effects == [Errand.QUIT]


def test_the_column_to_sort_by_moves_and_turns() -> None:
    user = User()
    assert user.state.sort.title == "total"
    assert user.press("<").sort.title == "unack"
    assert user.press(">", ">").sort.title == "in/s"
    assert user.state.sort.descending
    assert not user.press("I").sort.descending


def test_a_column_is_chosen_from_a_list() -> None:
    user = User()
    user.press("s", "g", "enter")
    assert (user.state.sort.title, user.state.sort.descending) == ("name", False)
    assert user.press("s", "escape").choice is None


def test_the_sort_follows_from_rates_to_totals() -> None:
    user = User()
    user.press(">")
    assert user.state.sort.title == "in/s"
    assert user.press("c").shown == TOTAL
    assert user.state.sort.title == "in"


def test_each_view_keeps_its_sort() -> None:
    user = User()
    user.press("<", "2", "1")
    assert user.state.sort.title == "unack"


def test_virtual_hosts_come_in_turn() -> None:
    user = User()
    assert [user.press("v").vhost for _ in range(3)] == ["/", "shop", ""]


def test_the_interval_and_the_limit_have_steps() -> None:
    user = User()
    assert user.press("+").interval_s == 2
    assert user.press("-", "-").interval_s == 0.5
    assert user.press("-").interval_s == 0.5
    assert [user.press("n").limit for _ in range(3)] == [500, 0, 100]


def test_help_goes_with_any_key_and_can_be_read_to_its_end() -> None:
    user = User()
    assert user.press("?").shows_help
    assert user.press("j").offset == 1
    assert not user.press("x").shows_help


def test_details_are_left_with_escape() -> None:
    user = User()
    user.press("j", "enter")
    assert user.state.details is not None
    assert user.state.details.row is QUEUES[1]
    assert user.press("escape").details is None
    assert user.state.cursor == 1


def test_a_queue_is_purged_by_typing_its_name() -> None:
    user = User()
    user.press("P", *"orders.eu", "enter")
    assert user.effects == [
        Request("DELETE", "/api/queues/%2F/orders.eu/contents", "purged orders.eu")
    ]


def test_another_name_purges_nothing() -> None:
    user = User()
    assert "not done" in user.press("P", *"orders.us", "enter").message
    assert user.press("P", "enter").prompt is None
    assert user.press("P", "escape").prompt is None
    assert user.effects == []


def test_what_is_confirmed_is_what_was_asked_about() -> None:
    user = User()
    user.press("P")
    user.state, _ = press(user.state, "x", Seen(list(reversed(QUEUES))))
    user.press("backspace", *"orders.eu", "enter")
    assert [each.target for each in user.effects if isinstance(each, Request)] == [
        "/api/queues/%2F/orders.eu/contents"
    ]


def test_queues_and_exchanges_are_deleted() -> None:
    user = User()
    user.press("D", *"orders.eu", "enter", "4", "j", "ctrl-d", *"orders", "enter")
    assert [each.target for each in user.effects if isinstance(each, Request)] == [
        "/api/queues/%2F/orders.eu",
        "/api/exchanges/%2F/orders",
    ]


def test_the_default_exchange_cannot_be_deleted() -> None:
    user = User(view="exchanges")
    user.press("D", "enter")
    assert user.effects == []


def test_a_connection_is_closed_by_typing_yes() -> None:
    user = User(view="connections")
    user.press("X", *"yes", "enter")
    (effect,) = user.effects
    assert isinstance(effect, Request)
    assert effect.target.startswith("/api/connections/127.0.0.1%3A51018%20-%3E%20")


@pytest.mark.parametrize("key", ["P", "D", "X", "p"])
def test_nothing_is_done_in_a_view_that_has_no_such_thing(key: str) -> None:
    user = User(view="consumers")
    assert user.press(key).prompt is None
    assert user.effects == []


@pytest.mark.parametrize(("view", "key"), [("queues", "P"), ("queues", "D"), ("connections", "X")])
def test_read_only_means_it(view: str, key: str) -> None:
    user = User(view=view, read_only="asked for")
    assert user.press(key).message == "read-only: asked for"
    assert user.effects == []


def test_messages_are_looked_at() -> None:
    user = User()
    user.press("p")
    assert user.effects == [Peek("/", "orders.eu", may_take=True)]
    assert user.state.details is not None
    assert user.state.details.kind == "messages"


def test_who_may_only_read_may_look_where_that_leaves_no_trace() -> None:
    user = User(read_only="asked for")
    user.press("p")
    assert user.effects == [Peek("/", "orders.eu", may_take=False)]


@pytest.mark.parametrize(
    ("keys", "page"),
    [
        ("", "#/queues"),
        (["enter"], "#/queues/%2F/orders.eu"),
        ("2", "#/connections"),
        ("4", "#/exchanges"),
        ("6", ""),
    ],
)
def test_the_page_in_a_browser_is_that_of_what_is_seen(keys: list[str], page: str) -> None:
    user = User()
    for key in keys:
        user.press(key)
    assert page_of(user.state) == page


def test_every_key_does_something_and_is_there_once() -> None:
    assert len(ACTIONS) == sum(len(each.keys) for each in BINDINGS)


@given(
    st.lists(st.sampled_from([*ACTIONS, "x", "ß", "backspace", "ctrl-u", "f2"]), max_size=40),
    st.booleans(),
)
def test_no_keys_are_too_many(keys: list[str], is_read_only: bool) -> None:
    """Whatever is pressed, there is a state to go on from, and nothing is lost unasked."""
    user = User(read_only="asked for" if is_read_only else "")
    for key in keys:
        user.press(key)
        wanted(user.state)
        assert user.state.sort.title in [each.title for each in user.state.table.columns]
    if is_read_only:
        assert not [each for each in user.effects if isinstance(each, Request)]
