"""The inbound endpoint of a custom integration: it begins, changes, pauses and ends with its integration."""

from typing import Any

import pytest

from tests.api import custom_integrations
from tests.api.conftest import Hub, just_before
from tests.api.custom_integrations import PATH, create, delete, patch
from tests.api.inbound_endpoints import Json, accepted, by_url, secrets, stored, url_secret
from tests.spec_examples import WEBHOOK

ROUTE = {"eventTypePath": "$.type", "eventTypeValue": "a", "action": "custom"}
OTHER_ROUTE = {**ROUTE, "eventTypeValue": "b"}
HANDLE = "{{encrypted:****}}"


def publish(hub: Hub, made: Json, version: int | None = None) -> None:
    reply = hub.post(f"{PATH}/{made['id']}/publish", {} if version is None else {"version": version})
    assert reply.status == 200, reply.body


def change(hub: Hub, made: Json, **changed: Any) -> Json:
    reply = patch(hub, made, changed)
    assert reply.status == 200, reply.body
    return custom_integrations.checked(reply)


def url_of(made: Json) -> str:
    return str(made["webhookConfig"]["webhookUrl"])


# The specification


def test_webhook_example_of_the_specification_becomes_an_endpoint(hub: Hub) -> None:
    made = create(hub, webhookConfig=WEBHOOK)

    found = by_url(url_of(made))

    assert made["webhookConfig"] == {**WEBHOOK, "webhookSecret": HANDLE, "webhookUrl": url_of(made)}
    assert url_of(made).startswith(f"http://hub.test/api/v1/webhooks/custom/{made['id']}/")
    assert found is not None
    assert (found.id, found.tenant.id, found.is_active, found.is_custom) == (made["id"], hub.tenant, True, True)
    assert found.verification == {
        "scheme": "hmac",
        "header": "x-signature",
        "algorithm": "sha256",
        "prefix": "sha256=",
    }
    assert found.routing == WEBHOOK["eventRouting"]
    assert found.response == {"status": 200, "body": WEBHOOK["responseBody"]}
    assert secrets(hub, made["id"]) == {"secret.1": "wh_secret_abc123", "urlSecret.1": url_secret(url_of(made))}


def test_url_is_whole_in_the_answer_that_made_it_and_masked_ever_after(hub: Hub) -> None:
    made = create(hub, webhookConfig=WEBHOOK)
    masked = f"http://hub.test/api/v1/webhooks/custom/{made['id']}/****"

    later = [hub.get(f"{PATH}/{made['id']}").body, hub.get(PATH).body["items"][0], change(hub, made, color="red")]

    assert len(url_secret(url_of(made))) == 43  # 32 random bytes
    assert [url_of(each) for each in later] == [masked] * 3


def test_missing_secret_is_made_and_shown_once(hub: Hub) -> None:
    made = create(hub, webhookConfig={"eventRouting": [ROUTE]})

    secret = made["webhookConfig"]["webhookSecret"]

    assert secret.startswith("whsec_")
    assert accepted(hub, made["id"]) == [secret]
    assert hub.get(f"{PATH}/{made['id']}").body["webhookConfig"]["webhookSecret"] == HANDLE


def test_connector_that_only_receives_needs_no_address(hub: Hub) -> None:
    body = {"name": "in", "displayName": "In", "integrationType": "webhook", "webhookConfig": WEBHOOK}

    made = hub.post(PATH, body)

    assert made.status == 201, made.body
    publish(hub, made.body)
    assert (found := by_url(url_of(made.body)))
    assert found.is_active


@pytest.mark.parametrize(
    ("signature", "is_insecure"),
    [
        (None, True),
        ({"header": "X-S", "algorithm": "none"}, True),
        ({"algorithm": "none"}, True),
        ({"header": "X-S", "algorithm": "hmac-sha1"}, False),
        ({"scheme": "github"}, False),
        ({"scheme": "stripe", "toleranceS": 60}, False),
    ],
)
def test_webhook_without_a_signature_is_flagged_insecure(hub: Hub, signature: Json | None, is_insecure: bool) -> None:
    config = {} if signature is None else {"signatureConfig": signature}

    made = create(hub, webhookConfig=config)

    assert made["webhookConfig"].get("insecure", False) is is_insecure
    assert (stored(hub, made["id"]).verification["scheme"] == "none") is is_insecure


# Secrets


def test_handle_keeps_the_secret_and_a_new_one_replaces_it_with_an_overlap(hub: Hub) -> None:
    made = create(hub, webhookConfig=WEBHOOK)

    change(hub, made, webhookConfig={"webhookSecret": HANDLE, "responseStatus": 202})
    kept = accepted(hub, made["id"])
    changed = change(hub, made, webhookConfig={"webhookSecret": "the-new-secret"})

    assert kept == ["wh_secret_abc123"]
    assert accepted(hub, made["id"]) == ["the-new-secret", "wh_secret_abc123"]
    assert changed["webhookConfig"]["webhookSecret"] == HANDLE
    assert (found := by_url(url_of(made)))
    assert found.accepts_url_secret(url_secret(url_of(made)))


def test_removed_secret_is_replaced_by_one_of_the_hub(hub: Hub) -> None:
    made = create(hub, webhookConfig=WEBHOOK)

    changed = change(hub, made, webhookConfig={"webhookSecret": None})

    assert accepted(hub, made["id"]) == [changed["webhookConfig"]["webhookSecret"], "wh_secret_abc123"]


def test_answer_sent_back_changes_neither_secret_nor_url(hub: Hub) -> None:
    made = create(hub, webhookConfig={"eventRouting": [ROUTE]})
    before = secrets(hub, made["id"])

    change(hub, made, **hub.get(f"{PATH}/{made['id']}").body)

    assert secrets(hub, made["id"]) == before
    assert (found := by_url(url_of(made)))
    assert found.accepts_url_secret(url_secret(url_of(made)))


def test_other_origin_drops_the_secrets_that_are_sent_and_keeps_that_of_the_webhook(hub: Hub) -> None:
    made = create(hub, webhookConfig=WEBHOOK)

    changed = change(hub, made, baseUrl="https://evil.example.net")

    assert changed["secretsRequired"] == ["/auth/token"]
    assert accepted(hub, made["id"]) == ["wh_secret_abc123"]
    assert stored(hub, made["id"]).is_active


# With its integration


def test_endpoint_begins_when_the_webhook_is_added_later(hub: Hub) -> None:
    made = create(hub)

    changed = change(hub, made, webhookConfig={"eventRouting": [ROUTE]})

    assert (found := by_url(url_of(changed)))
    assert found.accepts_url_secret(url_secret(url_of(changed)))
    assert accepted(hub, made["id"]) == [changed["webhookConfig"]["webhookSecret"]]


def test_endpoint_ends_with_the_webhook_and_begins_anew_with_other_secrets(hub: Hub) -> None:
    made = create(hub, webhookConfig=WEBHOOK)
    change(hub, made, webhookConfig=None)
    gone = by_url(url_of(made))

    again = change(hub, made, webhookConfig={"eventRouting": [ROUTE]})

    assert gone is None
    assert (found := by_url(url_of(again)))
    assert [found.accepts_url_secret(url_secret(url_of(each))) for each in (again, made)] == [True, False]
    assert accepted(hub, made["id"]) == [again["webhookConfig"]["webhookSecret"]]


def test_former_handle_does_not_bring_the_secret_of_a_removed_webhook_back(hub: Hub) -> None:
    made = create(hub, webhookConfig=WEBHOOK)
    change(hub, made, webhookConfig=None)

    assert patch(hub, made, {"webhookConfig": {"webhookSecret": HANDLE}}).status == 422


def test_paused_integration_receives_nothing_until_it_is_active_again(hub: Hub) -> None:
    made = create(hub, status="active", webhookConfig=WEBHOOK)

    change(hub, made, status="inactive")
    is_paused = not stored(hub, made["id"]).is_active
    change(hub, made, status="active")

    assert is_paused
    assert stored(hub, made["id"]).is_active


def test_endpoint_is_deleted_with_its_integration(hub: Hub) -> None:
    made = create(hub, webhookConfig=WEBHOOK)

    assert delete(hub, made).status == 204
    assert by_url(url_of(made)) is None
    assert stored(hub, made["id"]).is_deleted


def test_failed_change_of_the_integration_changes_nothing_of_the_endpoint(hub: Hub) -> None:
    made = create(hub, webhookConfig=WEBHOOK)
    before = stored(hub, made["id"]).item
    create(hub, "taken")

    reply = patch(hub, made, {"name": "taken", "webhookConfig": {"webhookSecret": "the-new-secret"}})

    assert reply.status == 409
    assert stored(hub, made["id"]).item == before
    assert accepted(hub, made["id"]) == ["wh_secret_abc123"]


@pytest.mark.parametrize("late_change", [{"webhookSecret": "the-late-secret"}, {"responseStatus": 202}], ids=str)
def test_change_that_races_with_a_rotation_is_a_409_and_keeps_what_the_rotation_made(
    hub: Hub, late_change: Json
) -> None:
    made = create(hub, webhookConfig=WEBHOOK)
    turned: list[Json] = []

    with just_before(
        "TransactWriteItems", lambda: turned.append(hub.post(f"{PATH}/{made['id']}/regenerate-secret").body)
    ):
        late = patch(hub, made, {"webhookConfig": late_change})

    assert late.status == 409
    assert accepted(hub, made["id"]) == [turned[0]["webhookSecret"], "wh_secret_abc123"]


# Versions


def test_published_version_routes_while_the_draft_differs(hub: Hub) -> None:
    made = create(hub, webhookConfig={"eventRouting": [ROUTE]})
    publish(hub, made)

    change(hub, made, webhookConfig={"eventRouting": [OTHER_ROUTE], "responseStatus": 202})
    of_first = stored(hub, made["id"])
    publish(hub, made)
    of_second = stored(hub, made["id"])
    publish(hub, made, 1)
    of_rollback = stored(hub, made["id"])

    assert [each.routing for each in (of_first, of_second, of_rollback)] == [[ROUTE], [OTHER_ROUTE], [ROUTE]]
    assert [each.response["status"] for each in (of_first, of_second, of_rollback)] == [200, 202, 200]


def test_draft_routes_before_the_first_publication(hub: Hub) -> None:
    made = create(hub, webhookConfig={"eventRouting": [ROUTE]})

    change(hub, made, webhookConfig={"eventRouting": [OTHER_ROUTE]})

    assert stored(hub, made["id"]).routing == [OTHER_ROUTE]


def test_webhook_added_to_the_draft_alone_receives_from_its_publication_on(hub: Hub) -> None:
    made = create(hub)
    publish(hub, made)

    changed = change(hub, made, webhookConfig={"eventRouting": [ROUTE]})
    before = stored(hub, made["id"])
    publish(hub, made)
    after = stored(hub, made["id"])

    assert [before.is_active, after.is_active] == [False, True]
    assert after.accepts_url_secret(url_secret(url_of(changed)))


def test_webhook_removed_from_the_draft_alone_receives_until_the_publication(hub: Hub) -> None:
    made = create(hub, status="active", webhookConfig={"eventRouting": [ROUTE]})
    publish(hub, made)

    change(hub, made, webhookConfig=None)
    before = stored(hub, made["id"])
    change(hub, made, status="inactive")
    paused = stored(hub, made["id"])
    publish(hub, made)

    assert (before.is_active, before.routing, paused.is_active) == (True, [ROUTE], False)
    assert by_url(url_of(made)) is None
