"""The product's story against any hub: a connector's documents and a change; webhooks that go out and come in.

Without settings it runs on a local stack of its own. A deployed hub is named by API_URL, API_TOKEN (a tenant_admin's)
and SANDBOX_URL, a sandbox that both the hub and this machine can reach.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local.demo import definition
from local.demo_webhooks import receiving
from local.stack import TEMPLATE, Stack

Json = dict[str, Any]

SINCE = "2025-02-15T00:00:00Z"  # leaves a few hundred of the sandbox's contacts
ENDS_WITHIN_S = 180
POLL_S = 0.1


@dataclass(frozen=True)
class Place:
    """Where the story is told."""

    hub: httpx.Client
    sandbox: httpx.Client
    sandbox_url: str

    def call(self, method: str, path: str, body: Json | None = None, **query: Any) -> Json:
        answer = self.hub.request(method, f"/api/v1{path}", json=body, params=query)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        found: Json = answer.json() if answer.content else {}
        return found

    def synced(self, integration_id: str, **wanted: Any) -> Json:
        """Start the sync and return its job when it ended."""
        sync = f"/custom-integrations/{integration_id}/sync"
        ends_at = time.monotonic() + ENDS_WITHIN_S
        body = {"endpointId": "list-contacts", "params": {"updated_since": SINCE}, **wanted}
        job = self.started(sync, body, ends_at)
        while job["status"] in ("PENDING", "RUNNING"):
            assert time.monotonic() < ends_at, job
            time.sleep(POLL_S)
            job = self.call("GET", f"/sync-jobs/{job['id']}")
        return job

    def started(self, sync: str, body: Json, ends_at: float) -> Json:
        """Start a sync as soon as the hub allows it: an endpoint is started once a minute."""
        while (answer := self.hub.post(f"/api/v1{sync}", json=body)).status_code == 429:
            assert time.monotonic() < ends_at, answer.text
            time.sleep(float(answer.headers["retry-after"]))
        assert answer.status_code == 202, answer.text
        found: Json = answer.json()
        return found

    def documents(self, document_type: str) -> dict[str, Json]:
        found: dict[str, Json] = {}
        query: Json = {"limit": 100}
        while True:
            page = self.call("GET", f"/documents/{document_type}", **query)
            found |= {each["id"]: each["content"] for each in page["items"]}
            if not page["hasMore"]:
                return found
            query["cursor"] = page["nextCursor"]

    def contacts(self) -> dict[str, Json]:
        """Return what the provider itself has, by id."""
        answer = self.sandbox.get("/v1/contacts", params={"updated_since": SINCE}).raise_for_status()
        return {each["id"]: each for each in answer.json()["contacts"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if "API_URL" in os.environ:
        sandbox_url = os.environ["SANDBOX_URL"].rstrip("/")
        yield from clients(os.environ["API_URL"], os.environ["API_TOKEN"], sandbox_url)
        return
    parameters = {"SyncIntervalSeconds": "1"}
    with Stack(TEMPLATE, tmp_path_factory.mktemp("story"), parameters=parameters, schedules=False) as stack:
        yield from clients(stack.url, stack.token("story"), stack.sandbox_url)


def clients(api_url: str, token: str, sandbox_url: str) -> Iterator[Place]:
    headers = {"authorization": f"Bearer {token}"}
    with (
        httpx.Client(base_url=api_url, headers=headers, timeout=35) as hub,
        httpx.Client(base_url=sandbox_url, timeout=35, trust_env=False) as sandbox,
    ):
        yield Place(hub, sandbox, sandbox_url)


@pytest.fixture
def connector(place: Place) -> Iterator[Json]:
    """The demo's connector, for the contacts that changed lately; with a document type of its own, gone afterwards."""
    name = f"story-{secrets.token_hex(4)}"
    wanted = definition(place.sandbox_url) | {"name": name}
    endpoint = wanted["endpoints"][0]
    endpoint["queryParams"] = [{"name": "updated_since", "required": True}]
    endpoint["responseMapping"]["targetShardTypeId"] = name
    made = place.call("POST", "/custom-integrations", wanted)
    yield made
    for document_id in place.documents(name) if "API_URL" in os.environ else ():
        place.call("DELETE", f"/documents/{name}/{document_id}")
    place.call("DELETE", f"/custom-integrations/{made['id']}")


def test_story_of_a_connector_its_documents_and_a_change(place: Place, connector: Json) -> None:
    expected, kind = place.contacts(), connector["name"]
    changed_id = max(expected)
    title = f"Head of {secrets.token_hex(4)}"

    first = place.synced(connector["id"])
    documents = place.documents(kind)
    unchanged = place.synced(connector["id"])
    again = place.synced(connector["id"], fresh=True)
    place.sandbox.patch(f"/v1/contacts/{changed_id}", json={"job_title": title}).raise_for_status()
    last = place.synced(connector["id"])
    changed = place.call("GET", f"/documents/{kind}/{changed_id}")

    count = len(expected)
    assert [job["status"] for job in (first, unchanged, again, last)] == ["COMPLETED"] * 4
    assert (unchanged["stopReason"], unchanged["counters"]["read"]) == ("not_modified", 0)
    assert [job["counters"]["read"] for job in (first, again, last)] == [count] * 3
    assert (first["counters"]["created"], again["counters"]["unchanged"]) == (count, count)
    assert (last["counters"]["updated"], last["counters"]["unchanged"]) == (1, count - 1)
    assert {name: each.get("email") for name, each in documents.items()} == {
        name: each["email"] for name, each in expected.items()
    }
    assert (changed["version"], changed["content"]["jobTitle"]) == (2, title)
    assert connector["auth"]["keyValue"].startswith("{{encrypted:")


@pytest.fixture
def receiver(place: Place) -> Iterator[str]:
    """The name of a receiver at the sandbox that nobody else uses."""
    name = f"story-{secrets.token_hex(4)}"
    yield name
    place.sandbox.delete(f"/_control/hooks/{name}")


@pytest.fixture
def subscription(place: Place, receiver: str) -> Iterator[Json]:
    """A subscription to events that only this test posts; its receiver fails twice and knows the secret."""
    url = f"{place.sandbox_url}/hooks/{receiver}"
    wanted = {"name": receiver, "url": url, "eventTypes": [f"{receiver}.*"], "retryProfile": "cards"}
    made = place.call("POST", "/webhooks/subscriptions", wanted)
    script = {"statuses": [500, 503, 200], "secret": made["secretKey"]}
    place.sandbox.post(f"/_control/hooks/{receiver}", json=script).raise_for_status()
    yield made
    place.call("DELETE", f"/webhooks/subscriptions/{made['id']}")


def test_story_of_an_event_that_goes_out_signed_and_is_retried(place: Place, subscription: Json, receiver: str) -> None:
    path = f"/webhooks/subscriptions/{subscription['id']}/deliveries"

    event = place.call("POST", "/events", {"type": f"{receiver}.shipped", "data": {"order": 4711}})
    (delivery,) = eventually(lambda: ended(place.call("GET", path, expand="attempts")["data"]))

    received = place.sandbox.get(f"/_control/hooks/{receiver}").json()["items"]
    assert [each["answered"] for each in received] == [500, 503, 200]
    assert all(each["signed"] for each in received)
    assert {each["headers"]["webhook-id"] for each in received} == {event["id"]}
    assert (delivery["state"], [each["responseStatus"] for each in delivery["attempts"]]) == (
        "delivered",
        [500, 503, 200],
    )
    assert "Attempt 2 of 5" in delivery["attempts"][0]["why"]


def ended(deliveries: list[Json]) -> list[Json]:
    return [each for each in deliveries if each["state"] not in ("queued", "delivering", "retrying")]


def test_story_of_a_webhook_that_becomes_a_document(place: Place, receiver: str) -> None:
    secret = secrets.token_hex(16)
    made = place.call("POST", "/custom-integrations", receiving(receiver, secret))
    url = place.call("GET", f"/custom-integrations/{made['id']}/webhook-url")["webhookUrl"]
    lead = {"id": receiver, "name": "Ada Lovelace", "budget": "1200"}
    webhook = {"url": url, "body": {"event": "lead.created", "data": lead}, "header": "X-Signature"}

    statuses = [sent(place, {**webhook, "secret": key}) for key in ("not-the-secret", secret, secret)]
    document = eventually(lambda: found(place, f"/documents/lead/{receiver}"))

    assert statuses == [401, 200, 200]
    assert (document["version"], document["content"]) == (1, {"name": "Ada Lovelace", "budget": 1200})
    place.call("DELETE", f"/documents/lead/{receiver}")
    place.call("DELETE", f"/custom-integrations/{made['id']}")


def sent(place: Place, webhook: Json) -> int:
    return int(place.sandbox.post("/_control/send-webhook", json=webhook).raise_for_status().json()["status"])


def found(place: Place, path: str) -> Json | None:
    answer = place.hub.get(f"/api/v1{path}")
    return answer.json() if answer.is_success else None


def eventually(ask: Callable[[], Any]) -> Any:
    """Return the first answer that says something."""
    ends_at = time.monotonic() + ENDS_WITHIN_S
    while not (answer := ask()):
        assert time.monotonic() < ends_at
        time.sleep(POLL_S)
    return answer
