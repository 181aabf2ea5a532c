"""Requests per tenant and minute: exactly the limit, said in the words of the catalogue specification."""

import pytest

from tests.api.conftest import Hub, Reply, StoppedClock, just_before, lose_connection

NOTES = "/small/notes"
LIMIT = 200
SEARCH_LIMIT = 30


def use_up(hub: Hub, path: str = NOTES, limit: int = LIMIT) -> list[Reply]:
    return [hub.get(path) for _ in range(limit)]


def test_201st_integration_call_of_a_minute_is_refused_in_the_words_of_the_specification(
    small_hub: Hub, other_small_hub: Hub, stopped_clock: StoppedClock
) -> None:
    """Then the next minute is open again; another tenant has never noticed."""
    taken = use_up(small_hub)
    refused = small_hub.get(NOTES)

    assert {reply.status for reply in taken} == {200}
    assert refused.status == 429
    assert refused.body == {
        "error": {
            "code": "RATE_LIMIT_EXCEEDED",
            "message": "Rate limit exceeded. Please try again later.",
            "retryAfter": 50,
            "requestId": refused.headers["X-Request-Id"],
        }
    }
    reset = str(int(stopped_clock.epoch_s) + 50)
    assert refused.headers["Retry-After"] == "50"
    assert limit_headers(refused) == {"Limit": "200", "Remaining": "0", "Reset": reset}
    assert limit_headers(taken[0]) == {"Limit": "200", "Remaining": "199", "Reset": reset}
    assert limit_headers(taken[-1]) == {"Limit": "200", "Remaining": "0", "Reset": reset}

    assert other_small_hub.get(NOTES).status == 200

    stopped_clock.advance(49)
    assert small_hub.get(NOTES).headers["Retry-After"] == "1"

    stopped_clock.advance(1)
    assert small_hub.get(NOTES).headers["X-RateLimit-Remaining"] == "199"


def limit_headers(reply: Reply) -> dict[str, str]:
    start = "X-RateLimit-"
    return {name.removeprefix(start): value for name, value in reply.headers.items() if name.startswith(start)}


@pytest.mark.usefixtures("stopped_clock")
def test_classes_are_counted_apart(small_hub: Hub) -> None:
    use_up(small_hub, "/small/search", SEARCH_LIMIT)

    assert small_hub.get("/small/search").status == 429
    assert small_hub.get(NOTES).headers["X-RateLimit-Remaining"] == "199"


@pytest.mark.usefixtures("stopped_clock")
def test_refused_calls_do_not_count(small_hub: Hub) -> None:
    for _ in range(SEARCH_LIMIT):
        assert small_hub.get("/small/search", roles="", scopes="tickets:read").status == 403

    assert small_hub.get("/small/search").headers["X-RateLimit-Remaining"] == str(SEARCH_LIMIT - 1)


@pytest.mark.usefixtures("stopped_clock")
def test_refused_call_has_no_effect(small_hub: Hub) -> None:
    use_up(small_hub)

    assert small_hub.post(NOTES, {"text": "too much"}).status == 429
    assert small_hub.documents("note") == []


def test_route_that_is_not_limited_has_no_headers_about_it(small_hub: Hub) -> None:
    assert limit_headers(small_hub.get("/small/cached")) == {}


@pytest.mark.usefixtures("stopped_clock")
def test_super_admin_uses_the_allowance_of_the_tenant_he_acts_for(small_hub: Hub, other_small_hub: Hub) -> None:
    headers = {"X-Tenant-Id": other_small_hub.tenant}

    small_hub.get(NOTES, roles="super_admin", headers=headers)

    assert other_small_hub.get(NOTES).headers["X-RateLimit-Remaining"] == "198"
    assert small_hub.get(NOTES).headers["X-RateLimit-Remaining"] == "199"


def test_reads_stay_open_when_the_counter_cannot_be_reached(small_hub: Hub) -> None:
    with just_before("UpdateItem", lose_connection):
        reply = small_hub.get(NOTES)

    assert reply.status == 200
    assert limit_headers(reply) == {}
    assert limit_headers(small_hub.get(NOTES))["Limit"] == "200"


def test_calls_to_other_systems_are_closed_when_the_counter_cannot_be_reached(small_hub: Hub) -> None:
    with just_before("UpdateItem", lose_connection):
        reply = small_hub.get("/small/search")

    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "SERVICE_UNAVAILABLE", "1")
    assert small_hub.get("/small/search").status == 200


@pytest.mark.parametrize(("path", "limit"), [("/api/v1/documents/contact", "1200")])
def test_real_route_has_the_limit_of_its_class(hub: Hub, path: str, limit: str) -> None:
    assert hub.get(path).headers["X-RateLimit-Limit"] == limit
