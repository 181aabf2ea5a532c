import copy

import pytest

from hub.connector.secrets import WEBHOOK_SECRET, extract_secrets, is_handle, origins, secret_fields, secret_handles
from tests.unit.connector.factories import Json, definition

LONG = "sk_live_1234567890abcdef"
EACH: list[tuple[str, Json]] = [
    ("/auth/keyValue", {"auth": {"type": "api_key", "keyName": "k", "keyLocation": "header", "keyValue": LONG}}),
    ("/auth/token", {"auth": {"type": "bearer", "token": LONG}}),
    ("/auth/password", {"auth": {"type": "basic", "username": "u", "password": LONG}}),
    ("/auth/clientSecret", {"auth": {"type": "oauth2", "tokenUrl": "https://id.test/token", "clientSecret": LONG}}),
    ("/auth/accessToken", {"auth": {"type": "oauth2", "accessToken": LONG}}),
    ("/auth/refreshToken", {"auth": {"type": "oauth2", "tokenUrl": "https://id.test/token", "refreshToken": LONG}}),
    ("/auth/headers/X~1Key~0", {"auth": {"type": "custom_headers", "headers": {"X/Key~": LONG}}}),
    ("/webhookConfig/webhookSecret", {"webhookConfig": {"webhookSecret": LONG}}),
]


@pytest.mark.parametrize(("pointer", "change"), EACH)
def test_secret_leaves_the_definition_and_a_handle_stays(pointer: str, change: Json) -> None:
    raw = definition(**change)
    before = copy.deepcopy(raw)

    stored, secrets = extract_secrets(raw)

    assert secrets == {pointer: LONG}
    masked = "****" if pointer == WEBHOOK_SECRET else "sk_l...cdef"
    assert secret_fields(stored) == {pointer: f"{{{{encrypted:{masked}}}}}"}
    assert LONG not in repr(stored)
    assert raw == before


@pytest.mark.parametrize(
    ("secret", "handle"),
    [
        ("x" * 19, "{{encrypted:****}}"),
        ("abcd" + "x" * 12 + "wxyz", "{{encrypted:abcd...wxyz}}"),
        ("", "{{encrypted:****}}"),
        ("}}}}" + "x" * 20 + "{{{{", "{{encrypted:}}}}...{{{{}}"),
    ],
)
def test_handle_shows_the_ends_of_long_secrets_only(secret: str, handle: str) -> None:
    stored, _ = extract_secrets(definition(auth={"type": "basic", "username": "u", "password": secret}))

    assert stored["auth"]["password"] == handle
    assert is_handle(handle)


def test_handle_means_unchanged() -> None:
    raw = definition(auth={"type": "bearer", "token": "{{encrypted:****}}"}, webhookConfig={"webhookSecret": "new"})

    stored, secrets = extract_secrets(raw)

    assert secrets == {"/webhookConfig/webhookSecret": "new"}
    assert stored["auth"] == raw["auth"]
    assert secret_handles(raw) == {"/auth/token"}
    assert secret_handles(stored) == {"/auth/token", "/webhookConfig/webhookSecret"}


def test_definition_with_handles_is_the_same_without_plain_secrets() -> None:
    raw = definition(auth={"type": "bearer", "token": LONG})

    assert extract_secrets(raw)[0] == {**raw, "auth": {"type": "bearer", "token": "{{encrypted:sk_l...cdef}}"}}


def test_secret_belongs_to_the_origin_it_is_sent_to() -> None:
    auth = {
        "type": "oauth2",
        "tokenUrl": "https://ID.test:443/token",
        "clientSecret": "a",
        "refreshToken": "b",
        "accessToken": "c",
    }

    found = origins(definition(auth=auth, webhookConfig={"webhookSecret": "s"}))

    assert found == {
        "/auth/clientSecret": "https://id.test:443 https://api.example.com:443",
        "/auth/refreshToken": "https://id.test:443 https://api.example.com:443",
        "/auth/accessToken": "https://api.example.com:443",
    }


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("https://API.example.com:443/other", True),
        ("https://api.example.com:8443/v1", False),
        ("http://api.example.com/v1", False),
        ("https://api.example.com.evil.test/v1", False),
        ("https://api.example.com@evil.test/v1", False),
        ("https://api.example.com\\@evil.test/v1", False),
    ],
)
def test_change_of_origin_is_seen(url: str, is_same: bool) -> None:
    auth = {"type": "bearer", "token": "{{encrypted:****}}"}

    before, after = origins(definition(auth=auth)), origins(definition(auth=auth, baseUrl=url))

    assert (before == after) is is_same


@pytest.mark.parametrize("raw", [{}, {"auth": 5}, {"auth": {"headers": [], "token": 5}}, {"webhookConfig": None}])
def test_definition_of_another_shape_has_no_secrets(raw: Json) -> None:
    assert extract_secrets(raw) == (raw, {})
    assert origins(raw) == {}
