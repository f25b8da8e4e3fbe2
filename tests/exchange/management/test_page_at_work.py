"""The page where work goes wrong or goes on: standstill, dead letters, filters, events."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.exchange.management.browser import Tab
from tests.exchange.management.place import (
    HOSTILE,
    NEEDS_CHROMIUM,
    Place,
    click,
    in_segments,
    opened,
    press_tab_until,
    sign_in,
)

pytestmark = NEEDS_CHROMIUM

SELECTOR = "x-filter-jms-selector"
TOASTS = "document.getElementById('toasts').innerText"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with opened(tmp_path_factory.mktemp("page")) as found:
        yield found


def says(text: str, within: str = "#content") -> str:
    """A condition: this is to be read there."""
    return f"document.querySelector({within!r})?.innerText.includes({json.dumps(text)})"


def queue_at(name: str) -> str:
    return f"queues/{in_segments('/', name)}"


def bind(place: Place, exchange: str, queue: str, selector: str, key: str = "k") -> None:
    target = f"/api/bindings/%2F/e/{quote(exchange, safe='')}/q/{quote(queue, safe='')}"
    place.api.ask("POST", target, {"routing_key": key, "arguments": {SELECTOR: selector}})


def publish(place: Place, exchange: str, key: str, **headers: Any) -> None:
    document = {"routing_key": key, "payload": "x", "payload_encoding": "string"}
    properties = {"headers": headers, "delivery_mode": 2}
    target = f"/api/exchanges/%2F/{exchange}/publish"
    place.api.ask("POST", target, document | {"properties": properties})


def with_dead_letters(place: Place, work: str, dead: str, count: int) -> None:
    """Messages with a `size` from 0 on, of the queue `work`, which has given them up."""
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
    place.declare(dead, durable=True)
    place.declare(work, durable=True, arguments=arguments)
    for size in range(count):
        publish(place, "amq.default", work, size=size)
    question = {"count": count, "ackmode": "reject_requeue_false", "encoding": "auto"}
    place.api.ask("POST", f"/api/queues/%2F/{quote(work, safe='')}/get", question)


# Why a queue stands still


def test_a_queue_says_why_it_stands_still_and_is_quiet_when_all_is_well(place: Place):
    place.declare("still", durable=True)
    tab = place.tab(queue_at("still"))
    tab.until(says("It is empty.", ".standstill.well"))
    publish(place, "amq.default", "still")
    tab.until(says("No consumers.", ".standstill:not(.well)"))
    tab.until(says("The oldest message has waited for", ".standstill"))
    assert tab.troubles() == []


def test_the_list_of_queues_says_why_below_the_name(place: Place):
    place.declare("still.listed")
    place.declare("well.listed")
    place.publish("amq.default", "still.listed", "x")
    tab = place.tab("queues")
    rows = "[...document.querySelectorAll('tbody tr')]"
    below = "r.querySelector('.below').innerText"
    tab.until(f"{rows}.some(r => r.innerText.includes('still.listed') && {below})")
    found = tab.run(f"{rows}.map(r => [r.querySelector('a').innerText, {below}])")
    shown = {name: why for name, why in found if name.endswith(".listed")}
    assert shown == {"still.listed": "no consumers", "well.listed": ""}


# Dead letters


def test_dead_letters_are_sent_back_with_the_keyboard_alone(place: Place):
    with_dead_letters(place, "work", "dead", 3)
    tab = place.tab(queue_at("dead"))
    tab.until(says("Dead letters"))
    press_tab_until(tab, "document.activeElement.innerText === 'Send back…'")
    tab.press("Enter", "\r")
    tab.until(says("Send 3 messages back?", "dialog"))
    assert tab.run(says("3 to work", "dialog"))
    assert place.depth("dead") == 3, "so far it was only counted"
    tab.press("Enter", "\r")
    tab.until(says("Sent back: 3 of 3."))
    assert (place.depth("dead"), place.depth("work")) == (0, 3)
    assert tab.troubles() == []


def test_only_those_go_back_that_a_selector_wants(place: Place):
    with_dead_letters(place, "work.some", "dead.some", 3)
    tab = place.tab(queue_at("dead.some"))
    tab.until(says("Dead letters"))
    press_tab_until(tab, "document.activeElement.labels?.[0]?.innerText.startsWith('Only those')")
    tab.write("size > 1")
    tab.press("Enter", "\r")
    tab.until(says("Send 1 message back?", "dialog"))
    click(tab, "Cancel")
    tab.until("!document.querySelector('dialog')")
    assert place.depth("dead.some") == 3
    click(tab, "Send back")
    click(tab, "Send 1 back")
    tab.until(says("Sent back: 1 of 1."))
    assert (place.depth("dead.some"), place.depth("work.some")) == (2, 1)


def test_a_redrive_that_takes_long_is_watched_and_stopped(place: Place):
    with_dead_letters(place, "work.long", "dead.long", 50)
    tab = place.tab(queue_at("dead.long"))
    tab.until(says("Dead letters"))
    press_tab_until(tab, "document.activeElement.labels?.[0]?.innerText === 'Messages a second'")
    tab.write("1")
    tab.press("Enter", "\r")
    click(tab, "Send 50 back")
    tab.until(says("Sending back: "))
    tab.until("document.querySelector('.redrive progress:not([hidden])')?.max === 50")
    click(tab, "Stop")
    tab.until(says("Stopped, sent back: "))
    assert place.depth("dead.long") > 0


def test_what_cannot_go_back_says_why(place: Place):
    with_dead_letters(place, "work.gone", "dead.gone", 2)
    place.api.ask("DELETE", "/api/queues/%2F/work.gone")
    tab = place.tab(queue_at("dead.gone"))
    click(tab, "Send back")
    tab.until(f"{TOASTS}.includes('No message can go back. 2 stay: it would go to no queue (2)')")
    assert place.depth("dead.gone") == 2


def test_a_selector_with_a_mistake_sends_nothing(place: Place):
    with_dead_letters(place, "work.wrong", "dead.wrong", 1)
    tab = place.tab(queue_at("dead.wrong"))
    tab.until(says("Dead letters"))
    press_tab_until(tab, "document.activeElement.labels?.[0]?.innerText.startsWith('Only those')")
    tab.write("size >")
    tab.press("Enter", "\r")
    tab.until(f"{TOASTS}.includes('expected')")
    assert not tab.run("document.querySelector('dialog')")


def test_a_queue_without_dead_letters_does_not_speak_of_them(place: Place):
    place.declare("alive")
    place.publish("amq.default", "alive", "x")
    tab = place.tab(queue_at("alive"))
    tab.until("performance.getEntriesByType('resource').some(e => e.name.includes('/peek?'))")
    tab.until(says("No consumers."))
    assert "Dead letters" not in tab.text()


# Filters


def test_a_filter_says_what_it_does_where_it_is_listed_and_at_its_binding(place: Place):
    place.declare("filtered")
    place.api.ask("PUT", "/api/exchanges/%2F/sieve", {"type": "direct"})
    bind(place, "sieve", "filtered", "size <> 0")
    place.api.ask("POST", "/api/bindings/%2F/e/sieve/q/filtered", {"routing_key": "plain"})
    for size in (0, 1, 2, 3):
        publish(place, "sieve", "k", size=size)
    tab = place.tab("filters")
    row = "[...document.querySelectorAll('tbody tr')].find(r => r.innerText.includes('size <> 0'))"
    tab.until(row)
    for text in ("sieve → filtered, k", "75 %", " ns"):
        assert text in tab.run(f"{row}.innerText").replace(" µs", " ns")
    tab.until(f"{row}.innerText.includes('0/s')")
    tab.run(f"{row}.querySelector('a').click()")
    tab.until(says("75 % passed"))
    assert tab.run("document.querySelectorAll('tbody tr')[1].innerText.includes('passed')") is False
    assert tab.troubles() == []


def test_a_filter_is_tried_part_by_part(place: Place):
    place.declare("tried")
    bind(place, "amq.topic", "tried", "region = 'EU' AND amount > 100")
    tab = place.tab("filters")
    press_tab_until(tab, "document.activeElement.innerText.startsWith('region')")
    tab.press("Enter", "\r")
    assert tab.run("document.activeElement.labels[0].innerText") == "Headers of a message (JSON)"
    tab.write('{"region": "EU", "amount": 12}')
    press_tab_until(tab, "document.activeElement.innerText === 'Explain'")
    tab.press("Enter", "\r")
    tab.until(says("It does not match.", ".outcome"))
    cells = "[...document.querySelectorAll('.outcome tbody tr')].map(r => r.innerText.split('\\t'))"
    assert [[each.strip() for each in row] for row in tab.run(cells)] == [
        ["region = 'EU' AND amount > 100", "FALSE"],
        ["region = 'EU'", "TRUE"],
        ["region", "'EU'"],
        ["amount > 100", "FALSE"],
        ["amount", "12"],
    ]
    assert tab.troubles() == []


@pytest.mark.parametrize(
    ("selector", "headers", "told"),
    [("price AND", "", "This is no filter"), ("a = 1", "[1]", "Headers must be a JSON object")],
)
def test_what_cannot_be_tried_says_why(place: Place, selector: str, headers: str, told: str):
    tab = place.tab("filters")
    for label, text in (("Selector", selector), ("Headers of a message (JSON)", headers)):
        press_tab_until(tab, f"document.activeElement.labels?.[0]?.innerText === {label!r}")
        tab.write(text)
    click(tab, "Explain")
    tab.until(f"document.body.innerText.includes({told!r})")


# Events


def listening(place: Place) -> Tab:
    """A tab that hears what happens from now on."""
    tab = place.tab("events")
    tab.until("document.querySelector('table.events')")
    made = 0
    while not tab.run(says("heard.", "table.events")):
        place.declare(f"heard.{made}")
        made += 1
    return tab


def test_what_comes_and_goes_is_seen_as_it_does_the_latest_first(place: Place):
    tab = listening(place)
    place.declare("comes")
    tab.until(says("comes", "table.events tbody tr"))
    place.api.ask("DELETE", "/api/queues/%2F/comes")
    tab.until(says("queue.deleted", "table.events tbody tr"))
    tab.run("[...document.querySelectorAll('.events a')].at(-1).click()")
    tab.until("document.querySelector('#content h1').innerText.startsWith('heard.')")
    assert tab.troubles() == []


def test_events_are_filtered_by_text(place: Place):
    tab = listening(place)
    place.declare("sought")
    place.declare("unwanted")
    tab.until(says("unwanted", "table.events"))
    tab.run("document.querySelector('input[type=search]').focus()")
    tab.write("SOUGHT")
    assert tab.run("document.querySelectorAll('.events tbody tr').length") == 1
    assert tab.run(says("sought", ".events tbody tr"))


def test_a_pause_leaves_the_list_as_it_is_and_nothing_is_missing_after_it(place: Place):
    tab = listening(place)
    press_tab_until(tab, "document.activeElement.innerText === 'Pause'")
    tab.press("Enter", "\r")
    place.declare("meanwhile")
    tab.until(says("1 more since"))
    assert not tab.run(says("meanwhile"))
    tab.press("Enter", "\r")
    tab.until(says("meanwhile", "table.events"))


def test_no_more_than_the_latest_two_hundred_are_kept(place: Place):
    tab = listening(place)
    for number in range(205):
        place.declare(f"crowd.{number}", auto_delete=True)
    tab.until(says("crowd.204", "table.events tbody tr"))
    assert tab.run("document.querySelectorAll('.events tbody tr').length") == 200
    assert tab.run(says("the latest 200"))


def test_whoever_leaves_does_not_listen_any_more(place: Place):
    tab = listening(place)
    tab.run("location.hash = '#/overview'")
    tab.until("document.body.innerText.includes('no alarm')")
    assert any(
        event["method"] == "Network.loadingFailed" and event["params"].get("canceled")
        for event in place.browser.events
    )
    assert tab.troubles() == []


def test_a_stream_that_was_cut_is_told_and_taken_up_again(place: Place):
    tab = listening(place)
    place.broker.restart()
    tab.until(says("what happened meanwhile is not known", "table.events"))
    made = 0
    while not tab.run(says("again.", "table.events")):
        place.declare(f"again.{made}")
        made += 1


def test_who_may_not_listen_is_told(place: Place):
    place.api.ask("PUT", "/api/users/clerk", {"password": "clerk", "tags": "management"})
    tab = place.browser.open(place.url + "#/events")
    sign_in(tab, "clerk", "clerk")
    tab.until("document.querySelector('.notice[role=alert]')")


# Names that strangers gave


def test_no_name_becomes_markup_here_either(place: Place):
    tab = listening(place)
    with_dead_letters(place, HOSTILE, "dead.hostile", 1)
    bind(place, "amq.topic", HOSTILE, f"name <> '{HOSTILE}'")
    for seen in ("queue.created", "binding.created"):
        tab.until(says(seen, "table.events"))
    assert tab.run(says(HOSTILE, "table.events"))
    tab.run(f"location.hash = '#/{queue_at('dead.hostile')}'")
    click(tab, "Send back")
    tab.until(says(HOSTILE, "dialog"))
    click(tab, "Cancel")
    tab.run("location.hash = '#/filters'")
    tab.until(says(f"name <> '{HOSTILE}'"))
    click(tab, "name <>")
    click(tab, "Explain")
    tab.until(says(HOSTILE, ".outcome"))
    assert tab.run("window.pwned ?? null") is None
    assert tab.run("document.querySelectorAll('#content img, #content script').length") == 0
    assert tab.troubles() == []
