"""A list that exists once per parent, killed anywhere: every parent is read once, and keeps a watermark of its own."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from hub.core import clock
from hub.outbound.calls import Call, Reply
from hub.sync.pull.partitions import Partition, Partitions
from tests.api.conftest import Cloud, Hub
from tests.proofs.conftest import Killed, Killer, Provider, Runs, definition

PARENTS, PAGES, PAGE = 3, 3, 2
RECORDS = PARENTS * PAGES * PAGE
HOUR_S = 3600.0
# `make proofs` kills at every call, the suite at each third one.
STRIDE = int(os.environ.get("HUB_PROOF_STRIDE", "6"))


@dataclass
class Companies(Provider):
    """Companies, and the contacts of each: those of a later one are younger."""

    records: list[Mapping[str, Any]] = field(default_factory=list)
    lists: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        self.calls += 1
        query = {**dict(parse_qsl(urlsplit(call.url).query)), **dict(call.params)}
        of = re.search(r"/companies/([^/]+)/contacts$", urlsplit(call.url).path)
        found: list[Mapping[str, Any]] = [{"id": name} for name in sorted(self.lists)]
        if of is not None:
            found = [each for each in self.lists[of[1]] if each["at"] >= query.get("since", "")]
        start = int(query.get("after", 0))
        body: dict[str, Any] = {"results": found[start : start + PAGE]}
        if start + PAGE < len(found):
            body["paging"] = {"next": {"after": str(start + PAGE)}}
        return Reply(200, {"content-type": "application/json"}, json.dumps(body).encode(), 1, 1)


def contact(company: str, number: int, at_s: float) -> Mapping[str, Any]:
    return {"id": f"{company}-{number}", "name": f"Name {number}", "n": number, "at": clock.iso(at_s)}


def connector() -> dict[str, Any]:
    raw = definition()
    of_company = raw["endpoints"][0]
    words = {
        "path": "/companies/{companyId}/contacts",
        "pathParams": [{"name": "companyId", "required": True}],
        "parent": {"documentType": "company", "param": "companyId"},
        "incremental": {"field": "$.at", "param": "since"},
    }
    mapping = {"dataPath": "$.results", "identifierField": "$.id", "targetShardTypeId": "company"}
    companies = {**of_company, "id": "companies", "name": "companies", "path": "/companies", "responseMapping": mapping}
    return {**raw, "endpoints": [companies, {**of_company, **words}]}


def begun(cloud: Cloud, name: str) -> tuple[Runs, str]:
    """Return an integration whose companies are stored, and the pending job that reads the contacts of each."""
    now = clock.epoch_s()
    lists = {
        f"p{parent}": [
            contact(f"p{parent}", number, now - (20 - 6 * parent) * HOUR_S - number) for number in range(PAGES * PAGE)
        ]
        for parent in range(PARENTS)
    }
    runs = Runs(Hub(cloud, name), Companies(lists=lists))
    runs.hub.cloud.forget()
    made = runs.hub.post("/api/v1/custom-integrations", connector())
    assert made.status == 201, made.body
    assert runs.work_until_it_ends(runs.again(made.body["id"], endpointId="companies"))["status"] == "COMPLETED"
    return runs, runs.again(made.body["id"])


def killed(runs: Runs, killer: Killer, job_id: str, at: int, *, after_effect: bool) -> dict[str, Any]:
    killer.arm(at, after_effect=after_effect)
    with pytest.raises(Killed):
        runs.work(job_id)
    killer.arm(0, after_effect=False)
    return runs.work_until_it_ends(job_id)


def counted(**counts: int) -> dict[str, int]:
    return {"read": 0, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0, "deleted": 0, **counts}


def changed_in_each(runs: Runs, integration_id: str) -> dict[str, int]:
    """Let each list get a record that is older than those of the next list; return what another run counts."""
    provider: Any = runs.provider
    for company, contacts in provider.lists.items():
        at = max(each["at"] for each in contacts)
        contacts.append({"id": f"{company}-late", "name": "late", "n": 9, "at": at})
    job = runs.work_until_it_ends(runs.again(integration_id))
    assert job["jobType"] == "INCREMENTAL"
    found: dict[str, int] = job["counters"]
    return found


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_every_parent_is_read_once_when_a_worker_dies_at_any_step(
    cloud: Cloud, killer: Killer, after_effect: bool
) -> None:
    runs, job_id = begun(cloud, f"parts-{after_effect}")
    killer.seen = 0
    runs.work(job_id)
    steps = killer.seen

    chosen = range(1, steps + 1, STRIDE)
    for step in chosen:
        runs, job_id = begun(cloud, f"part-{step}-{after_effect}")
        job = killed(runs, killer, job_id, step, after_effect=after_effect)

        assert job["status"] == "COMPLETED", (step, job)
        assert job["counters"] == counted(read=RECORDS, created=RECORDS), step
        assert job["page"] == PARENTS * PAGES
        assert len(runs.documents()) == RECORDS
        if step % 5 == 1:
            # What lies within the overlap of each parent is read again, and nothing else.
            again = counted(read=RECORDS + PARENTS, created=PARENTS, unchanged=RECORDS)
            assert changed_in_each(runs, job["integrationId"]) == again

    assert killer.struck == len(chosen)
    assert steps > PARENTS * PAGES * 2


class Forgetful(Partitions):
    """Mutant: the job does not say which parent its position is one of."""

    def _fields(self, at: Partition | None) -> dict[str, Any]:
        return {**super()._fields(at), "partition": None}


def test_mutant_that_forgets_the_parent_is_not_exact(
    cloud: Cloud, killer: Killer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.sync.pull.pull.Partitions", Forgetful)
    found = []
    for step in range(14, 30, 4):
        runs, job_id = begun(cloud, f"forgets-{step}")
        found.append(killed(runs, killer, job_id, step, after_effect=True)["counters"])

    assert any(counters != counted(read=RECORDS, created=RECORDS) for counters in found)


def test_mutant_that_notes_a_parent_as_read_before_it_is_stored_loses_records(
    cloud: Cloud, killer: Killer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next parent is noted by a write of its own, ahead of the page's documents."""
    taken = Partitions._taken

    def ahead(self: Partitions, at: Partition, page: Any, *, is_first: bool) -> Any:
        part = taken(self, at, page, is_first=is_first)
        if part.stop_reason is None and part.next is not None and "position" in part.fields:  # type: ignore[attr-defined]
            place = {"pk": self.job["pk"], "sk": self.job["sk"]}
            values = {"partition": part.fields["partition"], "nothing": None}  # type: ignore[attr-defined]
            self.tables.activity.update(place, "SET partition = :partition, position = :nothing", values)
        return part

    monkeypatch.setattr(Partitions, "_taken", ahead)
    lost = 0
    for step in range(14, 30, 2):
        runs, job_id = begun(cloud, f"ahead-{step}")
        killed(runs, killer, job_id, step, after_effect=False)
        lost += RECORDS - len(runs.documents())

    assert lost > 0
