"""The audit trail as administrators read it."""

from typing import Any

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.ids import new_id
from hub.core.tables import Put, key
from hub.insights import audit_logs
from hub.insights.audit_models import AuditPage
from tests.api.conftest import Hub, StoppedClock
from tests.api.instances import TENANT, Json, enabled, of_user, patched
from tests.api.subscriptions import tables

PATH = "/api/v1/audit-logs"
BAD_QUERIES: list[Json] = [
    {"since": "yesterday"},
    {"until": "1e400"},
    {"since": "2026-02-01", "until": "2026-01-01"},
    {"since": "0001-01-01T00:00:00+14:00"},
    {"actor": "x" * 301},
    {"cursor": "x"},
    {"limit": 0},
]


def listed(hub: Hub, **query: Any) -> Json:
    reply = hub.get(PATH, query=query)
    assert reply.status == 200, reply.body
    AuditPage.model_validate(reply.body)
    page: Json = reply.body
    return page


def actions(hub: Hub, **query: Any) -> list[str]:
    return [entry["action"] for entry in listed(hub, **query)["data"]]


def test_entry_says_who_did_what_to_which_thing(hub: Hub) -> None:
    made = enabled(hub)

    (entry,) = listed(hub)["data"]

    assert (entry["actor"], entry["action"], entry["target"]) == ("u1", "integration.created", made["id"])
    assert entry["facts"] == {"name": "crm", "provider": "acme", "surface": "tenant"}


def test_entries_are_filtered(hub: Hub, stopped_clock: StoppedClock) -> None:
    one, two = enabled(hub, "one"), enabled(hub, "two")
    stopped_clock.advance(60)
    between = clock.now()
    stopped_clock.advance(60)
    patched(hub, one, {"description": "x"})
    stopped_clock.advance(1)
    hub.call("DELETE", f"{TENANT}/{two['id']}", roles="", scopes="integrations:write")

    everything = ["integration.deleted", "integration.updated", "integration.created", "integration.created"]
    assert actions(hub) == everything
    assert actions(hub, action="integration.created") == everything[2:]
    assert actions(hub, action="integration.*") == everything
    assert actions(hub, action="integration") == []
    assert actions(hub, target=one["id"]) == ["integration.updated", "integration.created"]
    assert actions(hub, actor="nobody") == []
    assert actions(hub, since=between) == everything[:2]
    assert actions(hub, until=between) == everything[2:]
    assert actions(hub, since=between, until=between) == []


def test_pages_hold_every_entry_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_logs, "PAGE_READ", 2)
    for number in range(7):
        enabled(hub, f"n{number}")

    pages = [listed(hub, limit=3, actor="u1")]
    while pages[-1]["hasMore"]:
        pages.append(listed(hub, limit=3, actor="u1", cursor=pages[-1]["nextCursor"]))

    ids = [entry["id"] for page in pages for entry in page["data"]]
    assert (len(ids), len(set(ids)), ids) == (7, 7, sorted(ids, reverse=True))


def test_rare_entry_is_found_by_the_cursor(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request looks at so many entries and no more."""
    monkeypatch.setattr(audit_logs, "PAGE_READ", 2)
    monkeypatch.setattr(audit_logs, "MOST_READ", 4)
    rare = {**key(Tenant(hub.tenant), "audit", new_id("aud")), "action": "rare", "actor": "x", "target": "t"}
    tables().write(
        Put(tables().activity, {**rare, "id": rare["sk"], "at": clock.now(), "requestId": "r", "facts": "{}"})
    )
    for number in range(9):
        enabled(hub, f"n{number}")

    pages = [listed(hub, action="rare")]
    while pages[-1]["hasMore"]:
        pages.append(listed(hub, action="rare", cursor=pages[-1]["nextCursor"]))

    assert pages[0]["data"] == []
    assert [entry["action"] for page in pages for entry in page["data"]] == ["rare"]


@pytest.mark.parametrize(
    "query",
    BAD_QUERIES,
    ids=str,
)
def test_bad_query_is_refused(hub: Hub, query: Json) -> None:
    assert hub.get(PATH, query=query).status == 400


def test_trail_is_the_tenants_own(hub: Hub, other_hub: Hub) -> None:
    enabled(other_hub)

    assert listed(hub)["data"] == []
    as_operator = hub.get(PATH, roles="super_admin", headers={"X-Tenant-Id": other_hub.tenant})
    assert [entry["action"] for entry in as_operator.body["data"]] == ["integration.created"]


def test_only_administrators_read_it(hub: Hub) -> None:
    assert of_user(hub, "GET", PATH).status == 403
    assert hub.get(PATH, roles="", scopes="integrations:read").status == 403
    assert hub.get(PATH, roles="", scopes="admin:full").status == 200


def test_cursor_of_another_tenant_is_refused(hub: Hub, other_hub: Hub) -> None:
    for number in range(2):
        enabled(other_hub, f"n{number}")
    cursor = listed(other_hub, limit=1)["nextCursor"]

    assert hub.get(PATH, query={"cursor": cursor}).status == 400
