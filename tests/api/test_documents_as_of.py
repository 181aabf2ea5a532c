"""Documents as they were: former versions are kept where whoever writes asks for it, and a gap is seen."""

from typing import Any

from hub import document_versions, documents
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Table
from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import Provider, Sync, contacts, recorded

PATH = "/api/v1/documents/contact/c1"


def put(hub: Hub, name: str, **more: Any) -> str:
    """Replace the document and return when it was."""
    reply = hub.call("PUT", PATH, {"content": {"name": name}, **more})
    assert reply.status in (200, 201), reply.body
    return str(reply.body["updatedAt"])


def at(hub: Hub, time: str) -> Any:
    reply = hub.get(PATH, query={"asOf": time})
    return reply.body["content"]["name"] if reply.status == 200 else reply.status


def place(hub: Hub) -> tuple[Table, Tenant, str, str]:
    return resources().tables.documents, Tenant(hub.tenant), "contact", "c1"


def named(item: Item, version: int, time: str) -> Item:
    """Return the document as it might have been: its version is its name."""
    return {**item, "version": version, "updatedAt": time, "content": jsontext.dump({"name": f"version {version}"})}


def is_kept(item: Item) -> bool:
    return bool(item["version"] % 5)


def test_document_is_shown_as_it_was(hub: Hub, stopped_clock: StoppedClock) -> None:
    times = []
    for name in ("Ada", "Grace", "Joan"):
        times.append(put(hub, name, history=True))
        stopped_clock.advance(10)

    assert [at(hub, time) for time in times] == ["Ada", "Grace", "Joan"]
    assert at(hub, "2001-01-01T00:00:00Z") == 404
    assert at(hub, "2999-01-01T00:00:00+01:00") == "Joan"


def test_version_that_was_not_kept_is_not_guessed(hub: Hub, stopped_clock: StoppedClock) -> None:
    times = []
    for name, history in (("Ada", False), ("Grace", True), ("Joan", False), ("Mary", True)):
        times.append(put(hub, name, history=history))
        stopped_clock.advance(10)

    assert [at(hub, time) for time in times] == ["Ada", 404, "Joan", "Mary"]


def test_time_of_a_document_with_many_versions_is_found_in_few_reads(hub: Hub) -> None:
    """Two hundred versions, of which every fifth was not kept."""
    made = put(hub, "version 1", history=True)
    table, present = resources().tables.documents, documents.find(*place(hub))
    assert present is not None
    times = [clock.iso(clock.epoch_of(made) + number) for number in range(201)]
    every = [named(present, number, times[number]) for number in range(1, 201)]
    table.batch_put(
        [document_versions.kept(each, times[each["version"] + 1], 30) for each in every[:-1] if is_kept(each)]
    )
    table.batch_put([every[-1]])

    for number in range(1, 201):
        expected = f"version {number}" if number == 200 or number % 5 else 404
        with recorded() as calls:
            assert at(hub, times[number]) == expected
        assert len(calls.of("Query")) <= 8  # of 200 versions, halved again and again


def test_deleted_document_is_shown_as_it_was(hub: Hub, stopped_clock: StoppedClock) -> None:
    sync = Sync(hub, Provider([{"id": "c1", "name": "Ada", "n": 1}, *contacts(3)]))
    integration_id = sync.connect()
    for _ in range(2):
        body = {"endpointId": "list", "fresh": True, "deletes": "tombstone", "history": True}
        job = hub.post(f"/api/v1/custom-integrations/{integration_id}/sync", body).body["id"]
        stopped_clock.advance(10)
        sync.work(job)
        stopped_clock.advance(10)
        if len(sync.provider.records) == 4:
            before = str(hub.get(PATH).body["updatedAt"])
            del sync.provider.records[0]

    assert hub.get(PATH).status == 404
    assert at(hub, before) == "Ada"


def test_time_without_a_zone_is_refused(hub: Hub) -> None:
    put(hub, "Ada")

    beyond = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
    for wrong in ("yesterday", "2026-07-01T10:00:00", "", *beyond):
        reply = hub.get(PATH, query={"asOf": wrong})
        assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")


def test_versions_of_another_tenant_are_not_found(hub: Hub, other_hub: Hub, stopped_clock: StoppedClock) -> None:
    time = put(hub, "Ada", history=True)
    stopped_clock.advance(10)
    put(hub, "Grace", history=True)

    assert at(other_hub, time) == 404
    assert at(hub, time) == "Ada"


def test_history_must_be_a_boolean(hub: Hub) -> None:
    assert hub.call("PUT", PATH, {"content": {}, "history": "yes"}).status == 400
