"""The pass-through proxy: any call of the other system's API, with credentials that the caller never sees."""

import json

import pytest

from tests.api.calls_work import SECRET, last_line, proxied
from tests.api.conftest import Hub, just_before, lose_connection
from tests.api.tested import Provider, create, reply


def test_call_goes_to_the_address_of_the_integration_with_its_credentials(hub: Hub, upstream: Provider) -> None:
    made = create(hub)

    answer = proxied(hub, made, path="contacts/42/notes", query={"expand": "owner"})

    (call,) = upstream.calls
    assert (answer.status, json.loads(answer.body)) == (200, {"ok": True})
    assert (call.method, call.url) == ("GET", "https://crm.example.com/contacts/42/notes")
    assert (list(call.params), call.headers["authorization"]) == ([("expand", "owner")], f"Bearer {SECRET}")


def test_query_keeps_order_repetitions_and_empty_values(hub: Hub, upstream: Provider) -> None:
    made = create(hub)

    proxied(hub, made, query=[("b", "1"), ("a", ""), ("b", "2")])

    assert list(upstream.calls[0].params) == [("b", "1"), ("a", ""), ("b", "2")]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_body_goes_on_byte_for_byte(hub: Hub, upstream: Provider, method: str) -> None:
    made, body = create(hub), b'{ "b" : 1,\n "a": "\\u00e4" }'

    proxied(hub, made, method, body=body)

    (call,) = upstream.calls
    assert (call.method, call.content, call.headers["content-type"]) == (method, body, "application/json")


@pytest.mark.parametrize("status", [201, 204, 301, 404, 422, 429, 500, 503])
def test_answer_comes_back_as_it_is(hub: Hub, upstream: Provider, status: int) -> None:
    upstream.answer = lambda _: reply(status=status, body=b"\x00\xffraw", content_type="image/png", etag='"v1"')

    answer = proxied(hub, create(hub))

    assert (answer.status, answer.body) == (status, b"\x00\xffraw")
    assert (answer.headers["Content-Type"], answer.headers["Etag"]) == ("image/png", '"v1"')
    assert answer.headers["Hub-Upstream-Status"] == str(status)
    assert len(upstream.calls) == 1


def test_answer_keeps_what_says_how_to_go_on_and_loses_cookies(hub: Hub, upstream: Provider) -> None:
    link = "<https://x/2>; rel=next"
    upstream.answer = lambda _: reply({}, link=link, retry_after="7", x_ratelimit_remaining="3", set_cookie="s=1")

    kept = proxied(hub, create(hub)).headers

    assert (kept["Link"], kept["Retry-After"], kept["X-Ratelimit-Remaining"]) == (link, "7", "3")
    assert "Set-Cookie" not in kept


def test_secret_that_the_provider_repeats_is_hidden(hub: Hub, upstream: Provider) -> None:
    upstream.answer = lambda call: reply({"you sent": call.headers["authorization"]}, x_ratelimit_key=SECRET)

    answer = proxied(hub, create(hub))

    assert json.loads(answer.body) == {"you sent": "Bearer ****"}
    assert SECRET not in str(answer.headers)


def test_named_headers_go_on_and_others_stay_behind(hub: Hub, upstream: Provider) -> None:
    headers = {"Hub-Forward-Notion-Version": "2022-06-28", "If-Match": '"v1"', "X-Own": "no", "Idempotency-Key": "k1"}

    proxied(hub, create(hub), headers=headers)

    sent = upstream.calls[0].headers
    assert (sent["notion-version"], sent["if-match"], sent["idempotency-key"]) == ("2022-06-28", '"v1"', "k1")
    assert "x-own" not in sent


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "Cookie", "Host", "Content-Length", "Connection"])
def test_header_that_would_authenticate_or_smuggle_is_refused(hub: Hub, upstream: Provider, name: str) -> None:
    answer = proxied(hub, create(hub), headers={f"Hub-Forward-{name}": "x"})

    assert (answer.status, answer.code, upstream.calls) == (400, "VALIDATION_ERROR", [])


@pytest.mark.parametrize("path", ["..%2fadmin", "a/../../b", "%2e%2e/x", "a/./b", "a%5c..%5cb"])
def test_path_never_leaves_the_address_of_the_integration(hub: Hub, upstream: Provider, path: str) -> None:
    answer = proxied(hub, create(hub), path=path)

    assert (answer.status, answer.code, upstream.calls) == (400, "VALIDATION_ERROR", [])


@pytest.mark.parametrize(
    "path", ["//evil.example.com/x", "@evil.example.com/x", "https://evil.example.com/x", "a%3Fb=1"]
)
def test_path_names_no_other_host_and_adds_no_query(hub: Hub, upstream: Provider, path: str) -> None:
    proxied(hub, create(hub), path=path)

    assert all(call.url.startswith("https://crm.example.com/") and "?" not in call.url for call in upstream.calls)


def test_call_leaves_a_line_in_the_log_without_secrets(hub: Hub, upstream: Provider) -> None:
    upstream.answer = lambda call: reply({"echo": call.headers["authorization"]}, status=422)
    made = create(hub)

    proxied(hub, made, "POST", body={"note": SECRET}, query={"q": "private"})

    line = last_line(hub, made)
    assert (line["kind"], line["method"], line["status"]) == ("proxy", "POST", 422)
    assert (line["url"], line["success"], line["userId"]) == ("https://crm.example.com/contacts", False, "u1")
    assert line["requestBody"] == {"note": "****"}
    assert SECRET not in str(line)
    assert "private" not in str(line)


def test_call_that_may_change_something_is_in_the_audit_trail(hub: Hub, upstream: Provider) -> None:
    made = create(hub)

    proxied(hub, made)
    proxied(hub, made, "DELETE", path="contacts/1")

    assert len(upstream.calls) == 2
    called = [entry for entry in hub.audit_entries() if entry["action"] == "integration.called"]
    assert [json.loads(entry["facts"])["method"] for entry in called] == ["DELETE"]


def test_answer_comes_back_although_the_log_cannot_be_written(hub: Hub, upstream: Provider) -> None:
    made = create(hub)

    with just_before("TransactWriteItems", lose_connection):
        answer = proxied(hub, made, "POST", body={})

    assert (answer.status, len(upstream.calls)) == (200, 1)


def test_failure_of_the_way_is_told_in_the_hubs_own_form(hub: Hub, upstream: Provider) -> None:
    from hub.core.errors import Retryable

    def fail(_: object) -> None:
        raise Retryable("crm.example.com did not answer within 30 s")

    upstream.answer = fail  # type: ignore[assignment]
    made = create(hub)

    answer = proxied(hub, made)

    assert (answer.status, answer.code) == (502, "UPSTREAM_ERROR")
    assert "Hub-Upstream-Status" not in answer.headers
    assert last_line(hub, made)["error"] == "crm.example.com did not answer within 30 s"


def test_circuit_that_is_open_refuses_at_once(hub: Hub, upstream: Provider) -> None:
    upstream.answer = lambda _: reply(status=503)
    made = create(hub)
    for _ in range(5):
        proxied(hub, made)

    answer = proxied(hub, made)

    assert (answer.status, answer.code, len(upstream.calls)) == (503, "CIRCUIT_OPEN", 5)


def test_foreign_integration_answers_like_a_missing_one(hub: Hub, other_hub: Hub, upstream: Provider) -> None:
    made = create(other_hub)

    foreign, missing = proxied(hub, made), proxied(hub, "int_00000000000000000000000000")

    assert (foreign.status, foreign.code) == (404, "INTEGRATION_NOT_FOUND")
    assert foreign.body["error"] | {"requestId": ""} == missing.body["error"] | {"requestId": ""}
    assert upstream.calls == []
    assert proxied(other_hub, made).status == 200


def test_users_do_not_call_with_the_tenants_credentials(hub: Hub, upstream: Provider) -> None:
    made = create(hub)

    assert proxied(hub, made, roles="user").status == 403
    assert proxied(hub, made, roles="", scopes="integrations:read").status == 403
    assert upstream.calls == []
    key = {"tenant": hub.tenant, "user": "", "roles": "", "scopes": "integrations:write", "keyId": "key_1"}
    assert proxied(hub, made, context=key).status == 200


def test_paused_integration_is_not_called(hub: Hub, upstream: Provider) -> None:
    made = create(hub, status="active")
    hub.call("PATCH", f"/api/v1/custom-integrations/{made}", {"status": "inactive"})

    assert (proxied(hub, made).status, upstream.calls) == (409, [])
