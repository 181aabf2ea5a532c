"""What a sync of both ways cannot do is told: records that fit nowhere, deletions that are not to be passed on."""

from collections.abc import Iterator

import pytest

from hub.core import clock
from hub.documents import MAX_CONTENT_BYTES
from tests.api.conftest import Hub
from tests.api.push_work import DELETING, Json, Pushes, counts, listing, writing

# Each fits on its own side, both together are more than a document may be.
HERE, THERE = "x" * 250_000, "y" * (MAX_CONTENT_BYTES - 250_000)


@pytest.fixture
def both(hub: Hub) -> Iterator[Pushes]:
    """Two contacts, one from each side, that are in step."""
    pushes = Pushes(hub)
    pushes.connect(listing(), writing(), DELETING)
    pushes.crm.records["r1"] = {"email": "there@example.com", "name": "There"}
    pushes.put("d1", email="here@example.com", name="Here")
    pushes.configured(conflictResolution="remote")
    pushes.sync()
    yield pushes
    clock.use(None)


def lines(both: Pushes, job: Json) -> list[Json]:
    rows: list[Json] = both.hub.get(f"/api/v1/sync-jobs/{job['id']}/logs", query={"limit": 100}).body["data"]
    return rows


def test_record_that_cannot_be_merged_is_named_with_the_reason(both: Pushes) -> None:
    both.put("d1", email="here@example.com", name="Here", notes=HERE)
    both.crm.records["r2"]["name"] = THERE
    both.crm.records["r1"]["name"] = "Renamed there"

    job = both.sync()

    (fault,) = [each for each in job["errorLog"] if each["externalId"] == "r2"]
    assert (job["status"], counts(job)["rejected"]) == ("COMPLETED", 1)
    assert (fault["page"], "bytes" in fault["reason"]) == (0, True)
    assert both.document("r1")["name"] == "Renamed there"


def test_record_that_could_not_be_merged_is_neither_taken_for_seen_nor_overwritten(both: Pushes) -> None:
    both.put("d1", email="here@example.com", name="Here", notes=HERE)
    both.crm.records["r2"]["name"] = THERE
    both.sync()

    both.sync()
    still_there = both.crm.records["r2"]["name"]
    both.put("d1", email="here@example.com", name="Here")
    both.sync()

    assert still_there == THERE
    assert both.document("d1")["name"] == THERE
    assert both.crm.records["r2"]["name"] == THERE


def test_deletions_that_are_kept_from_the_provider_are_counted_in_the_log(both: Pushes) -> None:
    both.delete("r1")
    both.delete("d1")

    job, later = both.sync(), both.sync()

    said = "2 documents deleted here stay at the provider: set deletes to tombstone"
    assert set(both.crm.records) == {"r1", "r2"}
    assert said in lines(both, job)[-1]["message"]
    assert not any("deleted here" in line["message"] for line in lines(both, later))


def test_deletions_that_go_out_are_not_said_to_stay(both: Pushes) -> None:
    (config,) = both.hub.get(f"/api/v1/teams/{both.hub.tenant}/sync-configs").body
    path = f"/api/v1/teams/{both.hub.tenant}/sync-configs/{config['id']}"
    assert both.hub.call("PATCH", path, {"deletes": "tombstone"}).status == 200
    both.delete("r1")

    job = both.sync()

    assert set(both.crm.records) == {"r2"}
    assert not any("deleted here" in line["message"] for line in lines(both, job))
