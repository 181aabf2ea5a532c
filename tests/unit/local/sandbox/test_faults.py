"""Faults do what they say, as often as they were told, and only where they were told."""

from typing import Any

import httpx
import pytest

from local.sandbox.server import RunningSandbox

CURSOR = "/v1/cursor/contacts"


def switch_on(api: httpx.Client, kind: str, path_prefix: str = CURSOR, **settings: Any) -> None:
    reply = api.post("/_control/faults", json={"path_prefix": path_prefix, "kind": kind, **settings})
    assert reply.status_code == 201, reply.text


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_status_fault_strikes_after_and_as_often_as_told(api: httpx.Client, status: int) -> None:
    switch_on(api, f"status_{status}", after=1, times=2)

    statuses = [api.get(CURSOR).status_code for _ in range(4)]

    assert statuses == [200, status, status, 200]
    assert api.get("/v1/page/contacts").status_code == 200


def test_429_tells_the_wait(api: httpx.Client) -> None:
    switch_on(api, "status_429", retry_after_s=7)

    assert api.get(CURSOR).headers["retry-after"] == "7"


def test_slow_answer_comes_after_the_client_lost_patience(api: httpx.Client) -> None:
    switch_on(api, "slow", delay_s=60, times=1)

    with pytest.raises(httpx.ReadTimeout):
        api.get(CURSOR, timeout=0.05)

    assert api.get(CURSOR).status_code == 200


def test_truncated_answer_ends_before_its_announced_length(api: httpx.Client) -> None:
    switch_on(api, "truncated", times=1)

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        api.get(CURSOR)

    assert api.get(CURSOR).status_code == 200


def test_dropped_connection_gives_no_answer(api: httpx.Client, sandbox: RunningSandbox) -> None:
    switch_on(api, "drop_connection", times=1)

    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        api.get(CURSOR)

    assert api.get(CURSOR).status_code == 200
    assert [entry["status"] for entry in sandbox.requests] == [None, 200]


def test_not_json_answers_a_page_with_status_200(api: httpx.Client) -> None:
    switch_on(api, "not_json")

    reply = api.get(CURSOR)

    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_graphql_error_answers_200_without_data(api: httpx.Client) -> None:
    switch_on(api, "graphql_error", "/graphql", times=1)

    replies = [api.post("/graphql", json={"query": "{ contacts { totalCount } }"}).json() for _ in range(2)]

    assert replies[0]["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert replies[1] == {"data": {"contacts": {"totalCount": 10_000}}}


def test_repeated_cursor_names_the_page_just_asked_for(api: httpx.Client) -> None:
    switch_on(api, "repeated_cursor")
    following = api.get(CURSOR).json()["paging"]["next"]

    pages = [api.get(CURSOR, params=following).json() for _ in range(2)]

    assert [page["paging"]["next"] for page in pages] == [following, following]
    assert pages[0]["results"][0]["id"] == "c00101"


def test_repeated_link_names_the_page_just_asked_for(api: httpx.Client) -> None:
    switch_on(api, "repeated_cursor", "/v1/")
    header = api.get("/v1/link/contacts").links["next"]["url"]
    in_body = api.get("/v1/nextlink/contacts").json()["nextRecordsUrl"]

    assert api.get(header).links["next"]["url"] == header
    assert api.get(in_body).json()["nextRecordsUrl"] == in_body


def test_repeated_page_ignores_the_position(api: httpx.Client) -> None:
    switch_on(api, "repeated_page", "/v1/")

    by_offset = api.get("/v1/offset/contacts?offset=300").json()["data"]["items"]
    by_page = api.get("/v1/page/contacts?page=4").json()["results"]

    assert by_offset[0]["id"] == by_page[0]["id"] == "c00001"


def test_schema_drift_renames_moves_and_retypes(api: httpx.Client, sandbox: RunningSandbox) -> None:
    before = sandbox.world.contacts.get("c00001")
    switch_on(api, "schema_drift", "/v1/")

    after = api.get(CURSOR).json()["results"][0]

    assert after["given_name"] == before["first_name"]
    assert after["contact"] == {"email": before["email"]}
    assert after["lifetime_value"] == float(before["lifetime_value"])
    assert after["tags"] == ",".join(before["tags"])
    assert not {"first_name", "last_name", "email"} & after.keys()
    assert api.get("/v1/contacts/c00001").json() == after


def test_faults_are_listed_and_cleared(api: httpx.Client) -> None:
    switch_on(api, "status_500")
    api.get(CURSOR)

    listed = api.get("/_control/faults").json()["faults"]
    api.delete("/_control/faults")

    assert [(fault["kind"], fault["fired"]) for fault in listed] == [("status_500", 1)]
    assert api.get(CURSOR).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "status_500"},
        {"path_prefix": "/", "kind": "status_200"},
        {"path_prefix": "/", "kind": "earthquake"},
        {"path_prefix": "/", "kind": "status_500", "times": "2"},
        {"path_prefix": "/", "kind": "status_500", "timse": 2},
    ],
)
def test_control_refuses_a_fault_that_it_does_not_understand(api: httpx.Client, body: dict[str, Any]) -> None:
    assert api.post("/_control/faults", json=body).status_code == 400
    assert api.get(CURSOR).status_code == 200


def test_journal_shows_what_arrived(api: httpx.Client) -> None:
    api.post("/v1/echo?a=1", content=b"hello", headers={"Authorization": "Bearer abc"})
    api.get("/v1/page/contacts?page=2")

    items = api.get("/_control/requests", params={"path_prefix": "/v1/echo"}).json()["items"]

    assert len(items) == 1
    assert (items[0]["method"], items[0]["query"], items[0]["status"]) == ("POST", {"a": "1"}, 200)
    assert items[0]["headers"]["authorization"] == "Bearer abc"
    assert items[0]["body_base64"] == "aGVsbG8="


def test_reset_brings_the_seeded_state_back(api: httpx.Client, sandbox: RunningSandbox) -> None:
    sandbox.world.delete_contact("c00001")
    switch_on(api, "status_500")

    api.post("/_control/reset")

    assert api.get("/v1/contacts/c00001").status_code == 200
    assert len(sandbox.requests) == 1
