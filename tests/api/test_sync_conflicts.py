"""The inbox of sync conflicts: what each is about, and that a decision reaches both sides."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hub.core import clock
from hub.sync.two_way.models import SyncConflict, SyncConflictPage
from tests.api.conftest import Hub
from tests.api.push_work import DELETING, Json, Pushes, listing, writing


@pytest.fixture
def both(hub: Hub) -> Iterator[Pushes]:
    """One contact in step, whose conflicts nobody but a person decides."""
    pushes = Pushes(hub)
    pushes.connect(listing(), writing(), DELETING)
    pushes.put("d1", email="ada@example.com", name="Ada")
    pushes.configured(deletes="tombstone")
    pushes.sync()
    yield pushes
    clock.use(None)


def disputed(both: Pushes) -> Json:
    """Let both sides rename the contact; return the conflict."""
    both.put("d1", email="ada@example.com", name="here")
    both.crm.records["r1"]["name"] = "there"
    both.sync()
    (conflict,) = both.conflicts()
    return conflict


def names(both: Pushes) -> tuple[str, str]:
    return both.document("d1")["name"], both.crm.records["r1"]["name"]


def test_conflict_names_its_field_with_the_base_and_both_values(both: Pushes) -> None:
    conflict = disputed(both)

    SyncConflict.model_validate(conflict)
    assert {name: conflict[name] for name in ("field", "kind", "base", "local", "remote", "status")} == {
        "field": "name",
        "kind": "edit",
        "base": "Ada",
        "local": "here",
        "remote": "there",
        "status": "open",
    }
    assert (conflict["documentId"], conflict["externalId"]) == ("d1", "r1")
    assert conflict["integrationId"] == both.integration_id
    assert conflict["jobId"].startswith("job_")


@pytest.mark.parametrize(
    ("decision", "name"),
    [
        ({"resolution": "local"}, "here"),
        ({"resolution": "remote"}, "there"),
        ({"resolution": "value", "value": "neither"}, "neither"),
    ],
    ids=["local", "remote", "value"],
)
def test_decision_reaches_the_document_at_once_and_the_provider_with_the_next_sync(
    both: Pushes, decision: Json, name: str
) -> None:
    conflict = disputed(both)

    resolved = both.resolve(conflict, **decision)

    assert (resolved.status, resolved.body["status"]) == (200, "resolved")
    assert both.document("d1")["name"] == name
    job = both.sync()
    assert (job["conflicts"], names(both)) == (0, (name, name))
    assert both.conflicts() == []


def test_conflict_stays_open_until_somebody_decides(both: Pushes) -> None:
    conflict = disputed(both)

    job = both.sync()

    assert job["conflicts"] == 0  # it is not a new one
    assert [each["id"] for each in both.conflicts()] == [conflict["id"]]
    assert names(both) == ("here", "there")


def test_conflict_ends_by_itself_when_the_sides_agree(both: Pushes) -> None:
    disputed(both)
    both.crm.records["r1"]["name"] = "here"

    both.sync()

    assert both.conflicts() == []
    assert [each["resolution"] for each in both.conflicts(status="resolved")] == ["agreed"]


def test_decision_about_a_value_that_has_changed_is_refused_with_the_present_ones(both: Pushes) -> None:
    conflict = disputed(both)
    both.put("d1", email="ada@example.com", name="edited again")

    refused = both.resolve(conflict, resolution="remote")
    again = both.resolve(conflict, resolution="local")

    assert refused.status == 409
    assert refused.body["error"]["details"]["present"] == {"base": "Ada", "local": "edited again", "remote": "there"}
    assert again.status == 200
    assert both.document("d1")["name"] == "edited again"


def test_conflict_is_decided_once(both: Pushes) -> None:
    conflict = disputed(both)
    both.resolve(conflict, resolution="remote")

    assert both.resolve(conflict, resolution="local").status == 409
    assert both.document("d1")["name"] == "there"


def test_decision_is_audited(both: Pushes) -> None:
    conflict = disputed(both)
    both.resolve(conflict, resolution="remote")

    found = [entry for entry in both.hub.audit_entries() if entry["action"] == "sync.conflict_resolved"]
    assert [(entry["target"], json.loads(entry["facts"])["resolution"]) for entry in found] == [
        (conflict["id"], "remote")
    ]


@pytest.mark.parametrize(
    "body", [{}, {"resolution": "value"}, {"resolution": "local", "value": 1}, {"resolution": "x"}]
)
def test_decision_without_sense_is_refused(both: Pushes, body: Json) -> None:
    assert both.resolve(disputed(both), **body).status == 400


def test_list_goes_by_integration_and_status_page_by_page(both: Pushes) -> None:
    both.put("d1", email="ada@example.com", name="here", phone="1")
    both.crm.records["r1"] |= {"name": "there", "phone": "2"}
    both.sync()

    page: Any = both.hub.get("/api/v1/sync-conflicts", query={"limit": "1"}).body
    SyncConflictPage.model_validate(page)
    rest = both.conflicts(limit="1", cursor=page["nextCursor"])

    assert {page["data"][0]["field"], rest[0]["field"]} == {"name", "phone"}
    assert len(both.conflicts(integrationId=both.integration_id)) == 2
    assert both.conflicts(integrationId="int_other") == []
    assert both.conflicts(status="resolved") == []
    assert both.hub.get("/api/v1/sync-conflicts", query={"status": "odd"}).status == 400


def test_program_needs_the_right_to_documents_to_see_what_they_hold_or_to_decide(both: Pushes) -> None:
    conflict = disputed(both)
    path, body = f"/api/v1/sync-conflicts/{conflict['id']}/resolve", {"resolution": "local"}

    def listed(scopes: str) -> int:
        return both.hub.get("/api/v1/sync-conflicts", roles="", scopes=scopes).status

    def decided(scopes: str) -> int:
        return both.hub.post(path, body, roles="", scopes=scopes).status

    assert [listed(scopes) for scopes in ("integrations:read", "contacts:read")] == [403, 403]
    assert listed("integrations:read contacts:read") == 200
    assert [decided(scopes) for scopes in ("integrations:write", "integrations:write contacts:read")] == [403, 403]
    assert decided("integrations:write contacts:write") == 200


# One side deleted the record


def deleted_there(both: Pushes) -> Json:
    """Let the contact be edited here and deleted there, where another one is left; return the job."""
    both.crm.records["other"] = {"email": "eve@example.com", "name": "Eve"}
    both.put("d1", email="ada@example.com", name="edited")
    del both.crm.records["r1"]
    return both.sync()


def test_deletion_there_against_an_edit_here_waits_for_a_decision(both: Pushes) -> None:
    job = deleted_there(both)

    (conflict,) = both.conflicts()
    assert (job["conflicts"], conflict["kind"], conflict["field"], conflict["remote"]) == (1, "delete", None, None)
    assert conflict["local"] == {"email": "ada@example.com", "name": "edited"}
    assert (both.document("d1")["name"], list(both.crm.records)) == ("edited", ["other"])


@pytest.mark.parametrize("resolution", ["local", "remote"])
def test_decision_about_what_was_deleted_there(both: Pushes, resolution: str) -> None:
    deleted_there(both)

    resolved = both.resolve(both.conflicts()[0], resolution=resolution)
    both.sync()

    assert resolved.status == 200, resolved.body
    is_here = both.hub.get("/api/v1/documents/contact/d1").status == 200
    assert (is_here, len(both.crm.records)) == ((True, 2) if resolution == "local" else (False, 1))
    assert both.conflicts() == []


@pytest.mark.parametrize("resolution", ["local", "remote"])
def test_decision_about_what_was_deleted_here(both: Pushes, resolution: str) -> None:
    both.delete("d1")
    both.crm.records["r1"]["name"] = "edited there"
    both.sync()

    resolved = both.resolve(both.conflicts()[0], resolution=resolution)
    both.sync()

    assert resolved.status == 200, resolved.body
    is_here = both.hub.get("/api/v1/documents/contact/d1").status == 200
    assert (is_here, len(both.crm.records)) == ((False, 0) if resolution == "local" else (True, 1))
