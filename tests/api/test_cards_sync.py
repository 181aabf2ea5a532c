"""A user's "sync now" (spec S002, "Sync Integration"): the tenant's contacts go out, and the caller waits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import partition
from hub.outbound.calls import Call, Reply
from hub.sync.models import CardsSync
from tests.api import instances
from tests.api.config_work import endpoints
from tests.api.conftest import Hub, StoppedClock, app
from tests.api.conftest import Reply as Answer
from tests.api.instances import of_user
from tests.api.sync_work import Sync

Json = dict[str, Any]
UPLOAD: Json = {
    "id": "upload",
    "name": "upload",
    "operation": "upload",
    "entity": "file",
    "method": "POST",
    "path": "/files",
    "upload": {"simple": {"kind": "raw", "maxBytes": 1_000_000}, "idPath": "$.id"},
}


@dataclass
class Target:
    """A provider that takes batches of contacts and files."""

    refuses: bool = False
    calls: list[Call] = field(default_factory=list)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        self.calls.append(call)
        if self.refuses:
            return Reply(422, {"content-type": "application/json"}, b'{"message": "no"}', 1)
        if call.url.endswith("/files"):
            return _reply({"id": "f1", "name": "contacts.csv"})
        sent = orjson.loads(call.content or b"{}")["inputs"]
        return _reply({"results": [{"id": f"r-{each['email']}"} for each in sent]})


def _reply(body: Json) -> Reply:
    return Reply(200, {"content-type": "application/json"}, orjson.dumps(body), 1)


@dataclass
class User:
    """A user of the cards product; while the caller waits, a worker does what there is to do."""

    hub: Hub
    target: Target
    monkeypatch: pytest.MonkeyPatch
    stopped: StoppedClock
    pauses: list[float] = field(default_factory=list)

    def connect(self, cards_name: str, *endpoint: Json, operation: str | None = None) -> None:
        written = [{**each, **({"operation": operation} if operation else {})} for each in endpoint]
        slug = f"cards-{cards_name.lower()}"
        connector = {
            "name": slug,
            "displayName": cards_name.title(),
            "integrationType": "rest_api",
            "baseUrl": "https://api.example.com",
            "endpoints": written,
        }
        instances.provider(slug, connector=connector, displayName=cards_name.title(), aliases={"cards": cards_name})
        body = {"provider": cards_name, "credentials": {"apiKey": instances.CANARY}}
        made = of_user(self.hub, "POST", "/integrations/connect", body)
        assert made.status == 201, made.body

    def sync(self, cards_name: str, pause: Callable[[float], None] | None = None, **options: Any) -> Answer:
        function = app(self.hub.cloud.template.functions["Sync"].code_dir)
        self.monkeypatch.setattr(function, "pause", pause or self.work)
        return of_user(self.hub, "POST", f"/integrations/{cards_name}/sync", **options)

    def wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.stopped.advance(seconds)

    def work(self, seconds: float) -> None:
        self.wait(seconds)
        before, rights = self.hub.cloud.rights.function, self.hub.cloud.rights
        for job in self.jobs():
            if job["status"] in ("PENDING", "RUNNING"):
                Sync(self.hub, self.target).work(job["sk"])  # type: ignore[arg-type]
        rights.function = before

    def jobs(self) -> list[Json]:
        pk = partition(Tenant(self.hub.tenant), "job")
        return list(resources().tables.activity.query_all("pk = :pk", {"pk": pk}))


@pytest.fixture
def user(hub: Hub, monkeypatch: pytest.MonkeyPatch, stopped_clock: StoppedClock) -> User:
    for number in range(3):
        content = {"email": f"p{number}@example.com", "name": f"Person {number}"}
        assert hub.call("PUT", f"/api/v1/documents/contact/c{number}", {"content": content}).status in (200, 201)
    return User(hub, Target(), monkeypatch, stopped_clock)


def test_sync_answers_what_the_specification_says(user: User) -> None:
    user.connect("SALESFORCE", endpoints()[1])

    reply = user.sync("SALESFORCE")

    assert reply.status == 201
    assert reply.body == {"message": "Salesforce sync completed", "contactsSynced": 3}
    CardsSync.model_validate(reply.body)
    assert user.jobs()[0]["jobType"] == "FULL_SYNC"


def test_provider_of_files_gets_one_csv_file(user: User) -> None:
    user.connect("DROPBOX", UPLOAD)

    reply = user.sync("dropbox")

    (call,) = user.target.calls
    assert (reply.status, reply.body) == (201, {"message": "Dropbox sync completed", "contactsSynced": 3})
    assert (call.content or b"").decode("utf-8-sig").splitlines()[1] == "c0,p0@example.com,Person 0"
    assert user.jobs()[0]["phase"] == "upload"


def test_provider_that_is_only_told_gets_what_has_changed(user: User) -> None:
    user.connect("ZAPIER", endpoints()[1], operation="post")

    first = user.sync("ZAPIER").body["contactsSynced"]
    user.hub.call("PUT", "/api/v1/documents/contact/c1", {"content": {"email": "p1@example.com", "name": "Renamed"}})
    second = user.sync("ZAPIER").body["contactsSynced"]

    assert (first, second) == (3, 1)


def test_sync_that_takes_long_answers_with_its_job(user: User) -> None:
    user.connect("SALESFORCE", endpoints()[1])

    reply = user.sync("SALESFORCE", pause=user.wait)

    (job,) = user.jobs()
    assert reply.body == {
        "message": "Salesforce sync completed",
        "contactsSynced": 0,
        "jobId": job["sk"],
        "status": "RUNNING",
    }
    assert (reply.status, sum(user.pauses)) == (201, 20.0)


def test_second_sync_waits_for_the_one_under_way(user: User) -> None:
    user.connect("SALESFORCE", endpoints()[1])
    first = user.sync("SALESFORCE", pause=user.wait)

    second = user.sync("SALESFORCE")

    assert first.body["jobId"] == user.jobs()[0]["sk"]
    assert second.body == {"message": "Salesforce sync completed", "contactsSynced": 3}
    assert len(user.jobs()) == 1


def test_sync_that_fails_is_told_with_its_reason(user: User) -> None:
    user.connect("DROPBOX", UPLOAD)
    user.target.refuses = True

    reply = user.sync("DROPBOX")

    assert (reply.status, reply.code) == (502, "UPSTREAM_ERROR")
    assert reply.body["error"]["details"]["jobId"] == user.jobs()[0]["sk"]
    assert instances.CANARY not in str(reply.body)


def test_what_the_user_has_not_connected_is_a_404(user: User) -> None:
    user.connect("SALESFORCE", endpoints()[1])

    replies = [
        user.sync("HUBSPOT"),
        user.sync("NOBODY"),
        of_user(user.hub, "POST", "/integrations/SALESFORCE/sync", user="u2"),
    ]

    assert [(reply.status, reply.code) for reply in replies] == [(404, "INTEGRATION_NOT_FOUND")] * 3
    assert user.jobs() == []


def test_provider_that_only_lists_cannot_be_synced(user: User) -> None:
    user.connect("SALESFORCE", endpoints()[0])

    reply = user.sync("SALESFORCE")

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")


def test_program_has_no_cards(user: User) -> None:
    user.connect("SALESFORCE", endpoints()[1])

    assert user.hub.post("/integrations/SALESFORCE/sync", roles="", scopes="integrations:write").status == 403


def test_repeat_with_the_same_idempotency_key_starts_nothing_more(user: User) -> None:
    user.connect("SALESFORCE", endpoints()[1])
    headers = {"Idempotency-Key": "k1"}
    user.sync("SALESFORCE", headers=headers)

    again = user.sync("SALESFORCE", headers=headers)

    assert (again.status, again.body["jobId"]) == (201, user.jobs()[0]["sk"])
    assert len(user.jobs()) == 1
