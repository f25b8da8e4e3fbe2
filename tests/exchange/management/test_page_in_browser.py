"""The page in a real Chromium: what is to be seen, what the keyboard reaches, what no name can do.

They run wherever there is a Chromium (`apt-get install chromium`), and where there is none, they
say so at the end of the run. `WARRENER_TEST_BROWSER` is the path of another one; if it is set, one
that is not there is a failure.
"""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

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

MANY = 400
PLACES = (
    "overview",
    "queues",
    "exchanges",
    "connections",
    "channels",
    "consumers",
    "filters",
    "events",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with opened(tmp_path_factory.mktemp("page")) as found:
        yield found


def test_whoever_signs_in_sees_the_overview(place: Place):
    tab = place.tab()
    tab.until("document.body.innerText.includes('no alarm')")
    for text in ("Published", "Memory", "Disk", "Open files", "connections", "amqp on 127.0.0.1"):
        assert text in tab.text()
    tab.until("document.querySelector('.chart path.line')")
    assert tab.troubles() == []


def test_a_wrong_password_is_told_and_no_dialog_of_the_browser_opens(place: Place):
    tab = place.browser.open(place.url)
    sign_in(tab, "wrong")
    tab.until("document.getElementById('login-problem').textContent === 'Login failed'")
    assert tab.run("document.getElementById('shell').hidden")


def test_the_password_is_kept_nowhere_but_in_memory(place: Place):
    tab = place.tab()
    kept = "[localStorage.length, sessionStorage.length, document.cookie.length]"
    assert tab.run(kept) == [0, 0, 0]
    assert tab.run("document.getElementById('password').value") == ""
    tab.ask("Page.reload")
    tab.until("document.readyState === 'complete' && !document.getElementById('gate').hidden")


def test_signing_out_leaves_nothing_to_be_seen(place: Place):
    place.declare("secret.queue")
    tab = place.tab("queues")
    tab.until("document.body.innerText.includes('secret.queue')")
    click(tab, "Sign out")
    assert "secret.queue" not in tab.run("document.documentElement.innerHTML")


def test_nothing_is_loaded_from_anywhere_else(place: Place):
    tab = place.tab("queues")
    tab.until("document.querySelector('tbody')")
    assert tab.asked()
    assert [url for url in tab.asked() if not url.startswith(place.url)] == []


@pytest.mark.parametrize("size", [360, 800, 1280, 2200])
def test_every_place_fits_the_window(place: Place, size: int):
    place.declare("a.queue.with.a.rather.long.name." * 6)
    tab = place.tab("overview", width=size)
    for where in PLACES:
        tab.run(f"location.hash = '#/{where}'")
        tab.until(f"document.title.toLowerCase().startsWith('{where}')")
        assert tab.run("document.documentElement.scrollWidth") <= size, where
    assert tab.troubles() == []


# Names that strangers gave


def test_a_name_that_is_markup_is_shown_as_text_everywhere(place: Place):
    place.declare(HOSTILE, arguments={HOSTILE[:100]: HOSTILE})
    exchange = in_segments("/", HOSTILE)
    place.api.ask("PUT", f"/api/exchanges/{exchange}", {"type": "topic"})
    binding = f"/api/bindings/%2F/e/{quote(HOSTILE, safe='')}/q/{quote(HOSTILE, safe='')}"
    place.api.ask("POST", binding, {"routing_key": HOSTILE})
    place.publish(quote(HOSTILE, safe=""), HOSTILE, HOSTILE)
    tab = place.tab("queues")
    shown = f"document.getElementById('content').textContent.includes({json.dumps(HOSTILE)})"
    for where in ("queues", f"queues/{exchange}", "exchanges", f"exchanges/{exchange}"):
        tab.run(f"location.hash = {json.dumps('#/' + where)}")
        tab.until(shown)
    tab.run(f"location.hash = {json.dumps(f'#/queues/{exchange}')}")
    click(tab, "Look at")
    tab.until(f"document.querySelector('.message pre')?.textContent === {json.dumps(HOSTILE)}")
    assert tab.run("window.pwned ?? null") is None
    assert tab.run("document.querySelectorAll('#content img, #content script').length") == 0
    assert tab.troubles() == []


def test_the_policy_keeps_even_our_own_mistakes_from_making_markup(place: Place):
    tab = place.tab()
    refused = tab.run(
        "(() => { try { document.body.innerHTML = '<b>x</b>'; return false }"
        " catch (e) { return e instanceof TypeError } })()"
    )
    assert refused
    tab.run("document.body.append(Object.assign(document.createElement('style')))")
    assert tab.run(
        "new Promise(done => { const s = document.createElement('img'); s.onerror ="
        " () => done('refused'); s.src = 'http://127.0.0.1:9/x.png' })"
    )
    assert [each for each in tab.troubles() if "ContentSecurityPolicy" in each or "Policy" in each]


def test_a_page_of_another_site_cannot_use_a_password_that_the_browser_keeps(place: Place):
    place.declare("coveted")
    place.publish("amq.default", "coveted", "x")
    tab = place.browser.open(place.url.replace("//", "//guest:guest@") + "api/whoami")
    assert '"guest"' in tab.text(), "the browser has logged in by itself"
    target = f"{place.url}api/queues/%2F/coveted/get"
    body = '{"count": 1, "encoding": "auto", "ackmode": "ack_requeue_false", "x": "'
    form = (
        f"<form method=post enctype=text/plain action={target}>"
        f"<input name={quote_attribute(body)} value={quote_attribute(chr(34) + '}')}></form>"
        "<script>document.forms[0].submit()</script>"
    )
    tab.ask("Page.navigate", url="data:text/html," + quote(form))
    tab.until("location.protocol === 'http:' && document.readyState === 'complete'")
    assert "may not change anything" in tab.text()
    assert place.depth("coveted") == 1


def quote_attribute(text: str) -> str:
    return "'" + text.replace("'", "&#39;") + "'"


# Queues


def test_queues_are_sorted_filtered_and_paged_by_the_broker(place: Place):
    for number in range(MANY):
        place.declare(f"many.{number:03}")
    place.publish("amq.default", "many.123", "x")
    tab = place.tab("queues")
    tab.until("document.querySelectorAll('tbody tr').length === 50")
    tab.run("document.querySelector('input[type=search]').focus()")
    tab.write("many.")
    tab.until(f"document.body.innerText.includes('of {MANY}')")
    assert tab.run("document.querySelector('tbody a').innerText") == "many.123"
    click(tab, "Name")
    tab.until("document.querySelector('tbody a').innerText === 'many.000'")
    assert tab.run("document.querySelector('th').getAttribute('aria-sort')") == "ascending"
    click(tab, "Next")
    tab.until("document.querySelector('tbody a').innerText === 'many.050'")
    assert tab.run("document.querySelectorAll('tbody tr').length") == 50
    pages = [url for url in tab.asked() if "/api/queues?" in url]
    assert pages
    assert all("page_size=50" in url for url in pages)


def test_the_depth_of_a_queue_is_drawn_over_time(place: Place):
    place.declare("deep")
    tab = place.tab(f"queues/{in_segments('/', 'deep')}")
    for _ in range(7):
        place.publish("amq.default", "deep", "x")
    tab.until("document.querySelector('.legend b').innerText === '7'")
    tab.until("document.querySelector('.chart path.line.c4')")


def test_messages_are_looked_at_and_stay(place: Place):
    place.declare("looked.at")
    place.publish("amq.default", "looked.at", '{"order": 1}')
    tab = place.tab(f"queues/{in_segments('/', 'looked.at')}")
    tab.until("document.body.innerText.includes('Looking')")
    assert "ack_requeue_true" not in tab.text()
    for _ in range(2):
        click(tab, "Look at")
        tab.until("document.querySelector('.message pre')?.innerText === '{\"order\": 1}'")
        tab.run("document.querySelector('.message').remove()")
    assert place.depth("looked.at") == 1
    assert not place.get("looked.at")["redelivered"]


def test_a_message_is_published_with_the_keyboard_alone(place: Place):
    place.declare("written.to")
    tab = place.tab(f"queues/{in_segments('/', 'written.to')}")
    press_tab_until(tab, "document.activeElement.labels?.[0]?.innerText === 'Payload'")
    tab.write("Hello")
    press_tab_until(tab, "document.activeElement.innerText === 'Publish'")
    tab.press("Enter", "\r")
    tab.until("document.getElementById('toasts').innerText.includes('Published.')")
    assert place.depth("written.to") == 1


def test_purging_and_deleting_ask_for_the_name(place: Place):
    place.declare("doomed")
    place.publish("amq.default", "doomed", "x")
    tab = place.tab(f"queues/{in_segments('/', 'doomed')}")
    click(tab, "Purge…")
    tab.write("doom")
    assert tab.run("document.querySelector('dialog button.danger').disabled")
    tab.press("Enter", "\r")
    assert place.depth("doomed") == 1
    tab.write("ed")
    tab.press("Enter", "\r")
    tab.until("document.getElementById('toasts').innerText.includes('empty')")
    assert place.depth("doomed") == 0
    click(tab, "Delete…")
    tab.press("Escape")
    tab.until("!document.querySelector('dialog')")
    assert place.depth("doomed") == 0
    click(tab, "Delete…")
    tab.write("doomed")
    tab.press("Enter", "\r")
    tab.until("location.hash === '#/queues'")
    names = [queue["name"] for queue in place.api.get("/api/queues")]
    assert "doomed" not in names


def test_what_is_refused_is_told(place: Place):
    tab = place.tab(f"queues/{in_segments('/', 'never.was')}")
    tab.until("document.body.innerText.includes('This is not there')")


# The graph


def test_an_exchange_is_drawn_with_its_bindings_filters_and_queues(place: Place):
    place.declare("large")
    place.declare("all")
    for name in ("orders", "archive"):
        place.api.ask("PUT", f"/api/exchanges/%2F/{name}", {"type": "topic"})
    selector = {"x-filter-jms-selector": "amount > 100"}
    bindings = "/api/bindings/%2F/e"
    place.api.ask(
        "POST", f"{bindings}/orders/q/large", {"routing_key": "a.*", "arguments": selector}
    )
    place.api.ask("POST", f"{bindings}/orders/e/archive", {"routing_key": "#"})
    place.api.ask("POST", f"{bindings}/archive/q/all", {"routing_key": "#"})
    place.api.ask("POST", f"{bindings}/archive/e/orders", {"routing_key": "back"})
    tab = place.tab(f"exchanges/{in_segments('/', 'orders')}")
    tab.until("document.querySelector('svg.topology')")
    texts = tab.run("document.querySelector('svg.topology').textContent")
    for text in ("orders", "archive", "a.*", "amount > 100", "large", "all", "back"):
        assert text in texts
    boxes = (
        "[...document.querySelectorAll('.topology .box')].map(b => b.getAttribute('aria-label'))"
    )
    assert sorted(tab.run(boxes)) == [
        "exchange archive",
        "exchange orders",
        "queue all",
        "queue large",
    ]
    press_tab_until(tab, "document.activeElement.getAttribute('aria-label') === 'queue large'")
    tab.press("Enter", "\r")
    tab.until("document.querySelector('#content h1').innerText === 'large'")
    assert tab.troubles() == []


def test_more_bindings_than_can_be_drawn_are_counted(place: Place):
    place.api.ask("PUT", "/api/exchanges/%2F/wide", {"type": "direct"})
    place.declare("target")
    for number in range(70):
        place.api.ask("POST", "/api/bindings/%2F/e/wide/q/target", {"routing_key": str(number)})
    tab = place.tab(f"exchanges/{in_segments('/', 'wide')}")
    tab.until("document.querySelectorAll('.topology .binding').length === 60")
    assert "10 more bindings are not drawn" in tab.text()


# How it looks and how it is used


def test_it_is_light_or_dark_as_the_system_is_and_a_switch_says_otherwise(place: Place):
    tab = place.tab()
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = tab.run(ground)
    tab.resize(1280, 900, dark=True)
    dark = tab.run(ground)
    assert dark != light
    click(tab, "Theme: auto")
    assert tab.run(ground) == light
    click(tab, "Theme: light")
    tab.resize(1280, 900)
    assert tab.run(ground) == dark


def test_the_keyboard_passes_the_navigation_and_sees_where_it_is(place: Place):
    tab = place.tab()
    tab.run("document.activeElement.blur()")
    press_tab_until(tab, "document.activeElement.id === 'skip'")
    tab.press("Enter", "\r")
    assert tab.run("document.activeElement.id") == "content"
    press_tab_until(tab, "document.activeElement.tagName === 'A'")
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_whatever_can_be_used_has_a_name(place: Place):
    place.declare("named")
    tab = place.tab(f"queues/{in_segments('/', 'named')}")
    tab.until("document.querySelectorAll('tbody tr').length")
    nameless = tab.run(
        "[...document.querySelectorAll('#shell :is(input, select, textarea, button, a)')].filter("
        "e => !(e.labels?.length || e.getAttribute('aria-label') ||"
        " e.textContent.trim())).map(e => e.outerHTML)"
    )
    assert nameless == []


def test_a_link_keeps_the_focus_while_its_list_is_filled_anew(place: Place):
    place.declare("focused")
    tab = place.tab("queues")
    tab.until("document.querySelector('tbody a')")
    tab.run("document.querySelector('tbody a').focus()")
    lists = "performance.getEntriesByType('resource').filter(e => e.name.includes('/api/queues?'))"
    before = tab.run(f"{lists}.length")
    tab.until(f"{lists}.length > {before + 1}")
    assert tab.run("Boolean(document.activeElement.closest('tbody'))")


# The broker goes away


def test_a_broker_that_goes_away_is_told_and_one_that_comes_back_is_shown(place: Place):
    place.declare("lasting", durable=True)
    tab = place.tab(f"queues/{in_segments('/', 'lasting')}")
    tab.until("document.querySelector('.facts')")
    place.broker.stop()
    tab.until("document.getElementById('live').innerText === 'no answer'")
    assert "The broker does not answer." in tab.text()
    place.broker.start()
    tab.until("document.getElementById('live').innerText === 'live'")
    tab.until("!document.querySelector('.notice[role=alert]')")


def test_a_password_that_was_changed_ends_the_visit(place: Place):
    place.api.ask("PUT", "/api/users/visitor", {"password": "old", "tags": "monitoring"})
    tab = place.browser.open(place.url)
    sign_in(tab, "old", "visitor")
    tab.until("!document.getElementById('shell').hidden")
    place.api.ask("PUT", "/api/users/visitor", {"password": "new", "tags": "monitoring"})
    tab.until("!document.getElementById('gate').hidden")
    assert "not right any more" in tab.text()


def test_a_user_who_may_little_sees_what_it_may(place: Place):
    place.api.ask("PUT", "/api/users/clerk", {"password": "clerk", "tags": "management"})
    tab = place.browser.open(place.url)
    sign_in(tab, "clerk", "clerk")
    tab.until("document.body.innerText.includes('shown to users with the tag monitoring')")
    assert "Message rates" in tab.text()
