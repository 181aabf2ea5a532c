"""Secrets of inbound endpoints: shown once, replaced with an overlap, and never anywhere else."""

from typing import Any

import pytest

from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import partition
from hub.webhooks.signature import key_of
from tests.api.conftest import Hub, StoppedClock, make_integration
from tests.api.inbound_endpoints import (
    CUSTOM,
    ENDPOINTS,
    Json,
    accepted,
    by_url,
    create,
    replace,
    secrets,
    shown,
    stored,
    url_secret,
    wanted,
)

GIVEN = "canary-secret-of-the-caller"
SIGNED = {"signatureHeader": "X-Signature", "signatureAlgorithm": "hmac-sha256"}
DAY_S = 86_400


def everything(hub: Hub) -> str:
    """Return all that the tables of configuration, activity and coordination hold of a tenant, as one text."""
    tables, found = resources().tables, []
    kinds = ("inbound-endpoint", "unique", "integration", "connector", "audit", "idempotency")
    for table in (tables.config, tables.activity, tables.coordination):
        for kind in kinds:
            found += list(table.query_all("pk = :pk", {"pk": partition(Tenant(hub.tenant), kind)}))
    return repr(found)


def sealed(hub: Hub, endpoint_id: str) -> Item:
    """Return the vault's record as it lies in the table."""
    pk = partition(Tenant(hub.tenant), "inbound")
    return next(
        item for item in resources().tables.credentials.query_all("pk = :pk", {"pk": pk}) if item["sk"] == endpoint_id
    )


def rotate(hub: Hub, made: Json, body: Json | None = None, **options: Any) -> Json:
    reply = hub.post(f"{ENDPOINTS}/{made['id']}/rotate-secret", body, **options)
    assert reply.status == 200, reply.body
    answered: Json = reply.body
    return answered


def test_secret_made_by_the_hub_is_shown_once_and_verifies(hub: Hub) -> None:
    made = create(hub)

    assert len(key_of(made["secretKey"]) or b"") == 32
    assert accepted(hub, made["id"]) == [made["secretKey"]]
    assert "secretKey" not in shown(hub, made["id"])


def test_secret_given_by_the_caller_is_kept_as_it_is(hub: Hub) -> None:
    made = create(hub, secretKey=GIVEN, **SIGNED)

    assert accepted(hub, made["id"]) == [GIVEN]


def test_secret_stands_in_no_later_answer_and_in_no_table(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    made = create(hub, secretKey=GIVEN, **SIGNED)
    answers = [
        hub.get(ENDPOINTS).body,
        shown(hub, made["id"]),
        replace(hub, made["id"], wanted(**SIGNED)).body,
        hub.post(ENDPOINTS, wanted("second", secretKey=GIVEN)).body,
        hub.post(ENDPOINTS, wanted("second", secretKey=GIVEN, unknown=GIVEN, ipWhitelist=[GIVEN])).body,
    ]
    rotated = rotate(hub, made)

    assert GIVEN in repr(made)  # the canary was there to be found
    assert GIVEN not in repr(answers)
    for secret in (GIVEN, rotated["secretKey"]):
        assert secret not in everything(hub)
        assert secret.encode() not in repr(sealed(hub, made["id"])).encode()
        assert secret not in "".join(capfd.readouterr())


def test_repeat_by_idempotency_key_does_not_hold_the_secret(hub: Hub) -> None:
    """The kept answer lies readable in a table for a day."""
    key = {"Idempotency-Key": "same"}
    first, second = (hub.post(ENDPOINTS, wanted(), headers=key) for _ in range(2))
    turned, again = (hub.post(f"{ENDPOINTS}/{first.body['id']}/rotate-secret", headers=key) for _ in range(2))

    assert second.headers["Idempotent-Replayed"] == again.headers["Idempotent-Replayed"] == "true"
    assert second.body == {name: value for name, value in first.body.items() if name != "secretKey"}
    assert again.body == {"previousSecretValidUntil": turned.body["previousSecretValidUntil"]}
    assert accepted(hub, first.body["id"])[0] == turned.body["secretKey"]
    assert first.body["secretKey"] not in everything(hub)


def test_both_secrets_count_during_the_grace_and_the_new_one_after_it(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = create(hub)

    turned = rotate(hub, made, {"gracePeriodSeconds": 600})

    assert accepted(hub, made["id"]) == [turned["secretKey"], made["secretKey"]]
    assert shown(hub, made["id"])["previousSecretValidUntil"] == turned["previousSecretValidUntil"]
    stopped_clock.advance(601)
    assert accepted(hub, made["id"]) == [turned["secretKey"]]


def test_grace_is_a_day_unless_it_is_said(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = create(hub)

    turned = rotate(hub, made)

    stopped_clock.advance(DAY_S - 1)
    assert accepted(hub, made["id"]) == [turned["secretKey"], made["secretKey"]]
    stopped_clock.advance(2)
    assert accepted(hub, made["id"]) == [turned["secretKey"]]


def test_no_grace_ends_all_former_secrets_at_once_and_takes_them_out_of_the_vault(hub: Hub) -> None:
    """Who asks for it knows that a secret leaked; which of them, the hub does not."""
    made = create(hub)
    rotate(hub, made)

    turned = rotate(hub, made, {"gracePeriodSeconds": 0})

    assert turned["previousSecretValidUntil"] is None
    assert secrets(hub, made["id"]) == {"secret.3": turned["secretKey"]}


@pytest.mark.parametrize(
    "body", [{"gracePeriodSeconds": value} for value in (-1, 604_801, "60", 1.5, True)] + [{"x": 1}]
)
def test_wrong_grace_is_a_400_and_rotates_nothing(hub: Hub, body: Json) -> None:
    made = create(hub)

    assert hub.post(f"{ENDPOINTS}/{made['id']}/rotate-secret", body).status == 400
    assert accepted(hub, made["id"]) == [made["secretKey"]]


def test_secret_given_by_put_replaces_the_present_one_with_an_overlap(hub: Hub) -> None:
    made = create(hub, **SIGNED)

    changed = replace(hub, made["id"], wanted(secretKey=GIVEN, **SIGNED))

    assert (changed.status, "secretKey" in changed.body) == (200, False)
    assert accepted(hub, made["id"]) == [GIVEN, made["secretKey"]]


def test_put_without_a_secret_keeps_it(hub: Hub) -> None:
    made = create(hub)

    replace(hub, made["id"], wanted(handlerType="other"))

    assert accepted(hub, made["id"]) == [made["secretKey"]]


def test_deletion_lets_the_secrets_expire_with_the_endpoint(hub: Hub) -> None:
    made = create(hub)

    hub.call("DELETE", f"{ENDPOINTS}/{made['id']}")

    assert sealed(hub, made["id"])["expiresEpochS"] == stored(hub, made["id"]).item["expiresEpochS"]


# Custom integrations


def test_regenerated_secrets_replace_both_and_the_former_ones_count_for_the_grace(
    hub: Hub, stopped_clock: StoppedClock
) -> None:
    made = hub.post(CUSTOM, make_integration(webhookConfig={"webhookSecret": GIVEN})).body
    before = url_secret(made["webhookConfig"]["webhookUrl"])

    turned = hub.post(f"{CUSTOM}/{made['id']}/regenerate-secret", {"gracePeriodSeconds": 60}).body

    found, after = by_url(turned["webhookUrl"]), url_secret(turned["webhookUrl"])
    assert turned.keys() == {"webhookSecret", "webhookUrl", "previousSecretValidUntil"}
    assert found is not None
    assert [found.accepts_url_secret(each) for each in (after, before, "other", "")] == [True, True, False, False]
    assert accepted(hub, made["id"]) == [turned["webhookSecret"], GIVEN]
    stopped_clock.advance(61)
    assert [found.accepts_url_secret(each) for each in (after, before)] == [True, False]
    assert accepted(hub, made["id"]) == [turned["webhookSecret"]]


def test_regenerating_again_and_again_keeps_no_more_than_three_former_secrets(hub: Hub) -> None:
    made = hub.post(CUSTOM, make_integration(webhookConfig={})).body
    urls = [made["webhookConfig"]["webhookUrl"]]

    urls += [hub.post(f"{CUSTOM}/{made['id']}/regenerate-secret").body["webhookUrl"] for _ in range(5)]

    found = stored(hub, made["id"])
    assert [found.accepts_url_secret(url_secret(url)) for url in urls] == [False, False, True, True, True, True]
    assert len(secrets(hub, made["id"])) == 8


def test_url_secret_is_stored_hashed_only_and_the_repeat_of_a_create_does_not_show_it(hub: Hub) -> None:
    body, key = make_integration(webhookConfig={}), {"Idempotency-Key": "same"}

    first, second = (hub.post(CUSTOM, body, headers=key).body for _ in range(2))
    turned, again = (hub.post(f"{CUSTOM}/{first['id']}/regenerate-secret", headers=key).body for _ in range(2))

    kept = everything(hub)
    for shown_once in (first["webhookConfig"], turned):
        assert url_secret(shown_once["webhookUrl"]) not in kept
        assert shown_once["webhookSecret"] not in kept
    assert (second["webhookConfig"]["webhookSecret"], url_secret(second["webhookConfig"]["webhookUrl"])) == (
        "{{encrypted:****}}",
        "****",
    )
    assert ("webhookSecret" in again, url_secret(again["webhookUrl"])) == (False, "****")


def test_integration_that_receives_nothing_has_no_secret_to_regenerate(hub: Hub) -> None:
    made = hub.post(CUSTOM, make_integration()).body

    assert hub.post(f"{CUSTOM}/{made['id']}/regenerate-secret").status == 404
    assert hub.post(f"{CUSTOM}/{made['id']}/regenerate-secret", roles="user").status == 403
