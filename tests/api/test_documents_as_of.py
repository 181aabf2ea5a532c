"""Documents as they were: former versions are kept where whoever writes asks for it, and a gap is seen."""

from typing import Any

from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import Provider, Sync, contacts

PATH = "/api/v1/documents/contact/c1"


def put(hub: Hub, name: str, **more: Any) -> str:
    """Replace the document and return when it was."""
    reply = hub.call("PUT", PATH, {"content": {"name": name}, **more})
    assert reply.status in (200, 201), reply.body
    return str(reply.body["updatedAt"])


def at(hub: Hub, time: str) -> Any:
    reply = hub.get(PATH, query={"asOf": time})
    return reply.body["content"]["name"] if reply.status == 200 else reply.status


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

    for wrong in ("yesterday", "2026-07-01T10:00:00", ""):
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
