"""What becomes of a subscription's secrets: never shown again, kept by their handles, dropped with their origin."""

import json
from typing import Any

import pytest

from hub.core import resources
from hub.core.attributes import decode_item
from hub.webhooks.subscriptions.subscription_models import RotatedSecret
from tests.api.conftest import Hub, StoppedClock
from tests.api.subscriptions import CANARY, PATH, Json, problems, put, secrets, stored, subscribe, wanted

ELSEWHERE = {"url": "https://evil.example.net/hooks"}
BEARER = {"authType": "BEARER", "authConfig": {"token": CANARY}}
BASIC = {"authType": "basic", "authConfig": {"username": "u", "password": CANARY}}
API_KEY = {"authType": "API_KEY", "authConfig": {"apiKey": CANARY, "headerName": "X-Api"}}
QUERY_KEY = {"authType": "API_KEY", "authConfig": {"apiKey": CANARY, "queryName": "key"}}
TOKEN_URL = "https://login.example.com/token"
OAUTH2 = {
    "authType": "OAuth2",
    "authConfig": {"tokenUrl": TOKEN_URL, "clientId": "me", "clientSecret": CANARY, "scope": "s", "audience": "a"},
}
HEADERS = {"headers": {"X-Api-Key": CANARY, "Cookie": "session=canary-cookie", "X-Team": "a"}}
HANDLE = "{{encrypted:cana...ough}}"
KINDS = [
    (BEARER, "/auth/token", "/authConfig/token"),
    (BASIC, "/auth/password", "/authConfig/password"),
    (API_KEY, "/auth/keyValue", "/authConfig/apiKey"),
    (QUERY_KEY, "/auth/keyValue", "/authConfig/apiKey"),
    (OAUTH2, "/auth/clientSecret", "/authConfig/clientSecret"),
]


def everything_stored(hub: Hub) -> str:
    """Return all items of the tenant in all tables as one text; ciphertext is shown as bytes."""
    client: Any = resources.resources().dynamodb
    found = []
    for table in client.list_tables()["TableNames"]:
        items = client.scan(TableName=table)["Items"]
        found += [decode_item(item) for item in items if item["pk"]["S"].startswith(hub.tenant)]
    return repr(found)


@pytest.mark.parametrize(("auth", "place", "shown"), KINDS)
def test_secret_goes_to_the_vault_and_shows_as_a_handle(hub: Hub, auth: Json, place: str, shown: str) -> None:
    made = subscribe(hub, **auth)

    assert secrets(hub, made)[place] == CANARY
    assert made["authConfig"] == {**auth["authConfig"], shown.rpartition("/")[2]: HANDLE}
    assert stored(hub, made).item["storedSecrets"] == [place]


def test_headers_that_look_like_credentials_go_to_the_vault(hub: Hub) -> None:
    made = subscribe(hub, **HEADERS)

    assert made["headers"] == {"X-Api-Key": HANDLE, "Cookie": "{{encrypted:sess...okie}}", "X-Team": "a"}
    assert secrets(hub, made)["/headers/X-Api-Key"] == CANARY


def test_no_secret_is_stored_in_clear_or_answered_again(hub: Hub) -> None:
    given = {"Idempotency-Key": "k1"}
    made = hub.post(PATH, wanted(**OAUTH2, **HEADERS), headers=given).body
    one = f"{PATH}/{made['id']}"
    rotated = hub.post(f"{one}/rotate-secret", headers=given).body
    answers = [
        hub.get(one),
        hub.get(PATH),
        put(hub, made, name="other"),
        hub.post(PATH, wanted(**OAUTH2, **HEADERS), headers=given),
        hub.post(f"{one}/rotate-secret", headers=given),
    ]

    seen = json.dumps([reply.body for reply in answers]) + everything_stored(hub)

    clear = (CANARY, "canary-cookie", made["secretKey"], rotated["secretKey"])
    assert [secret for secret in clear if secret in seen] == []
    assert [reply.status for reply in answers] == [200, 200, 200, 201, 200]
    assert hub.tenant in seen
    assert set(clear) <= {*secrets(hub, made).values(), "canary-cookie"}  # the control: the vault has them


def test_faults_do_not_repeat_secrets(hub: Hub) -> None:
    auth = {"authType": "BEARER", "authConfig": {"token": f"{CANARY}\n"}}

    replies = [
        hub.post(PATH, wanted(**auth)),
        hub.post(PATH, wanted(secretKey=[CANARY])),
        hub.post(PATH, wanted(headers={"X-Key": f"{CANARY}\n"})),
        hub.post(PATH, wanted(authType="BEARER", authConfig={"token": [CANARY]})),
    ]

    assert [reply.status for reply in replies] == [400] * 4
    assert CANARY not in json.dumps([reply.body for reply in replies])


def test_repeat_of_a_create_is_answered_without_the_secret(hub: Hub) -> None:
    first = hub.post(PATH, wanted(), headers={"Idempotency-Key": "k1"})
    second = hub.post(PATH, wanted(), headers={"Idempotency-Key": "k1"})

    assert second.body == {name: value for name, value in first.body.items() if name != "secretKey"}
    assert hub.get(PATH).body["total"] == 1


@pytest.mark.parametrize(("auth", "shown"), [(auth, shown) for auth, _, shown in KINDS])
def test_secret_is_dropped_when_the_origin_it_goes_to_changes(hub: Hub, auth: Json, shown: str) -> None:
    """Whoever may edit the address must not get the secret sent to a host of their choice."""
    made = subscribe(hub, **auth)

    changed = put(hub, made, **ELSEWHERE).body

    assert (changed["secretsRequired"], changed["status"], changed["isEnabled"]) == ([shown], "PAUSED", False)
    assert secrets(hub, made) == {"secret.1": made["secretKey"]}
    assert put(hub, made, isEnabled=True).body["status"] == "PAUSED"
    assert put(hub, made, url=made["url"], isEnabled=True).body["secretsRequired"] == [shown]


def test_client_secret_is_dropped_when_the_token_url_changes(hub: Hub) -> None:
    made = subscribe(hub, **OAUTH2)
    config = {**OAUTH2["authConfig"], "tokenUrl": "https://evil.example.net/token", "clientSecret": HANDLE}  # type: ignore[dict-item]

    changed = put(hub, made, authConfig=config).body

    assert (changed["secretsRequired"], changed["status"]) == (["/authConfig/clientSecret"], "PAUSED")


def test_secret_header_is_dropped_with_the_origin(hub: Hub) -> None:
    made = subscribe(hub, **HEADERS)

    changed = put(hub, made, **ELSEWHERE).body

    assert changed["secretsRequired"] == ["/headers/Cookie", "/headers/X-Api-Key"]


def test_entered_again_it_can_be_enabled(hub: Hub) -> None:
    made = subscribe(hub, **BEARER)
    put(hub, made, **ELSEWHERE)

    changed = put(hub, made, authConfig={"token": "another-token-of-the-new-host"}, isEnabled=True).body

    assert (changed["secretsRequired"], changed["status"]) == ([], "ACTIVE")
    assert secrets(hub, made)["/auth/token"] == "another-token-of-the-new-host"


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://RECEIVER.example.com:443/other"},
        {"name": "other"},
        {"authConfig": {"token": HANDLE}},
        {"authConfig": {}},
        {"authConfig": None},
    ],
    ids=str,
)
def test_secret_stays_while_the_origin_is_the_same(hub: Hub, change: Json) -> None:
    made = subscribe(hub, **BEARER)

    changed = put(hub, made, **change)

    assert (changed.status, changed.body["secretsRequired"], changed.body["status"]) == (200, [], "ACTIVE")
    assert secrets(hub, made) == {"secret.1": made["secretKey"], "/auth/token": CANARY}


def test_secret_of_another_auth_type_is_not_kept(hub: Hub) -> None:
    made = subscribe(hub, **BEARER)

    refused = put(hub, made, authType="BASIC", authConfig={"username": "u"})
    none = put(hub, made, authType="NONE", authConfig=None)

    assert problems(refused) == ["/authConfig/password"]
    assert (none.status, none.body["authConfig"]) == (200, None)
    assert secrets(hub, made) == {"secret.1": made["secretKey"]}


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"authType": "BEARER", "authConfig": {"token": HANDLE}}, "/authConfig/token"),
        ({"headers": {"X-Key": HANDLE}}, "/headers/X-Key"),
        ({"headers": {"X-Team": HANDLE}}, "/headers/X-Team"),
        ({"description": f"see {HANDLE}"}, "/description"),
        ({"transformTemplate": {"a": HANDLE}}, "/transformTemplate"),
        ({"authType": "BASIC", "authConfig": {"username": HANDLE, "password": "p"}}, "/authConfig/username"),
    ],
    ids=str,
)
def test_handle_stands_only_where_a_secret_is_stored(hub: Hub, changed: Json, place: str) -> None:
    reply = hub.post(PATH, wanted(**changed))

    assert (reply.status, problems(reply)) == (422, [place])


def test_token_url_is_guarded_as_the_url_is(hub: Hub) -> None:
    config = {**OAUTH2["authConfig"], "tokenUrl": "https://169.254.169.254/token"}  # type: ignore[dict-item]

    assert problems(hub.post(PATH, wanted(authType="OAUTH2", authConfig=config))) == ["/authConfig/tokenUrl"]


def test_rotation_keeps_the_former_secret_for_the_grace_time(hub: Hub, stopped_clock: StoppedClock) -> None:
    made = subscribe(hub, **BEARER)
    path = f"{PATH}/{made['id']}"

    rotated = hub.post(f"{path}/rotate-secret", {"gracePeriodSeconds": 60}).body

    RotatedSecret.model_validate(rotated)
    assert secrets(hub, made) == {
        "secret.1": made["secretKey"],
        "secret.2": rotated["secretKey"],
        "/auth/token": CANARY,
    }
    assert hub.get(path).body["previousSecretValidUntil"] == rotated["previousSecretValidUntil"]
    assert stored(hub, made).secret_names.accepted() == ["secret.2", "secret.1"]
    stopped_clock.advance(61)
    assert stored(hub, made).secret_names.accepted() == ["secret.2"]


def test_rotation_without_grace_ends_the_former_secret_at_once(hub: Hub) -> None:
    made = subscribe(hub)

    rotated = hub.post(f"{PATH}/{made['id']}/rotate-secret", {"gracePeriodSeconds": 0}).body

    assert rotated["previousSecretValidUntil"] is None
    assert secrets(hub, made) == {"secret.2": rotated["secretKey"]}


def test_secret_in_a_replacement_is_a_rotation(hub: Hub) -> None:
    made = subscribe(hub)

    changed = put(hub, made, secretKey="a secret of my own").body

    assert secrets(hub, made) == {"secret.1": made["secretKey"], "secret.2": "a secret of my own"}
    assert changed["previousSecretValidUntil"] is not None
    assert "secretKey" not in changed


@pytest.mark.parametrize("grace", [-1, 604_801, "60", True, 1.5])
def test_bad_grace_time_is_refused(hub: Hub, grace: Any) -> None:
    made = subscribe(hub)

    assert hub.post(f"{PATH}/{made['id']}/rotate-secret", {"gracePeriodSeconds": grace}).status == 400


def test_word_that_a_rotation_does_not_know_is_refused(hub: Hub) -> None:
    """Whoever writes `gracePeriod: 0` for a secret that leaked would have it accepted for another day."""
    made = subscribe(hub)

    assert hub.post(f"{PATH}/{made['id']}/rotate-secret", {"gracePeriod": 0}).status == 400
    assert secrets(hub, made) == {"secret.1": made["secretKey"]}


def test_secrets_of_a_deleted_subscription_expire(hub: Hub) -> None:
    made = subscribe(hub, **OAUTH2)
    hub.call("DELETE", f"{PATH}/{made['id']}")

    records = [item for item in _credentials(hub) if item["sk"] == made["id"]]

    assert len(records) == 2  # its secrets, and the place of its tokens
    assert all(item["expiresEpochS"] for item in records)


def _credentials(hub: Hub) -> list[Json]:
    client: Any = resources.resources().dynamodb
    table = resources.resources().tables.credentials.name
    return [
        decode_item(item) for item in client.scan(TableName=table)["Items"] if item["pk"]["S"].startswith(hub.tenant)
    ]
