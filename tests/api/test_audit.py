"""One audit entry per change, in the same transaction: no change without an entry, no entry without a change."""

import json
import os

import pytest

from hub.core import resources
from hub.core.caller import Tenant
from hub.core.ids import new_id
from hub.core.tables import Put, key
from tests.api.conftest import Hub, just_before, lose_connection, make_integration

PATH = "/api/v1/documents/contact/c1"
INTEGRATIONS = "/api/v1/custom-integrations"


def actions(hub: Hub) -> list[str]:
    return [entry["action"] for entry in hub.audit_entries()]


def test_each_change_of_a_document_writes_one_entry(hub: Hub) -> None:
    hub.call("PUT", PATH, {"content": {"name": "Ada"}})
    hub.call("PUT", PATH, {"content": {"name": "Grace"}})
    hub.call("DELETE", PATH)

    assert actions(hub) == ["document.put", "document.put", "document.deleted"]


def test_entry_says_who_did_what_to_which_thing_and_when(hub: Hub) -> None:
    reply = hub.call("PUT", PATH, {"content": {"name": "canary-1212"}})

    (entry,) = hub.audit_entries()
    assert (entry["actor"], entry["action"], entry["target"]) == ("u1", "document.put", "contact/c1")
    assert entry["requestId"] == reply.headers["X-Request-Id"]
    assert json.loads(entry["facts"]) == {"version": 1}
    assert "canary" not in repr(entry)


def test_entry_of_a_program_names_its_key(hub: Hub) -> None:
    context = {"tenant": hub.tenant, "user": "key:K1", "roles": "", "scopes": "contacts:write", "keyId": "K1"}

    hub.call("PUT", PATH, {"content": {}}, context=context)

    assert [entry["actor"] for entry in hub.audit_entries()] == ["key:K1"]


def test_entry_of_a_super_admin_is_in_the_tenant_he_acted_for(hub: Hub, other_hub: Hub) -> None:
    hub.call("PUT", PATH, {"content": {}}, roles="super_admin", headers={"X-Tenant-Id": other_hub.tenant})

    assert actions(hub) == []
    assert actions(other_hub) == ["document.put"]


def test_reading_writes_no_entry(hub: Hub) -> None:
    hub.get("/api/v1/documents/contact")
    hub.get(PATH)

    assert actions(hub) == []


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [("PUT", b"{", 400), ("PUT", b'{"content": 1}', 400), ("DELETE", None, 404)],
)
def test_refused_change_writes_no_entry(hub: Hub, method: str, body: bytes | None, status: int) -> None:
    assert hub.call(method, PATH, body).status == status
    assert actions(hub) == []


def test_refused_caller_writes_no_entry(hub: Hub) -> None:
    assert hub.call("PUT", PATH, {"content": {}}, roles="", scopes="contacts:read").status == 403
    assert actions(hub) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_change_that_loses_against_another_one_writes_no_entry(hub: Hub, method: str) -> None:
    """Between reading and writing, somebody else changes the document: the whole transaction fails."""
    hub.call("PUT", PATH, {"content": {"name": "Ada"}})

    with just_before("TransactWriteItems", lambda: hub.call("PUT", PATH, {"content": {"name": "theirs"}})):
        late = hub.call(method, PATH, {"content": {"name": "mine"}} if method == "PUT" else None)

    assert (late.status, late.code) == (409, "CONFLICT")
    assert hub.get(PATH).body["content"] == {"name": "theirs"}
    assert len(actions(hub)) == hub.get(PATH).body["version"] == 2


@pytest.mark.usefixtures("stopped_clock")
def test_change_is_not_made_when_its_entry_cannot_be_written(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry's place is taken, which is the only way it can fail alone."""
    monkeypatch.setattr(os, "urandom", bytes)  # no chance, and no time that passes: every id is the same
    tables = resources.resources().tables
    taken = {**key(Tenant(hub.tenant), "audit", new_id("aud")), "action": "other"}
    tables.write(Put(tables.activity, taken))

    refused = hub.call("PUT", PATH, {"content": {"name": "Ada"}})

    assert refused.status == 409
    assert hub.get(PATH).status == 404
    assert actions(hub) == ["other"]


def test_nothing_is_written_when_the_storage_cannot_be_reached(hub: Hub) -> None:
    with just_before("TransactWriteItems", lose_connection):
        assert hub.call("PUT", PATH, {"content": {}}).status == 503

    assert hub.get(PATH).status == 404
    assert actions(hub) == []


def test_change_whose_answer_was_lost_writes_one_entry(small_hub: Hub) -> None:
    """The client sends it again with its key, and gets the first answer."""
    headers = {"Idempotency-Key": "k1"}

    first, second = (small_hub.post("/small/notes", {"text": "x"}, headers=headers) for _ in range(2))

    assert first.body == second.body
    assert actions(small_hub) == ["document.put"]


def test_each_change_of_an_integration_writes_one_entry_without_its_secret(hub: Hub) -> None:
    made = hub.post(INTEGRATIONS, make_integration()).body
    hub.call("PATCH", f"{INTEGRATIONS}/{made['id']}", {"displayName": "Customers"})
    hub.call("DELETE", f"{INTEGRATIONS}/{made['id']}")

    assert actions(hub) == ["integration.created", "integration.updated", "integration.deleted"]
    assert "canary" not in repr(hub.audit_entries())


def test_integration_whose_name_is_taken_writes_no_entry(hub: Hub) -> None:
    body = make_integration()
    hub.post(INTEGRATIONS, body)

    assert hub.post(INTEGRATIONS, body).status == 409
    assert actions(hub) == ["integration.created"]
