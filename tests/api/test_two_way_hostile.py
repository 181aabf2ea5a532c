"""Syncs of both ways against answers, mappings and values that nobody hoped for: nothing is lost, doubled or stuck."""

from collections.abc import Iterator

import pytest

from hub.core import clock
from hub.core.tables import Put, Table
from hub.outbound.calls import Reply
from hub.sync.two_way import conflicts, links
from tests.api.conftest import Hub
from tests.api.push_work import DELETING, FIELDS, Json, Pushes, counts, listing, reply, writing

OWN = [{"localField": name, "remoteField": name} for name in FIELDS]


@pytest.fixture
def both(hub: Hub) -> Iterator[Pushes]:
    """Two contacts, one from each side."""
    pushes = Pushes(hub)
    pushes.connect(listing(), writing(), DELETING)
    pushes.crm.records["r1"] = {"email": "there@example.com", "name": "There", "phone": "1"}
    pushes.put("d1", email="here@example.com", name="Here")
    yield pushes
    clock.use(None)


def patched(both: Pushes, config_id: str, **changed: object) -> None:
    path = f"/api/v1/teams/{both.hub.tenant}/sync-configs/{config_id}"
    answer = both.hub.call("PATCH", path, changed)
    assert answer.status == 200, answer.body


# What the provider answers


def test_one_record_for_two_documents_of_a_batch_is_linked_to_the_first(both: Pushes) -> None:
    both.put("d2", email="here@example.com", name="Her twin")
    both.configured()

    job = both.sync()

    assert (job["status"], job["counters"]["rejected"]) == ("COMPLETED", 1)
    (refused,) = job["errorLog"]
    assert (refused["documentId"], refused["code"]) == ("d2", "ALREADY_LINKED")


def test_ids_that_cannot_be_kept_end_no_push(both: Pushes) -> None:
    answer = b'{"results": [{"id": "\\ud800"}, {"id": "%s"}]}' % (b"x" * 3000)
    both.put("d2", email="d2@example.com")
    both.crm.instead[1] = lambda: Reply(200, {"content-type": "application/json"}, answer, 1)

    job = both.push()

    assert (job["status"], job["counters"]["read"]) == ("COMPLETED", 2)


# Fields and mappings


@pytest.mark.parametrize("cleared", [None, ""])
def test_field_of_the_configuration_that_is_cleared_here_is_cleared_there(both: Pushes, cleared: str | None) -> None:
    both.configured(fieldMappings=OWN)
    both.sync()
    both.put("r1", email="there@example.com", name="There", phone=cleared)

    both.sync()
    both.sync()

    assert both.document("r1").get("phone") in (None, "")
    assert both.crm.records["r1"]["phone"] in (None, "")


def test_field_that_the_provider_cannot_be_told_is_cleared_of_is_not_brought_back(hub: Hub) -> None:
    pushes = Pushes(hub)
    quiet = [{"source": f"$.{name}", "target": name, "skipIfEmpty": True} for name in FIELDS]
    pushes.connect(listing(), writing(fieldMappings=quiet))
    pushes.crm.records["r1"] = {"email": "there@example.com", "phone": "1"}
    pushes.configured()
    pushes.sync()
    pushes.put("r1", email="there@example.com")

    written = [len(pushes.crm.sent) for _ in range(3) if pushes.sync()]

    clock.use(None)
    assert pushes.document("r1") == {"email": "there@example.com"}
    assert written == [0, 0, 0]


def test_field_that_is_read_from_another_place_now_is_not_cleared_here(both: Pushes) -> None:
    config = both.configured(fieldMappings=OWN)
    both.sync()
    patched(both, config, fieldMappings=[*OWN[:2], {"localField": "phone", "remoteField": "mobile"}])

    both.sync()
    sent = len(both.crm.sent)
    both.sync()

    assert both.document("r1")["phone"] == "1"
    assert both.crm.records["r1"]["mobile"] == "1"
    assert len(both.crm.sent) == sent


def test_part_of_a_field_that_no_rule_carries_stays_here(both: Pushes) -> None:
    city = {"localField": "address.city", "remoteField": "name"}
    both.configured(fieldMappings=[{"localField": "email", "remoteField": "email"}, city])
    both.sync()
    both.put("r1", email="there@example.com", address={"city": "Bern", "note": "ours"})
    both.sync()
    assert both.crm.records["r1"]["name"] == "Bern"
    both.crm.records["r1"]["name"] = "Basel"
    both.put("r1", email="there@example.com", address={"city": "Bern", "note": "ours too"})

    both.sync()
    both.sync()

    assert both.document("r1")["address"] == {"city": "Basel", "note": "ours too"}
    assert (both.crm.records["r1"]["name"], both.conflicts()) == ("Basel", [])


def test_number_that_the_provider_writes_in_another_way_is_no_change(both: Pushes) -> None:
    both.configured()
    both.put("r1", email="there@example.com", name="There", phone=1.0)
    both.crm.records["r1"]["phone"] = 1
    both.sync()
    both.put("r1", email="there@example.com", name="There", phone=2)

    both.sync()

    assert (both.conflicts(), both.crm.records["r1"]["phone"]) == ([], 2)


def test_documents_that_were_pulled_are_not_pushed_back_as_new_ones(both: Pushes) -> None:
    both.configured(syncDirection="pull")
    both.sync()

    job = both.push()

    assert counts(job) == {"read": 2, "created": 1, "unchanged": 1}
    assert [item["email"] for item in both.crm.sent] == ["here@example.com"]


def test_push_alone_knows_what_a_sync_of_both_ways_has_agreed_on(both: Pushes) -> None:
    both.configured()
    both.sync()
    sent = len(both.crm.sent)

    job = both.push("FULL_SYNC")

    assert (counts(job), len(both.crm.sent)) == ({"read": 2, "unchanged": 2}, sent)


# Conflicts


def test_decision_that_is_made_while_the_push_sends_stands(both: Pushes) -> None:
    both.configured()
    both.sync()
    both.put("r1", email="there@example.com", name="from here", phone="1")
    both.crm.records["r1"]["name"] = "from there"
    both.sync()
    (conflict,) = both.conflicts()
    both.put("r1", email="there@example.com", name="from here", phone="2")

    def decided() -> Reply:
        assert both.resolve(conflict, resolution="local").status == 200
        both.crm.records["r1"]["phone"] = "2"
        return reply({"results": [{"id": "r1"}]})

    both.crm.instead[len(both.crm.calls) + 2] = decided
    both.sync()
    both.sync()

    assert both.conflicts() == []
    assert both.crm.records["r1"] == {"email": "there@example.com", "name": "from here", "phone": "2"}


def test_conflict_that_is_too_large_to_be_kept_is_told_and_overwrites_nothing(both: Pushes) -> None:
    both.configured()
    both.sync()
    here, there = "h" * 200_000, "t" * 200_000
    both.put("r1", email="there@example.com", name=here, phone="1")
    both.crm.records["r1"]["name"] = there

    job = both.sync()

    assert (job["status"], job["counters"]["rejected"]) == ("COMPLETED", 1)
    assert "a conflict may have" in job["errorLog"][0]["reason"]
    assert (both.document("r1")["name"], both.crm.records["r1"]["name"]) == (here, there)

    both.put("r1", email="there@example.com", name="shorter", phone="1")
    both.sync()
    assert [conflict["field"] for conflict in both.conflicts()] == ["name"]


def test_record_with_more_conflicts_than_a_transaction_takes_does_not_stop_the_sync(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.sync.two_way.two_way.MOST_TOLD", 2)
    pushes = Pushes(hub)
    pushes.connect(listing(), writing())
    pushes.crm.records["d1"] = dict.fromkeys(FIELDS, "there")
    pushes.put("d1", **dict.fromkeys(FIELDS, "here"))
    pushes.configured()

    job = pushes.sync()

    clock.use(None)
    assert job["status"] == "COMPLETED"
    assert sorted(conflict["field"] for conflict in pushes.conflicts()) == sorted(FIELDS)


def test_two_administrators_decide_at_once_and_one_of_them_is_told(
    both: Pushes, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.configured()
    both.sync()
    both.put("r1", email="there@example.com", name="from here", phone="1")
    both.crm.records["r1"]["name"] = "from there"
    both.sync()
    (conflict,) = both.conflicts()
    settled, seen = conflicts.settled, list[bool]()

    def rivalled(*args: object) -> Json:
        if not seen:
            seen.append(True)
            assert both.resolve(conflict, resolution="remote").status == 200
        return settled(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(conflicts, "settled", rivalled)

    assert both.resolve(conflict, resolution="local").status == 409
    assert both.document("r1")["name"] == "from there"


def test_list_of_conflicts_looks_through_so_many_at_once_and_goes_on(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "MOST_READ", 1)
    monkeypatch.setattr(conflicts, "_READ_AT_ONCE", 1)
    pushes = Pushes(hub)
    pushes.connect(listing(), writing())
    pushes.crm.records["d1"] = dict.fromkeys(FIELDS, "there")
    pushes.put("d1", **dict.fromkeys(FIELDS, "here"))
    pushes.configured()
    pushes.sync()
    clock.use(None)

    shown, query = list[Json](), {"status": "open"}
    for _ in range(len(FIELDS) + 1):
        answer = hub.get("/api/v1/sync-conflicts", query=query).body
        shown += answer["data"]
        query["cursor"] = answer.get("nextCursor", "")
        if not answer["hasMore"]:
            break

    assert sorted(conflict["field"] for conflict in shown) == sorted(FIELDS)
    assert not answer["hasMore"]


def test_decision_after_the_document_was_deleted_shows_what_there_is_now(both: Pushes) -> None:
    both.configured()
    both.sync()
    both.put("r1", email="there@example.com", name="from here", phone="1")
    both.crm.records["r1"]["name"] = "from there"
    both.sync()
    (conflict,) = both.conflicts()
    both.delete("r1")

    refused = both.resolve(conflict, resolution="local")

    assert (refused.status, refused.body["error"]["details"]["present"]["local"]) == (409, None)


# What DynamoDB takes


def test_transactions_hold_no_more_bytes_than_dynamodb_takes() -> None:
    table = Table(None, "documents")  # type: ignore[arg-type]
    groups = [[Put(table, {"pk": "t#doc", "sk": f"d{number}", "content": "é" * 500_000})] for number in range(7)]

    found = list(links.bundles(groups))

    assert [len(writes) for writes in found] == [3, 3, 1]
