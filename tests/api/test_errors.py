"""Every error leaves in one envelope, with a request id and without the text of what went wrong inside."""

import json
from typing import Any
from uuid import uuid4

import pytest

from local.http_events import Request, request_event
from tests.api.conftest import Hub, Reply, just_before, lose_connection
from tests.api.small_api import CANARY

ECHO = "/small/echo"
MAX_BODY_BYTES = 256 * 1024


def envelope(reply: Reply) -> dict[str, Any]:
    """Return the error, after checking that there is nothing beside it."""
    assert reply.body.keys() == {"error"}
    error: dict[str, Any] = reply.body["error"]
    assert error.pop("requestId") == reply.headers["X-Request-Id"]
    return error


def make_event(hub: Hub, method: str, path: str, **changed: Any) -> dict[str, Any]:
    """Return the event of a request as API Gateway makes it, with some of it changed."""
    request = Request(method, path, "", (("host", "hub.test"),), b"", "127.0.0.1", str(uuid4()))
    match = hub.cloud.routes.select(method, path)
    assert match is not None
    caller = {"tenant": hub.tenant, "user": "u1", "roles": "user", "scopes": "", "keyId": ""}
    return {**request_event(request, match, caller), **changed}


def make_body(size: int) -> bytes:
    return b'"' + b"x" * (size - 2) + b'"'


@pytest.mark.parametrize("path", ["/small/broken", "/small/broken-public"])
def test_unexpected_error_is_a_500_that_says_nothing_of_itself(small_hub: Hub, path: str) -> None:
    reply = small_hub.get(path)

    assert reply.status == 500
    assert envelope(reply) == {
        "code": "INTERNAL_ERROR",
        "message": "The hub failed to answer; the request id finds it in the log.",
    }
    assert CANARY not in repr(reply)


def test_error_of_aws_is_a_503_to_be_sent_again(small_hub: Hub) -> None:
    reply = small_hub.get("/small/no-storage")

    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert envelope(reply)["code"] == "SERVICE_UNAVAILABLE"
    assert CANARY not in repr(reply)


def test_connection_that_is_lost_while_storing_is_a_503_without_effect(small_hub: Hub) -> None:
    with just_before("TransactWriteItems", lose_connection):
        reply = small_hub.post("/small/notes", {"text": "hello"})

    assert (reply.status, reply.code) == (503, "SERVICE_UNAVAILABLE")
    assert "canary" not in repr(reply)
    assert small_hub.documents("note") == []
    assert small_hub.post("/small/notes", {"text": "hello"}).status == 201


def test_error_of_another_system_has_its_details_without_empty_ones(small_hub: Hub) -> None:
    reply = small_hub.get("/small/upstream")

    assert reply.status == 502
    assert envelope(reply) == {
        "code": "UPSTREAM_ERROR",
        "message": "api.test did not answer in time.",
        "details": {"host": "api.test"},
    }


def test_401_names_the_scheme(small_hub: Hub) -> None:
    reply = small_hub.get("/small/notes", context={"denied": "The token has expired."})

    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert envelope(reply) == {"code": "UNAUTHENTICATED", "message": "The token has expired."}


def test_call_without_any_context_is_a_401(small_hub: Hub) -> None:
    assert small_hub.get("/small/notes", context={}).status == 401
    assert small_hub.get("/small/public", context={}).status == 200


def test_only_a_super_admin_may_name_another_tenant(small_hub: Hub, other_small_hub: Hub) -> None:
    headers = {"X-Tenant-Id": other_small_hub.tenant}

    refused = small_hub.post("/small/notes", {"text": "x"}, headers=headers)
    allowed = small_hub.post("/small/notes", {"text": "x"}, headers=headers, roles="super_admin")

    assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")
    assert allowed.status == 201
    assert (len(small_hub.documents("note")), len(other_small_hub.documents("note"))) == (0, 1)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/small/notes", 200),
        ("/small/public", 200),
        ("/small/broken", 500),
        ("/small/no-storage", 503),
        ("/small/upstream", 502),
    ],
)
def test_every_answer_carries_the_request_id_and_a_caching_rule(small_hub: Hub, path: str, status: int) -> None:
    event = make_event(small_hub, "GET", path)

    reply = small_hub.send("Small", event)

    assert reply.status == status
    assert reply.headers["X-Request-Id"] == event["requestContext"]["requestId"]
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == ("private, no-cache" if status == 200 else "no-store")


def test_answer_without_a_body_carries_the_request_id_too(small_hub: Hub) -> None:
    reply = small_hub.post("/small/empty/1", {})

    assert (reply.status, reply.body) == (204, None)
    assert reply.headers["X-Request-Id"]


# ---------------------------------------------------------------- caching


def test_unchanged_answer_is_a_304_without_a_body(small_hub: Hub) -> None:
    first = small_hub.get("/small/notes")
    etag = first.headers["ETag"]

    for given in (etag, f"W/{etag}", f'"other", {etag}'):
        again = small_hub.get("/small/notes", headers={"If-None-Match": given})
        assert (again.status, again.body, again.headers["ETag"]) == (304, None, etag)
        assert again.headers["X-Request-Id"]


@pytest.mark.parametrize("given", ['"other"', "", "W/", '""'])
def test_changed_answer_comes_whole(small_hub: Hub, given: str) -> None:
    reply = small_hub.get("/small/notes", headers={"If-None-Match": given})

    assert (reply.status, reply.body) == (200, {"items": ["a", "b"]})


def test_other_answer_has_another_etag(small_hub: Hub) -> None:
    assert small_hub.get("/small/notes").headers["ETag"] != small_hub.get("/small/cached").headers["ETag"]


def test_row_says_how_long_a_browser_may_keep_the_answer(small_hub: Hub) -> None:
    assert small_hub.get("/small/cached").headers["Cache-Control"] == "private, max-age=3600"


def test_refusal_is_never_cached(small_hub: Hub) -> None:
    reply = small_hub.get("/small/cached", roles="")

    assert (reply.status, reply.headers["Cache-Control"]) == (403, "no-store")
    assert "ETag" not in reply.headers


# ---------------------------------------------------------------- bodies


def test_body_of_256_kib_is_read_and_one_byte_more_is_refused(small_hub: Hub) -> None:
    fits = small_hub.post(ECHO, make_body(MAX_BODY_BYTES))
    too_large = small_hub.post(ECHO, make_body(MAX_BODY_BYTES + 1))

    assert fits.status == 200
    assert len(fits.body["sent"]) == MAX_BODY_BYTES - 2
    assert (too_large.status, too_large.code) == (413, "PAYLOAD_TOO_LARGE")


def test_size_is_counted_in_bytes_of_the_decoded_body(small_hub: Hub) -> None:
    two_bytes_each = json.dumps("ä" * (MAX_BODY_BYTES // 2), ensure_ascii=False).encode()

    assert small_hub.post(ECHO, two_bytes_each).status == 413
    assert small_hub.post(ECHO, two_bytes_each[:-3] + b'"').status == 200


def test_base64_body_is_read_decoded(small_hub: Hub) -> None:
    reply = small_hub.send("Small", make_event(small_hub, "POST", ECHO, body="eyJhIjogMX0=", isBase64Encoded=True))

    assert (reply.status, reply.body) == (200, {"sent": {"a": 1}})


@pytest.mark.parametrize("text", ["!", "IiI", "IiI=!", "ä", "Ii I=", "I"])
def test_body_that_is_no_base64_is_a_400(small_hub: Hub, text: str) -> None:
    reply = small_hub.send("Small", make_event(small_hub, "POST", ECHO, body=text, isBase64Encoded=True))

    assert (reply.status, envelope(reply)["code"]) == (400, "VALIDATION_ERROR")


def test_lone_surrogate_in_the_event_is_a_400(small_hub: Hub) -> None:
    reply = small_hub.send("Small", make_event(small_hub, "POST", ECHO, body='"\ud800"', isBase64Encoded=False))

    assert reply.status == 400


def test_missing_body_is_an_empty_object(small_hub: Hub) -> None:
    assert small_hub.post(ECHO).body == {"sent": {}}


def test_text_of_any_language_comes_back_as_it_was_sent(small_hub: Hub) -> None:
    text = "значение \N{GRINNING FACE}"

    assert small_hub.post(ECHO, {"ключ": text}).body == {"sent": {"ключ": text}}


@pytest.mark.parametrize("number", ["1e400", "18446744073709551616", "9" * 5000])
def test_number_that_cannot_be_stored_is_a_400_not_a_500(hub: Hub, number: str) -> None:
    path = "/api/v1/documents/contact/c1"

    refused = hub.call("PUT", path, f'{{"content": {{"n": {number}}}}}'.encode())
    stored = hub.call("PUT", path, b'{"content": {"n": 18446744073709551615}}')

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert stored.body["content"] == {"n": 2**64 - 1}


@pytest.mark.parametrize("limit", ["0", "101", "ten", "00000000150000", "1" * 5000])
def test_bad_limit_is_a_400(hub: Hub, limit: str) -> None:
    assert hub.get("/api/v1/documents/contact", query={"limit": limit}).status == 400


def test_cursor_of_another_list_or_tenant_is_a_400(hub: Hub, other_hub: Hub) -> None:
    for asked in (hub, other_hub):
        for name in ("c1", "c2"):
            asked.call("PUT", f"/api/v1/documents/contact/{name}", {"content": {}})
    cursor = hub.get("/api/v1/documents/contact", query={"limit": 1}).body["nextCursor"]

    assert other_hub.get("/api/v1/documents/contact", query={"cursor": cursor}).status == 400
    assert hub.get("/api/v1/documents/deal", query={"cursor": cursor}).status == 400
    assert hub.get("/api/v1/documents/contact", query={"cursor": cursor}).body["items"][0]["id"] == "c2"
