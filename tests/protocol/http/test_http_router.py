"""The router: patterns and what they lead to."""

import pytest

from warrener.protocol.http.errors import MethodNotAllowed, TargetNotFound
from warrener.protocol.http.router import Router


@pytest.fixture
def router() -> Router[str]:
    router: Router[str] = Router()
    router.add("GET", "/", "page")
    router.add("GET", "/queues", "all")
    router.add("GET", "/queues/{vhost}", "some")
    router.add("GET", "/queues/{vhost}/{name}", "one")
    router.add("DELETE", "/queues/{vhost}/{name}", "delete")
    router.add("POST", "/queues/{vhost}/{name}/get", "get")
    router.add("GET", "/users/{user}", "user")
    router.add("POST", "/users/bulk-delete", "bulk")
    return router


@pytest.mark.parametrize(
    ("method", "segments", "found"),
    [
        ("GET", (), ("page", {})),
        ("GET", ("queues",), ("all", {})),
        ("HEAD", ("queues",), ("all", {})),
        ("GET", ("queues", "/"), ("some", {"vhost": "/"})),
        ("GET", ("queues", "/", "q"), ("one", {"vhost": "/", "name": "q"})),
        ("POST", ("queues", "v", "q", "get"), ("get", {"vhost": "v", "name": "q"})),
        ("POST", ("users", "bulk-delete"), ("bulk", {})),
        ("GET", ("users", "bulk-delete"), ("user", {"user": "bulk-delete"})),
    ],
)
def test_a_pattern_is_found(router, method, segments, found):
    assert router.find(method, segments) == found


@pytest.mark.parametrize("segments", [("nothing",), ("queues", "a", "b", "c"), ("users",)])
def test_what_no_pattern_fits_is_not_found(router, segments):
    with pytest.raises(TargetNotFound):
        router.find("GET", segments)


def test_a_method_that_a_target_has_not_is_refused_with_those_it_has(router):
    with pytest.raises(MethodNotAllowed) as refused:
        router.find("PATCH", ("queues", "v", "q"))
    assert refused.value.allowed == ("DELETE", "GET", "HEAD")
