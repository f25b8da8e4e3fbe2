"""The files of the page, as a browser gets them; and what other sites' pages may not do here."""

import re

import pytest

from tests.exchange.management.managed import managed
from warrener.exchange.management.assets import assets


async def test_the_page_is_given_to_anybody():
    async with managed() as broker:
        answer = await broker.api.as_(None).ask("GET", "/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.body.startswith(b"<!doctype html>")


async def test_the_page_may_use_nothing_but_what_comes_from_here():
    async with managed() as broker:
        headers = (await broker.api.as_(None).ask("GET", "/")).headers
    directives = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert directives["default-src"] == "'none'"
    for what in ("script-src", "style-src", "img-src", "connect-src"):
        assert directives[what] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


async def test_every_file_has_its_type_and_the_same_policy():
    async with managed() as broker:
        api = broker.api.as_(None)
        page = (await api.ask("GET", "/")).headers
        for name, asset in assets().items():
            answer = await api.ask("GET", f"/page/{name}")
            assert (answer.status, answer.body) == (200, asset.content), name
            for header in ("content-security-policy", "cache-control", "x-content-type-options"):
                assert answer.headers[header] == page[header]
        assert (
            (await api.ask("GET", "/page/main.js"))
            .headers["content-type"]
            .startswith("text/javascript")
        )


async def test_a_file_that_has_not_changed_is_not_sent_again():
    async with managed() as broker:
        api = broker.api.as_(None)
        first = await api.ask("GET", "/page/style.css")
        assert first.headers["cache-control"] == "no-cache"
        again = await api.ask("GET", "/page/style.css", If_None_Match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        other = await api.ask("GET", "/page/style.css", If_None_Match='"another"')
        assert other.status == 200


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fassets.py", "assets.py", "%2Fetc%2Fpasswd"])
async def test_nothing_else_is_given_away(name: str):
    async with managed() as broker:
        assert (await broker.api.as_(None).ask("GET", f"/page/{name}")).status == 404


def test_no_file_asks_for_anything_elsewhere_or_makes_markup_of_text():
    for name, asset in assets().items():
        text = asset.content.decode().replace("http://www.w3.org/", "")
        for forbidden in ("http://", "https://", "innerHTML", "eval(", "localStorage", "cookie ="):
            assert forbidden not in text, f"{name}: {forbidden}"
        if name.endswith(".html"):
            assert " style=" not in text
            assert "<style" not in text
            assert not re.search(r"\son\w+=", text)


# Pages of other sites, in a browser that knows the password


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_a_page_of_another_site_changes_nothing(headers: dict[str, str]):
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        forged = {"ackmode": "ack_requeue_false", "count": 1}
        for method, target in (
            ("POST", "/api/queues/%2F/q/get"),
            ("POST", "/api/definitions"),
            ("DELETE", "/api/queues/%2F/q"),
        ):
            answer = await broker.api.ask(method, target, forged, **headers)
            assert (answer.status, answer.document["error"]) == (403, "forbidden")
        assert (await broker.api.ask("GET", "/api/queues/%2F/q", **headers)).status == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_our_own_page_may_change_things(site: str):
    async with managed() as broker:
        answer = await broker.api.ask("PUT", "/api/queues/%2F/q", Sec_Fetch_Site=site)
        assert answer.status == 201


async def test_a_browser_that_says_only_where_its_page_is_from_is_believed():
    async with managed() as broker:
        ours, theirs = "http://localhost", "http://localhost.evil.example"
        queue = "/api/queues/%2F/q"
        assert (await broker.api.ask("PUT", queue, Origin=ours)).status == 201
        assert (await broker.api.ask("DELETE", queue, Origin=theirs)).status == 403
