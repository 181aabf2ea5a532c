"""A CRM and the hub in step on the whole stack: edits, a conflict, deletions, a truncated source, and no echo."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.crm import Team, by_email, contact_connector, contacts, crm, team, written
from tests.flows.hub_client import JOBS, counted

Json = dict[str, Any]

pytestmark = pytest.mark.xdist_group("stack")  # one pair for all of them

CONTACTS = 60
CONFLICTS = "/api/v1/sync-conflicts"
KIND = "contact"


@dataclass(frozen=True)
class Pair:
    """A team and a CRM that a configuration keeps in step; each test has contacts of its own."""

    team: Team
    provider: RunningSandbox
    config_id: str
    first: Json

    def sync(self) -> tuple[Json, list[str]]:
        """Return the next job and the records that it wrote at the provider."""
        before = len(written(self.provider))
        job = self.team.run(self.config_id)
        assert job["status"] == "COMPLETED", job
        return job, sorted(written(self.provider)[before:])

    def here(self) -> dict[str, Json]:
        return by_email(self.team.contents(KIND))

    def there(self) -> dict[str, Json]:
        return by_email(contacts(self.provider))

    def change_there(self, contact_id: str, **fields: Any) -> None:
        self.provider.world.update_contact(contact_id, **fields)

    def conflicts(self) -> list[Json]:
        found: list[Json] = self.team.hub.call("GET", CONFLICTS)["data"]
        return found

    def must_be_in_step(self) -> None:
        """Fail unless both sides hold the same, and a further run writes nothing on either."""
        before = self.team.hub.documents(KIND)
        job, sent = self.sync()
        assert {name for name, count in job["counters"].items() if count} == {"read", "unchanged"}
        assert (sent, self.team.hub.documents(KIND)) == ([], before)
        assert self.here() == self.there()


@pytest.fixture(scope="module")
def pair(stack: Stack) -> Iterator[Pair]:
    """Sixty contacts of the CRM and one of ours, linked by the first run."""
    with team(stack, f"pair-{secrets.token_hex(6)}") as ours, crm(CONTACTS) as provider:
        ours.put(KIND, "ours", email="ours@here.example", firstName="Our", lastName="Own")
        integration_id = ours.hub.create(contact_connector(provider.url, KIND))
        wishes = {"conflictResolution": "manual", "deletes": "tombstone", "history": True}
        config_id = ours.configure(integration_id, **wishes)
        yield Pair(ours, provider, config_id, ours.run(config_id))
        ours.drop(config_id)


def test_first_run_links_and_sends_what_the_provider_lacks(pair: Pair) -> None:
    assert (pair.first["status"], pair.first["phases"]) == ("COMPLETED", ["pull", "push"])
    assert pair.first["counters"] == counted(read=2 * CONTACTS + 1, created=CONTACTS + 1, unchanged=CONTACTS)
    assert pair.there()["ours@here.example"] == {"email": "ours@here.example", "firstName": "Our", "lastName": "Own"}
    pair.must_be_in_step()


def test_edits_of_both_sides_meet_and_deletions_go_both_ways(pair: Pair) -> None:
    pair.team.edit(KIND, "c00001", phone="from here")
    pair.change_there("c00001", job_title="from there")
    pair.team.edit(KIND, "c00002", title="from here")
    pair.change_there("c00003", last_name="from there")
    pair.team.delete(KIND, "c00004")
    pair.provider.world.delete_contact("c00005")

    job, sent = pair.sync()

    assert (job["counters"]["updated"], job["counters"]["deleted"], job["conflicts"]) == (4, 2, 0)
    assert sent == ["delete c00004", "upsert c1@there.example", "upsert c2@there.example"]
    here = pair.here()
    met = {"email": "c1@there.example", "firstName": "Ada", "lastName": "No 1"}
    assert here["c1@there.example"] == {**met, "phone": "from here", "title": "from there"}
    assert not {"c4@there.example", "c5@there.example"} & here.keys()
    pair.must_be_in_step()


def test_conflict_waits_in_the_inbox_and_each_decision_reaches_both_sides(pair: Pair) -> None:
    for number, name in ((11, "c00011"), (12, "c00012")):
        pair.team.edit(KIND, name, phone=f"{number} here")
        pair.change_there(name, phone=f"{number} there")

    job, sent = pair.sync()
    found = {each["documentId"]: each for each in pair.conflicts()}

    assert (job["conflicts"], sent, sorted(found)) == (2, [], ["c00011", "c00012"])
    shown = {name: found["c00011"][name] for name in ("field", "base", "local", "remote")}
    assert shown == {"field": "phone", "base": "0", "local": "11 here", "remote": "11 there"}
    for name, resolution in (("c00011", "remote"), ("c00012", "local")):
        pair.team.hub.call("POST", f"{CONFLICTS}/{found[name]['id']}/resolve", {"resolution": resolution})
    assert pair.team.contents(KIND)["c00011"]["phone"] == "11 there"
    _, sent = pair.sync()

    assert (sent, pair.conflicts()) == (["upsert c12@there.example"], [])
    assert contacts(pair.provider)["c00012"]["phone"] == "12 here"
    pair.must_be_in_step()


def test_source_that_breaks_off_with_401_deletes_nothing_and_the_next_run_goes_on(pair: Pair) -> None:
    before = pair.team.hub.documents(KIND)
    pair.provider.faults.add("/v1/cursor", "status_401", after=1)

    job = pair.team.run(pair.config_id)
    pair.provider.faults.clear()

    assert (job["status"], job["page"], job["counters"]["deleted"], job["deletesHeld"]) == ("FAILED", 1, 0, 0)
    assert "answered 401" in job["errorLog"][-1]["reason"]
    assert pair.team.hub.documents(KIND) == before
    pair.must_be_in_step()


def test_source_that_is_suddenly_empty_deletes_nothing(stack: Stack, tenant: str) -> None:
    with team(stack, tenant) as ours, crm(CONTACTS) as provider:
        integration_id = ours.hub.create(contact_connector(provider.url, KIND))
        config_id = ours.configure(integration_id, syncDirection="pull", deletes="tombstone")
        ours.run(config_id)
        before = ours.hub.documents(KIND)
        for name in before:
            provider.world.delete_contact(name)

        job = ours.run(config_id)

        ours.drop(config_id)
        assert (job["status"], job["counters"], job["deletesHeld"]) == ("COMPLETED", counted(), CONTACTS)
        assert (len(before), ours.hub.documents(KIND)) == (CONTACTS, before)


def test_truncated_source_is_held_approved_and_taken_back(pair: Pair) -> None:
    """What comes back is new to the provider, which had lost it: the next run sends it there."""
    before, lost = pair.team.contents(KIND), [f"c{number:05d}" for number in range(21, 41)]
    for name in lost:
        pair.provider.world.delete_contact(name)

    held, sent = pair.sync()
    fuse = pair.team.hub.call("GET", f"{JOBS}/{held['id']}/proof")["fuse"]
    assert (held["deletesHeld"], held["counters"]["deleted"], sent) == (20, 0, [])
    assert (fuse["count"], fuse["approvedBy"], pair.team.contents(KIND)) == (20, None, before)

    approved = follow(pair, held, "approve-deletes")
    assert approved["counters"] == counted(read=20, deleted=20)
    assert pair.team.contents(KIND) == {name: each for name, each in before.items() if name not in lost}

    preview = pair.team.hub.call("POST", f"{JOBS}/{approved['id']}/revert", {"preview": True})
    assert (preview["created"], preview["complete"]) == (20, True)
    assert follow(pair, approved, "revert")["counters"] == counted(read=20, created=20)
    assert pair.team.contents(KIND) == before

    _, sent = pair.sync()
    assert sent == [f"upsert c{number}@there.example" for number in range(21, 41)]
    pair.must_be_in_step()


def follow(pair: Pair, job: Json, step: str) -> Json:
    """Start what follows a job, and return that job when it has ended."""
    begun = pair.team.hub.call("POST", f"{JOBS}/{job['id']}/{step}", {}, expect=202)
    return pair.team.hub.ended(begun["id"], within_s=60)
