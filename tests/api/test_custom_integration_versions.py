"""Versions of a connector: each one saved stays readable, one is published, and syncs run that one."""

import json
from typing import Any

import pytest

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from hub.integrations.models import Publication, VersionDefinition, VersionPage
from tests.api import tested
from tests.api.conftest import Hub, Reply, StoppedClock, just_before, make_integration
from tests.api.custom_integrations import PATH, checked, create, delete, patch
from tests.api.sync_work import Json, Provider, Sync, connector, contacts, recorded, vault

DAY_S = 86_400
OTHER_PATH: Json = {"endpoints": [{**connector()["endpoints"][0], "path": "/people"}]}


def publish(hub: Hub, made: Json, body: Json | None = None, **options: Any) -> Reply:
    return hub.post(f"{PATH}/{made['id']}/publish", body, **options)


def published(hub: Hub, made: Json, **body: Any) -> Json:
    reply = publish(hub, made, body)
    assert reply.status == 200, reply.body
    Publication.model_validate(reply.body)
    found: Json = reply.body
    return found


def versions(hub: Hub, made: Json, **query: Any) -> Json:
    reply = hub.get(f"{PATH}/{made['id']}/versions", query=query)
    assert reply.status == 200, reply.body
    VersionPage.model_validate(reply.body)
    found: Json = reply.body
    return found


def version(hub: Hub, made: Json, number: object) -> Reply:
    return hub.get(f"{PATH}/{made['id']}/versions/{number}")


def shown(hub: Hub, made: Json) -> Json:
    return checked(hub.get(f"{PATH}/{made['id']}"))


def stored(hub: Hub, made: Json, number: int) -> Item:
    place = key(Tenant(hub.tenant), f"connector-version#{made['id']}", f"{number:08d}")
    item = resources().tables.config.get(place)
    assert item is not None
    return item


# What is kept


def test_every_save_is_a_version_that_says_what_it_changed(hub: Hub) -> None:
    made = create(hub)
    patch(hub, made, {"color": "red", "timeout": 5000})
    patch(hub, made, {"color": None, "auth": {"token": "short"}, "status": "active"})
    patch(hub, made, {"auth": {"token": "other"}})

    page = versions(hub, made)

    assert [(each["version"], each["changes"]) for each in page["items"]] == [
        (4, ["auth"]),
        (3, ["auth", "color", "status"]),
        (2, ["color", "timeout"]),
        (1, ["auth", "baseUrl", "displayName", "endpoints", "integrationType", "name"]),
    ]
    assert [(each["createdBy"], each["isPublished"]) for each in page["items"]] == [("u1", False)] * 4
    assert page["items"][3]["createdAt"] == made["createdAt"]


def test_version_stays_as_it_was_saved_with_handles_for_its_secrets(hub: Hub) -> None:
    made = create(hub, color="red")
    patch(hub, made, {"color": "blue", "auth": {"token": "another-token-that-is-long"}})

    first, second = (version(hub, made, number).body for number in (1, 2))

    for each in (first, second):
        VersionDefinition.model_validate(each)
    assert first["definition"] == {name: made[name] for name in first["definition"]}
    assert (first["definition"]["color"], second["definition"]["color"]) == ("red", "blue")
    assert second["definition"]["auth"]["token"] == "{{encrypted:anot...long}}"
    assert "canary-token-that-is-long-enough" not in repr([stored(hub, made, 1), first, second])


def test_versions_are_listed_in_pages(hub: Hub) -> None:
    made = create(hub)
    for color in ("red", "green", "blue"):
        patch(hub, made, {"color": color})

    first = versions(hub, made, limit=3)
    second = versions(hub, made, limit=3, cursor=first["nextCursor"])

    assert [each["version"] for each in (*first["items"], *second["items"])] == [4, 3, 2, 1]
    assert (first["hasMore"], second["hasMore"], "nextCursor" in second) == (True, False, False)


@pytest.mark.parametrize("number", ["0", "3", "-1", "1.0", "one", "99999999999", "%C2%B2"])
def test_version_that_is_not_there_is_a_404(hub: Hub, number: str) -> None:
    made = create(hub)
    patch(hub, made, {"color": "red"})

    assert (version(hub, made, number).status, version(hub, made, 2).status) == (404, 200)


def test_refused_change_makes_no_version(hub: Hub) -> None:
    made = create(hub)

    assert patch(hub, made, {"timeout": "soon"}).status == 400

    assert [each["version"] for each in versions(hub, made)["items"]] == [1]


def test_definition_that_grows_beyond_an_item_is_a_413(hub: Hub) -> None:
    """Each body is small enough; merged, they are not."""
    made = create(hub)
    endpoints = [{**make_integration()["endpoints"][0], "name": f"e{n}", "id": f"e{n}"} for n in range(100)]
    long = {"endpoints": [{**each, "description": "d" * 2000} for each in endpoints]}
    routing = {"eventTypePath": "$.t", "eventTypeValue": "v", "action": "custom", "dataPath": "$" + ".d" * 490}
    webhook = {"webhookConfig": {"webhookSecret": "hook-secret", "eventRouting": [routing] * 100}}

    grown, too_long = patch(hub, made, long), patch(hub, made, webhook)

    assert (grown.status, too_long.status, too_long.code) == (200, 413, "PAYLOAD_TOO_LARGE")
    assert shown(hub, made)["version"] == 2


# What is published


def test_published_version_is_the_draft_unless_another_one_is_named(hub: Hub) -> None:
    made = create(hub)
    patch(hub, made, {"color": "red"})

    latest = published(hub, made, note="first release")
    after_first = shown(hub, made)
    older = published(hub, made, version=1)

    assert (made["publishedVersion"], after_first["publishedVersion"], after_first["version"]) == (None, 2, 2)
    assert (latest["version"], latest["publishedBy"], latest["note"]) == (2, "u1", "first release")
    assert (older["version"], shown(hub, made)["publishedVersion"], "note" in older) == (1, 1, False)
    second, first = versions(hub, made)["items"]
    assert (first["isPublished"], first["publishedAt"]) == (True, older["publishedAt"])
    assert (second["isPublished"], second["publishedAt"], second["note"]) == (
        False,
        latest["publishedAt"],
        "first release",
    )


def test_publication_without_a_note_takes_the_former_note_away(hub: Hub) -> None:
    made = create(hub)
    published(hub, made, note="hasty")
    published(hub, made)

    assert "note" not in version(hub, made, 1).body


def test_answer_with_its_published_version_can_be_sent_back_as_a_patch(hub: Hub) -> None:
    made = create(hub)
    published(hub, made)

    assert patch(hub, made, shown(hub, made)).status == 200
    assert (shown(hub, made)["version"], shown(hub, made)["publishedVersion"]) == (2, 1)
    assert patch(hub, made, {"publishedVersion": 2}).status == 400


def test_publication_is_audited(hub: Hub) -> None:
    made = create(hub)
    patch(hub, made, {"color": "red"})
    published(hub, made, note="canary-note")
    published(hub, made, version=1)

    entries = hub.audit_entries()[2:]
    assert [(each["action"], json.loads(each["facts"])) for each in entries] == [
        ("integration.published", {"version": 2, "former": None}),
        ("integration.published", {"version": 1, "former": 2}),
    ]
    assert "canary" not in repr(entries)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"version": 2}, 404),
        ({"version": 0}, 400),
        ({"version": "1"}, 400),
        ({"note": "n" * 501}, 400),
        ({"n": 1}, 400),
    ],
    ids=str,
)
def test_publication_of_what_is_not_there_is_refused(hub: Hub, body: Json, status: int) -> None:
    made = create(hub)

    assert publish(hub, made, body).status == status
    assert shown(hub, made)["publishedVersion"] is None
    assert publish(hub, made, {"version": 1}).status == 200


def test_connector_without_an_address_is_not_published(hub: Hub) -> None:
    made = create(hub, integrationType="webhook")
    patch(hub, made, {"baseUrl": None, "auth": {"type": "none"}})

    refused = publish(hub, made)

    assert (refused.status, pointers(refused)) == (400, ["/baseUrl"])
    assert shown(hub, made)["publishedVersion"] is None


def test_version_whose_secret_is_missing_is_not_published(hub: Hub) -> None:
    made = create(hub)
    patch(hub, made, {"baseUrl": "https://other.example.net"})

    draft, older = publish(hub, made), publish(hub, made, {"version": 1})

    assert [(reply.status, pointers(reply)) for reply in (draft, older)] == [(400, ["/auth/token"])] * 2
    patch(hub, made, {"auth": {"token": "new"}})
    assert publish(hub, made).status == 200


def pointers(reply: Reply) -> list[str]:
    return [problem["pointer"] for problem in reply.body["error"]["details"]["problems"]]


def test_repeat_with_the_same_idempotency_key_publishes_once(hub: Hub) -> None:
    made, headers = create(hub), {"Idempotency-Key": "k1"}

    first = publish(hub, made, {"version": 1}, headers=headers)
    patch(hub, made, {"color": "red"})
    published(hub, made)
    again = publish(hub, made, {"version": 1}, headers=headers)

    assert (first.body, again.headers["Idempotent-Replayed"]) == (again.body, "true")
    assert shown(hub, made)["publishedVersion"] == 2


def test_if_match_guards_against_publishing_an_unseen_draft(hub: Hub) -> None:
    made = create(hub)
    patch(hub, made, {"color": "red"})

    late, in_time = (publish(hub, made, headers={"If-Match": f'"{seen}"'}) for seen in (1, 2))

    assert (late.status, late.body["error"]["details"], in_time.status) == (409, {"version": 2}, 200)


# At the same moment


def test_one_of_a_change_and_a_publication_at_the_same_moment_wins(hub: Hub) -> None:
    made, other = create(hub), create(hub, "other")

    with just_before("TransactWriteItems", lambda: patch(hub, made, {"color": "red"})):
        late_publication = publish(hub, made)
    with just_before("TransactWriteItems", lambda: publish(hub, other)):
        late_change = patch(hub, other, {"color": "red"})

    assert [(reply.status, reply.code) for reply in (late_publication, late_change)] == [(409, "CONFLICT")] * 2
    assert (shown(hub, made)["version"], shown(hub, made)["publishedVersion"]) == (2, None)
    assert (shown(hub, other)["version"], shown(hub, other)["publishedVersion"]) == (1, 1)


@pytest.mark.usefixtures("stopped_clock")
def test_second_of_two_equal_changes_at_the_same_moment_is_not_taken_for_the_first(hub: Hub) -> None:
    """Both look alike once their secrets are handles; the second one's secret was not stored."""
    made = create(hub)

    with just_before("TransactWriteItems", lambda: patch(hub, made, {"auth": {"token": "first"}})):
        late = patch(hub, made, {"auth": {"token": "other"}})

    assert (late.status, late.code) == (409, "CONFLICT")
    assert vault().read(Tenant(hub.tenant), "connector", made["id"]) == {"/auth/token": "first"}


def test_publication_under_way_does_not_outlive_a_deletion(hub: Hub) -> None:
    made = create(hub)

    with just_before("TransactWriteItems", lambda: delete(hub, made)):
        late = publish(hub, made)

    assert (late.status, shown_status(hub, made)) == (409, 404)


def shown_status(hub: Hub, made: Json) -> int:
    return hub.get(f"{PATH}/{made['id']}").status


def test_change_keeps_what_a_test_notes_at_the_same_moment(hub: Hub, provider: tested.Provider) -> None:
    made = create(hub)

    with just_before("TransactWriteItems", lambda: hub.post(f"{PATH}/{made['id']}/test")):
        changed = patch(hub, made, {"color": "red"})

    assert (changed.status, len(provider.calls)) == (200, 1)
    assert shown(hub, made)["lastTestResult"] == "success"


# How long


def test_version_expires_when_it_is_neither_draft_nor_published(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = create(hub)
    published(hub, made)
    for color in ("red", "green"):
        patch(hub, made, {"color": color})
    of_changes = [expiry(hub, made, number, stopped_clock) for number in (1, 2, 3)]
    published(hub, made, version=2)
    of_a_release = [expiry(hub, made, number, stopped_clock) for number in (1, 2, 3)]

    assert of_changes == [None, 90 * DAY_S, None]
    assert of_a_release == [90 * DAY_S, None, None]


def test_published_draft_expires_when_it_is_both_followed_and_replaced(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = create(hub)
    patch(hub, made, {"color": "red"})
    published(hub, made)
    published(hub, made, version=1)
    while_draft = expiry(hub, made, 2, stopped_clock)
    patch(hub, made, {"color": "blue"})

    assert (while_draft, expiry(hub, made, 2, stopped_clock)) == (None, 90 * DAY_S)


def test_no_version_of_a_deleted_integration_stays(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = create(hub)
    published(hub, made)
    for color in ("red", "green"):
        patch(hub, made, {"color": color})

    with recorded() as asked:
        delete(hub, made)

    found = [expiry(hub, made, number, stopped_clock) for number in (1, 2, 3)]
    assert found == [31 * DAY_S, 90 * DAY_S, 31 * DAY_S]
    assert [len(call["TransactItems"]) for call in asked.of("TransactWriteItems")] == [7]


def expiry(hub: Hub, made: Json, number: int, now: StoppedClock) -> int | None:
    """Return in how many seconds a version expires."""
    item = stored(hub, made, number)
    return item["expiresEpochS"] - int(now.epoch_s) if "expiresEpochS" in item else None


# What runs


@pytest.fixture
def sync(hub: Hub, stopped_clock: StoppedClock) -> Sync:  # noqa: ARG001  time moves only when told to
    return Sync(hub, Provider(contacts(5)))


def ran(sync: Sync, made: Json) -> tuple[int, str, str]:
    """Run a sync; return the version it ran by, its end, and the path that was called."""
    job_id = sync.start(made["id"])
    sync.work(job_id)
    job = sync.job(job_id)
    path = sync.provider.calls[-1].url.removeprefix("https://crm.example.com")
    return job["connectorVersion"], job["status"], path


def test_sync_runs_the_published_version_while_the_draft_differs(sync: Sync) -> None:
    made = create(sync.hub, **connector())
    published(sync.hub, made)
    patch(sync.hub, made, OTHER_PATH)
    pinned = ran(sync, made)
    published(sync.hub, made)
    latest = ran(sync, made)
    published(sync.hub, made, version=1)

    assert (pinned, latest) == ((1, "COMPLETED", "/contacts"), (2, "COMPLETED", "/people"))
    assert ran(sync, made) == (1, "COMPLETED", "/contacts")


def test_sync_runs_the_draft_before_the_first_publication(sync: Sync) -> None:
    made = create(sync.hub, **connector())
    patch(sync.hub, made, OTHER_PATH)

    assert ran(sync, made) == (2, "COMPLETED", "/people")


def test_endpoint_of_the_published_version_alone_can_be_synced(sync: Sync) -> None:
    made = create(sync.hub, **connector())
    published(sync.hub, made)
    patch(sync.hub, made, {"endpoints": [{**connector()["endpoints"][0], "id": "renamed"}]})

    refused = sync.hub.post(f"{PATH}/{made['id']}/sync", {"endpointId": "renamed"})

    assert (refused.status, pointers(refused)) == (400, ["/endpointId"])
    assert ran(sync, made)[1] == "COMPLETED"


def test_test_runs_the_draft_whatever_is_published(hub: Hub, provider: tested.Provider) -> None:
    made = create(hub)
    published(hub, made)
    patch(hub, made, {"endpoints": [{**make_integration()["endpoints"][0], "path": "/people"}]})

    hub.post(f"{PATH}/{made['id']}/test/contacts")

    assert [call.url for call in provider.calls] == ["https://crm.example.com/people"]


def test_job_ends_with_its_version_when_another_one_is_published(sync: Sync) -> None:
    sync.provider.page_size = 2
    made = create(sync.hub, **connector())
    published(sync.hub, made)
    job_id = sync.start(made["id"])
    sync.work(job_id, lambda: 1000)
    patch(sync.hub, made, OTHER_PATH)
    published(sync.hub, made)

    sync.work(job_id)

    assert sync.job(job_id)["status"] == "COMPLETED"
    assert {call.url for call in sync.provider.calls} == {"https://crm.example.com/contacts"}


def test_published_version_needs_none_of_the_secrets_that_the_draft_lacks(sync: Sync) -> None:
    made = create(sync.hub, **connector(auth={"type": "none"}))
    published(sync.hub, made)
    patch(sync.hub, made, {"auth": {"type": "bearer", "token": "new"}})
    patch(sync.hub, made, {"baseUrl": "https://other.example.net"})

    assert shown(sync.hub, made)["secretsRequired"] == ["/auth/token"]
    assert ran(sync, made) == (1, "COMPLETED", "/contacts")


# Who may

ROUTES: list[tuple[str, str]] = [("GET", "versions"), ("GET", "versions/1"), ("POST", "publish")]


@pytest.mark.parametrize(("method", "rest"), ROUTES)
def test_foreign_versions_answer_byte_for_byte_like_missing_ones(
    hub: Hub, other_hub: Hub, method: str, rest: str
) -> None:
    theirs = create(other_hub)["id"]

    foreign = hub.call(method, f"{PATH}/{theirs}/{rest}")
    missing = hub.call(method, f"{PATH}/int_01JCZ8Y0M3V8T6W2Q9X4N5B7KD/{rest}")

    for reply in (foreign, missing):
        reply.body["error"].pop("requestId")
    assert (foreign.status, foreign.code) == (404, "INTEGRATION_NOT_FOUND")
    assert json.dumps(foreign.body) == json.dumps(missing.body)
    assert other_hub.get(f"{PATH}/{theirs}").body["publishedVersion"] is None
    assert other_hub.call(method, f"{PATH}/{theirs}/{rest}").status == 200


@pytest.mark.parametrize(("method", "rest"), ROUTES)
def test_versions_of_a_deleted_integration_are_a_404(hub: Hub, method: str, rest: str) -> None:
    made = create(hub)
    assert hub.call(method, f"{PATH}/{made['id']}/{rest}").status == 200

    delete(hub, made)

    assert hub.call(method, f"{PATH}/{made['id']}/{rest}").code == "INTEGRATION_NOT_FOUND"


def test_cursor_of_one_integration_is_refused_by_another(hub: Hub) -> None:
    one, other = create(hub), create(hub, "other")
    for made in (one, other):
        patch(hub, made, {"color": "red"})
    cursor = versions(hub, one, limit=1)["nextCursor"]

    refused = hub.get(f"{PATH}/{other['id']}/versions", query={"cursor": cursor})

    assert (refused.status, len(versions(hub, one, cursor=cursor)["items"])) == (400, 1)


CALLERS: list[tuple[str, str, list[int]]] = [
    ("tenant_admin", "", [200, 200, 200]),
    ("user", "", [200, 200, 403]),
    ("", "integrations:read", [200, 200, 403]),
    ("", "integrations:write", [403, 403, 200]),
    ("", "contacts:read", [403, 403, 403]),
]


@pytest.mark.parametrize(("roles", "scopes", "expected"), CALLERS)
def test_role_or_scope_decides_who_reads_versions_and_who_publishes(
    hub: Hub, roles: str, scopes: str, expected: list[int]
) -> None:
    made = create(hub)

    replies = [hub.call(method, f"{PATH}/{made['id']}/{rest}", roles=roles, scopes=scopes) for method, rest in ROUTES]

    assert [reply.status for reply in replies] == expected
