"""The request log of an integration, as S003 and S004 list it, and the lines that a program reports."""

from typing import Any

import pytest

from hub.core.ids import ulid
from hub.integrations.instances.log_models import ApiRequestLog, ApiRequestLogPage, RequestLogs
from tests.api.conftest import Hub, StoppedClock
from tests.api.instances import V1, Json, created_v1, logged, of_user, plain, pointers, team
from tests.api.sync_work import Provider, Sync, contacts

REPORT: Json = {"method": "POST", "endpoint": "/v3/contacts", "statusCode": 201, "duration": 87, "success": True}
EXAMPLE = {**REPORT, "userId": "user-7"}


@pytest.fixture
def made(hub: Hub) -> str:
    return str(created_v1(hub, plain())["id"])


def path(hub: Hub, integration_id: str) -> str:
    return f"{team(hub)}/{integration_id}/request-logs"


def report(hub: Hub, integration_id: str, **changed: Any) -> Any:
    return hub.post(path(hub, integration_id), {**REPORT, **changed})


def listed(hub: Hub, integration_id: str, **query: Any) -> list[Json]:
    """Return S003's list."""
    reply = hub.get(path(hub, integration_id), query=query)
    RequestLogs.model_validate(reply.body)
    rows: list[Json] = reply.body
    return rows


def api_logs(hub: Hub, integration_id: str, **query: Any) -> Json:
    """Return a page of S004's list."""
    reply = hub.get(f"{V1}/{integration_id}/logs", query=query)
    ApiRequestLogPage.model_validate(reply.body)
    page: Json = reply.body
    return page


def test_reported_line_is_answered_and_listed(hub: Hub, made: str) -> None:
    reply = report(hub, made, userId="user-7")

    assert reply.status == 201, reply.body
    assert {name: reply.body[name] for name in EXAMPLE} == EXAMPLE
    assert (reply.body["teamId"], reply.body["integrationId"]) == (hub.tenant, made)
    assert listed(hub, made) == [reply.body]
    (line,) = api_logs(hub, made)["data"]
    ApiRequestLog.model_validate(line)
    assert (line["kind"], line["endpoint"], line["statusCode"]) == ("reported", "/v3/contacts", 201)


def test_reported_failure_says_why(hub: Hub, made: str) -> None:
    report(hub, made, success=False, statusCode=500, error="the server broke")

    assert [(line["success"], line["error"]) for line in listed(hub, made)] == [(False, "the server broke")]


def test_query_of_a_reported_endpoint_is_not_kept(hub: Hub, made: str) -> None:
    """A key may stand in a query."""
    report(hub, made, endpoint="https://api.example.com/x?key=canary")

    assert "canary" not in repr((listed(hub, made), api_logs(hub, made)))


@pytest.mark.parametrize(
    ("caller", "user"),
    [
        ({"roles": "tenant_admin"}, "user-7"),
        ({"roles": "", "scopes": "admin:full"}, "user-7"),
        ({"roles": "", "scopes": "integrations:write"}, "u1"),
    ],
    ids=["administrator", "program with all rights", "program"],
)
def test_only_an_administrator_names_another_user(hub: Hub, made: str, caller: Json, user: str) -> None:
    reply = hub.post(path(hub, made), EXAMPLE, **caller)

    assert (reply.status, reply.body["userId"]) == (201, user)
    assert hub.audit_entries()[-1]["action"] == "request_log.reported"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"method": "BREW"}, "/method"),
        ({"endpoint": ""}, "/endpoint"),
        ({"statusCode": 1000}, "/statusCode"),
        ({"statusCode": "200"}, "/statusCode"),
        ({"duration": -1}, "/duration"),
        ({"success": 1}, "/success"),
        ({"error": "x" * 2001}, "/error"),
        ({"timestamp": "2026-01-01T00:00:00Z"}, "/timestamp"),
    ],
    ids=str,
)
def test_bad_line_is_refused_with_its_place(hub: Hub, made: str, change: Json, where: str) -> None:
    reply = report(hub, made, **change)

    assert (reply.status, pointers(reply)) == (400, [where])
    assert listed(hub, made) == []


def test_lines_are_listed_newest_first_in_pages(hub: Hub, made: str, stopped_clock: StoppedClock) -> None:
    for number in range(5):
        stopped_clock.advance(1)
        report(hub, made, endpoint=f"/{number}")

    first = hub.get(path(hub, made), query={"limit": 2})
    pages = [api_logs(hub, made, limit=2)]
    while pages[-1]["hasMore"]:
        pages.append(api_logs(hub, made, limit=2, cursor=pages[-1]["nextCursor"]))

    assert [row["endpoint"] for row in first.body] == ["/4", "/3"]
    assert (first.headers["Cache-Control"], 'rel="next"' in first.headers["Link"]) == ("private, max-age=300", True)
    assert [row["endpoint"] for page in pages for row in page["data"]] == ["/4", "/3", "/2", "/1", "/0"]


def test_notes_between_calls_do_not_shorten_a_page(hub: Hub, made: str, stopped_clock: StoppedClock) -> None:
    for number in range(12):
        stopped_clock.advance(1)
        if number % 4 == 0:
            report(hub, made, endpoint=f"/{number}")
        else:
            logged(hub, made, ulid(), {"kind": "handed_on", "message": "later", "page": 0}, {"waitSeconds": 30})

    pages = [api_logs(hub, made, limit=2)]
    while pages[-1]["hasMore"]:
        pages.append(api_logs(hub, made, limit=2, cursor=pages[-1]["nextCursor"]))

    assert [row["endpoint"] for page in pages for row in page["data"]] == ["/8", "/4", "/0"]


def test_lines_of_the_hub_show_in_both(hub: Hub, made: str) -> None:
    facts = {"method": "GET", "url": "https://a.example.com/contacts", "durationMs": 12, "secretThing": "canary"}
    headers = {"requestHeaders": {"authorization": "****"}, "responseBody": "ok"}
    logged(
        hub, made, f"{ulid()}#0000000.00001.page", {"kind": "page", "message": "page stored"}, {**facts, "status": 200}
    )
    logged(hub, made, f"{ulid()}#test", {"kind": "test", "message": "no"}, {**facts, "status": 401, "success": False})
    logged(hub, made, f"{ulid()}#proxy", {"kind": "proxy", "message": "ok"}, {**facts, **headers, "userId": "u9"})
    logged(hub, made, f"{ulid()}#failed", {"kind": "failed", "message": "timed out"}, {"code": "UPSTREAM_ERROR"})

    rows, api = {row["id"][27:]: row for row in listed(hub, made)}, api_logs(hub, made)["data"]

    assert {name: (row["statusCode"], row["success"], row.get("error")) for name, row in rows.items()} == {
        "0000000.00001.page": (200, True, None),
        "test": (401, False, "no"),
        "proxy": (0, True, None),
        "failed": (0, False, "timed out"),
    }
    assert "canary" not in repr((rows, api))
    assert "requestHeaders" not in rows["proxy"]
    (proxy,) = [row for row in api if row["kind"] == "proxy"]
    assert (proxy["requestHeaders"], proxy["userId"]) == ({"authorization": "****"}, "u9")


def test_pages_of_a_sync_are_calls(hub: Hub) -> None:
    sync = Sync(hub, Provider(contacts(25), 10))
    integration_id = sync.connect()
    sync.work(sync.start(integration_id))

    rows = listed(hub, integration_id)

    assert [(row["method"], row["statusCode"], row["success"]) for row in rows] == [("GET", 200, True)] * 3
    assert {row["endpoint"] for row in rows} == {"https://crm.example.com/contacts"}


def test_what_everybody_sent_is_for_administrators(hub: Hub, made: str) -> None:
    assert of_user(hub, "GET", f"{V1}/{made}/logs").status == 403
    assert of_user(hub, "GET", path(hub, made)).status == 403
    assert of_user(hub, "POST", path(hub, made), REPORT).status == 403


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"cursor": "x"}], ids=str)
def test_bad_query_is_refused(hub: Hub, made: str, query: Json) -> None:
    assert hub.get(path(hub, made), query=query).status == 400
    assert hub.get(f"{V1}/{made}/logs", query=query).status == 400
