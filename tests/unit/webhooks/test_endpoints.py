"""Endpoints as the receiver reads them, and what S004's words about them mean."""

from typing import Any

import pytest

from hub.core import clock
from hub.core.errors import BadDefinition
from hub.core.problems import parse_as
from hub.webhooks.endpoints import endpoint_changes, endpoint_settings, endpoint_urls
from hub.webhooks.endpoints.endpoint_models import NewWebhookEndpoint
from hub.webhooks.endpoints.endpoints import Endpoint, custom_lookup, path_lookup, url_secret_hash

NOW_S = 1_800_000_000.0


@pytest.fixture(autouse=True)
def _stopped_clock() -> Any:
    clock.use(lambda: NOW_S)
    yield
    clock.use(None)


def endpoint(**changed: Any) -> Endpoint:
    item = {
        "pk": "acme#inbound-endpoint",
        "sk": "int_1",
        "kind": "custom",
        "status": "active",
        "urlSecretHash": url_secret_hash("present"),
        "previousUrlSecrets": [],
        "urlSecretNames": '{"current": "urlSecret.1", "previous": []}',
    }
    return Endpoint({**item, **changed})


def wanted(**changed: Any) -> NewWebhookEndpoint:
    return parse_as(NewWebhookEndpoint, {"endpointPath": "orders", "eventTypes": [], "handlerType": "h", **changed})


def previous(secret: str, seconds: float) -> dict[str, str]:
    return {"hash": url_secret_hash(secret), "until": clock.iso(NOW_S + seconds)}


# The secret in a URL


def test_present_and_replaced_url_secrets_are_accepted_and_no_other() -> None:
    found = endpoint(previousUrlSecrets=[previous("former", 60), previous("ended", -1)])

    accepted = [text for text in ("present", "former", "ended", "other", "") if found.accepts_url_secret(text)]

    assert accepted == ["present", "former"]


@pytest.mark.parametrize("secret", ["", "ä", "\ud800", "x" * 100_000, "\x00", "****"])
def test_any_text_may_stand_for_a_url_secret(secret: str) -> None:
    assert endpoint().accepts_url_secret(secret) is False


def test_endpoint_without_a_url_secret_accepts_none() -> None:
    by_path = Endpoint({"pk": "acme#inbound-endpoint", "sk": "whe_1", "kind": "v1"})

    assert [by_path.accepts_url_secret(secret) for secret in ("", "present")] == [False, False]
    assert by_path.url_secret_names is None


def test_hash_that_was_stolen_is_not_the_secret() -> None:
    assert endpoint().accepts_url_secret(url_secret_hash("present")) is False


def test_rotation_without_grace_leaves_no_former_url_secret() -> None:
    found = endpoint(previousUrlSecrets=[previous("former", 60)])

    kept = [each["hash"] for each in endpoint_changes.previous_url_secrets(found, 30)]

    assert kept == [url_secret_hash("present"), url_secret_hash("former")]
    assert endpoint_changes.previous_url_secrets(found, 0) == []


# Names


def test_lookups_of_an_integration_and_of_a_path_are_never_the_same() -> None:
    assert custom_lookup("acme") != path_lookup("acme", "")
    assert path_lookup("a", "b/c") != path_lookup("a.b", "c")
    assert {custom_lookup("int_1"), path_lookup("acme", "orders")} == {"inbound#int_1", "inbound#acme/orders"}


def test_urls_are_those_of_the_routes() -> None:
    base = "https://hub.test"

    assert endpoint_urls.custom_url(base, "int_1", "s") == "https://hub.test/api/v1/webhooks/custom/int_1/s"
    assert endpoint_urls.custom_url(base, "int_1") == "https://hub.test/api/v1/webhooks/custom/int_1/****"
    assert endpoint_urls.receive_url(base, "acme", "a~b/c") == "https://hub.test/api/v1/webhooks/receive/acme/a~b/c"


@pytest.mark.parametrize("path", ["orders", "/orders", "orders/", "/orders/"])
def test_slashes_around_a_path_mean_nothing(path: str) -> None:
    assert endpoint_settings.normal_path(path) == "orders"


# How requests are signed

SIGNED = [
    ({}, {"scheme": "standard-webhooks"}),
    ({"signatureHeader": "X-S"}, {"scheme": "hmac", "header": "x-s", "algorithm": "sha256"}),
    ({"signatureAlgorithm": "SHA1"}, {"scheme": "hmac", "header": "x-webhook-signature", "algorithm": "sha1"}),
    ({"signatureAlgorithm": "github"}, {"scheme": "github"}),
    ({"signature": {"scheme": "Stripe", "toleranceS": 60}}, {"scheme": "stripe", "toleranceS": 60}),
    (
        {"signature": {"header": "X-S", "algorithm": "hmac-sha512", "encoding": "base64", "prefix": "v1="}},
        {"scheme": "hmac", "header": "x-s", "algorithm": "sha512", "encoding": "base64", "prefix": "v1="},
    ),
]


@pytest.mark.parametrize(("words", "verification"), SIGNED, ids=str)
def test_words_about_the_signature_become_one_verification(words: dict[str, Any], verification: dict[str, Any]) -> None:
    assert endpoint_settings.verification_of(wanted(**words)).stored() == verification


@pytest.mark.parametrize(
    "words",
    [
        {"signature": {"scheme": "none"}},
        {"signatureAlgorithm": "none"},
        {"signatureAlgorithm": "none", "signatureHeader": "X-S"},
        {"signature": {"scheme": "github"}, "signatureHeader": "X-S"},
    ],
    ids=str,
)
def test_unsigned_or_contradicting_signatures_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(BadDefinition):
        endpoint_settings.verification_of(wanted(**words))


# Active or paused

STATES = [
    ({}, "active", "active"),
    ({}, "paused", "paused"),
    ({"status": "PAUSED"}, "active", "paused"),
    ({"isEnabled": False}, "active", "paused"),
    ({"status": "ACTIVE", "isEnabled": False}, "active", "paused"),
    ({"status": "PAUSED", "isEnabled": True}, "paused", "active"),
    ({"status": "ACTIVE", "isEnabled": False}, "paused", "active"),
    ({"status": "PAUSED", "isEnabled": False}, "paused", "paused"),
]


@pytest.mark.parametrize(("words", "before", "after"), STATES, ids=str)
def test_of_two_words_for_the_state_the_one_that_changes_it_counts(
    words: dict[str, Any], before: str, after: str
) -> None:
    assert endpoint_settings.status_after(wanted(**words), before) == after
