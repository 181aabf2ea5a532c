"""A document that a one-way sync read has the provider's own id: its first push changes that record."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hub.core import clock
from tests.api.conftest import Hub
from tests.api.push_work import Crm, Json, Pushes, counts, listing, writing


@dataclass
class ById(Crm):
    """It changes the record whose id is sent, and makes a new one of every other."""

    def _upserted(self, item: Json) -> Json:
        name = item.get("id") or f"new{len(self.records)}"
        content = {key: value for key, value in item.items() if key != "id"}
        self.records[name] = {**self.records.get(name, {}), **content}
        return {"id": name}


def by_id() -> Json:
    found = writing()
    found["batch"]["fieldMappings"] += [{"source": "$.externalId", "target": "id", "skipIfEmpty": True}]
    return found


@pytest.fixture
def pushes(hub: Hub) -> Iterator[Pushes]:
    found = Pushes(hub, ById())
    found.crm.records["r1"] = {"email": "there@example.com", "name": "There"}
    yield found
    clock.use(None)


def pull(pushes: Pushes, **asked: Any) -> Json:
    return pushes.push("FULL_SYNC", direction="INBOUND", **asked)


def test_edit_of_a_record_that_was_read_changes_that_record(pushes: Pushes) -> None:
    pushes.connect(listing(), by_id())
    pull(pushes)
    pushes.put("r1", email="there@example.com", name="Edited here")

    job = pushes.push()

    assert counts(job) == {"read": 1, "updated": 1}
    assert pushes.crm.records == {"r1": {"email": "there@example.com", "name": "Edited here"}}
    pushes.put("r1", email="there@example.com", name="Edited again")
    assert counts(pushes.push()) == {"read": 1, "updated": 1}
    assert pushes.crm.records == {"r1": {"email": "there@example.com", "name": "Edited again"}}


def test_record_that_was_only_read_is_not_sent_back(pushes: Pushes) -> None:
    pushes.connect(listing(), by_id())
    pull(pushes)

    assert counts(pushes.push()) == {"read": 1, "unchanged": 1}
    assert pushes.crm.sent == []


def test_document_of_a_person_has_no_id_of_the_provider(pushes: Pushes) -> None:
    pushes.connect(listing(), by_id())
    pushes.put("r1", email="new@example.com", name="Made here")

    job = pushes.push()

    assert counts(job) == {"read": 1, "created": 1}
    assert pushes.crm.records["r1"]["name"] == "There"


def test_document_of_another_integration_is_new_to_this_one(pushes: Pushes, hub: Hub) -> None:
    pushes.connect(listing(), by_id())
    pull(pushes)
    other = Pushes(hub, ById(), pushes.now_s)
    made = hub.post("/api/v1/custom-integrations", _named(pushes, "other"))
    other.integration_id = str(made.body["id"])

    job = other.push()

    assert counts(job) == {"read": 1, "created": 1}
    assert list(other.crm.records) == ["new0"]


def test_ids_that_begin_with_their_parents_are_not_the_providers(pushes: Pushes) -> None:
    scoped = {"documentType": "team", "param": "team", "as": "teamId", "scopedIds": True}
    notes = {**listing(parent=scoped), "id": "notes", "name": "notes", "path": "/teams/{team}/contacts"}
    notes |= {"pathParams": [{"name": "team", "required": True}]}
    pushes.connect(listing(), by_id(), notes)
    pull(pushes, endpointId="list")
    pushes.put("r1", email="there@example.com", name="Edited here")

    job = pushes.push()

    assert counts(job) == {"read": 1, "created": 1}
    assert "r1" in pushes.crm.records


def _named(pushes: Pushes, name: str) -> Json:
    from tests.api.conftest import make_integration

    assert pushes.integration_id
    retry = {"maxRetries": 0, "retryDelay": 0, "retryOn": []}
    return make_integration(name, endpoints=[listing(), by_id()], retryConfig=retry, status="active")
