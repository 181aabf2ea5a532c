"""Syncs of an integration that is deleted or paused while they run."""

from collections.abc import Callable

import pytest

from hub.core.tables import Tables
from tests.api.conftest import Hub
from tests.api.sync_work import Provider, Sync, contacts, counted

PATH = "/api/v1/custom-integrations"
Act = Callable[[Hub, str], int]


def deleted(hub: Hub, made: str) -> int:
    return hub.call("DELETE", f"{PATH}/{made}").status


def paused(hub: Hub, made: str) -> int:
    return hub.call("PATCH", f"{PATH}/{made}", {"status": "inactive"}).status


@pytest.fixture
def sync(hub: Hub) -> Sync:
    return Sync(hub, Provider(contacts(40)))


@pytest.mark.parametrize(("act", "answer"), [(deleted, 204), (paused, 200)])
def test_running_sync_ends_behind_the_page_under_way(sync: Sync, act: Act, answer: int) -> None:
    made = sync.connect(status="active")
    job_id = sync.start(made)
    answers: list[int] = []
    sync.provider.instead[2] = lambda: answers.append(act(sync.hub, made))

    sync.work(job_id)

    job = sync.job(job_id)
    assert answers == [answer]
    assert (job["status"], job["stopReason"], job["counters"]) == (
        "CANCELLED",
        "cancelled",
        counted(read=20, created=20),
    )
    assert len(sync.provider.calls) == 2


def test_waiting_sync_never_begins(sync: Sync) -> None:
    made = sync.connect(status="active")
    job_id = sync.start(made)

    deleted(sync.hub, made)
    sync.work(job_id)

    assert sync.job(job_id)["status"] == "CANCELLED"
    assert sync.provider.calls == []


def test_other_integrations_and_other_changes_stop_nothing(sync: Sync) -> None:
    made, other = sync.connect("one", status="active"), sync.connect("two", status="active")
    job_id = sync.start(made)

    paused(sync.hub, other)
    assert sync.hub.call("PATCH", f"{PATH}/{made}", {"color": "red"}).status == 200
    sync.work(job_id)

    assert sync.job(job_id)["status"] == "COMPLETED"


def test_sync_that_ends_at_the_same_moment_makes_the_deletion_a_conflict(
    sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sync.connect(status="active")
    job_id = sync.start(made)
    write = Tables.write

    def after_its_end(tables: Tables, *writes: object) -> None:
        monkeypatch.setattr(Tables, "write", write)
        sync.work(job_id)
        with sync.hub.cloud.running("CustomIntegrations"):
            write(tables, *writes)  # type: ignore[arg-type]

    monkeypatch.setattr(Tables, "write", after_its_end)

    assert deleted(sync.hub, made) == 409
    assert sync.job(job_id)["status"] == "COMPLETED"
    assert deleted(sync.hub, made) == 204
