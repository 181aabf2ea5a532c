"""The provider's keys: fetched seldom, kept through an outage, and no bad one spoils the others."""

import time
from typing import Any

import pytest

from hub.access.tokens import KeySet
from hub.core.errors import HubError, Refused, Retryable, TargetForbidden
from tests.unit.access.identity import (
    EC_KEY,
    OTHER_RSA_KEY,
    RSA_KEY,
    Provider,
    Stopwatch,
    base64url,
    make_claims,
    make_keys,
    published,
    reason,
    sign,
    signed_with_the_public_key_as_secret,
    verify,
)


def test_keys_are_fetched_once_in_ten_minutes(keys: KeySet, provider: Provider, stopwatch: Stopwatch) -> None:
    for _ in range(3):
        verify(sign(make_claims()), keys)
        stopwatch.now += 299
    assert provider.asked == 1

    stopwatch.now += 10
    verify(sign(make_claims()), keys)
    assert provider.asked == 2


def test_unknown_key_is_looked_for_at_most_once_a_minute(
    keys: KeySet, provider: Provider, stopwatch: Stopwatch
) -> None:
    """Otherwise whoever sends made-up key names makes the hub flood the identity provider."""
    for number in range(100):
        assert "does not publish" in reason(sign(make_claims(), kid=f"made-up-{number}"), keys)
    assert provider.asked == 1

    stopwatch.now += 61
    for number in range(100):
        reason(sign(make_claims(), kid=f"made-up-{number}"), keys)
    assert provider.asked == 2
    assert verify(sign(make_claims()), keys).user == "u1"


def test_new_key_works_as_soon_as_it_may_be_looked_for(keys: KeySet, provider: Provider, stopwatch: Stopwatch) -> None:
    token = sign(make_claims(), OTHER_RSA_KEY, kid="rsa-2")
    reason(token, keys)
    provider.keys.append(published(OTHER_RSA_KEY, "rsa-2"))

    stopwatch.now += 61

    assert verify(token, keys).user == "u1"


def test_withdrawn_key_stops_working_when_the_keys_are_fetched_again(
    keys: KeySet, provider: Provider, stopwatch: Stopwatch
) -> None:
    verify(sign(make_claims()), keys)
    provider.keys.pop(0)

    stopwatch.now += 601

    assert "does not publish" in reason(sign(make_claims()), keys)
    assert verify(sign(make_claims(), EC_KEY, "ES256", "ec-1"), keys).user == "u1"


def test_empty_key_set_withdraws_every_key(keys: KeySet, provider: Provider, stopwatch: Stopwatch) -> None:
    verify(sign(make_claims()), keys)
    provider.keys.clear()

    stopwatch.now += 601

    assert "does not publish" in reason(sign(make_claims()), keys)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, None, Retryable("time-out")),
        (200, None, Refused("too large")),
        (200, None, TargetForbidden("that address is one the hub never calls")),
        (503, b"", None),
        (302, b"", None),
        (200, b"", None),
        (200, b"<html>", None),
        (200, b"[]", None),
        (200, b"null", None),
        (200, b"{}", None),
        (200, b'{"keys": null}', None),
        (200, b'{"keys": "rsa-1"}', None),
        (200, b'{"keys": {"kid": "rsa-1"}}', None),
        (200, b"\xff\xfe", None),
        (200, b"[" * 100_000, None),
    ],
)
def test_known_keys_stay_usable_for_a_day_while_none_can_be_fetched(
    provider: Provider, stopwatch: Stopwatch, status: int, body: bytes | None, error: HubError | None
) -> None:
    keys = make_keys(provider, stopwatch)
    token = sign(make_claims(exp=int(time.time()) + 10**6))
    verify(token, keys)
    provider.status, provider.body, provider.error = status, body, error

    for _ in range(23):
        stopwatch.now += 3600
        assert verify(token, keys).user == "u1"
    assert provider.asked == 24

    stopwatch.now += 3700
    assert reason(token, keys) == "The identity provider's keys cannot be fetched."

    provider.status, provider.body, provider.error = 200, None, None
    stopwatch.now += 61
    assert verify(token, keys).user == "u1"


def test_provider_that_was_never_reached_lets_nobody_in(keys: KeySet, provider: Provider, stopwatch: Stopwatch) -> None:
    provider.error = Retryable("time-out")
    assert reason(sign(make_claims()), keys) == "The identity provider's keys cannot be fetched."

    provider.error = None
    stopwatch.now += 61
    assert verify(sign(make_claims()), keys).user == "u1"


@pytest.mark.parametrize(
    "bad",
    [
        7,
        None,
        "rsa",
        [],
        {},
        {"kid": "x"},
        {"kty": "RSA"},
        {"kty": "RSA", "kid": "x"},
        {"kty": "RSA", "kid": 7, "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "x", "n": 5, "e": "AQAB"},
        {"kty": "RSA", "kid": "x", "n": "!!", "e": "AQAB"},
        {"kty": "RSA", "kid": "x", "n": "", "e": ""},
        {"kty": ["RSA"], "kid": "x"},
        {"kty": "EC", "kid": "x", "crv": "P-9", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "x", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "x", "k": "c2VjcmV0"},
        {"kty": "OKP", "kid": "x", "crv": "Ed25519", "x": "AA"},
    ],
)
def test_key_that_cannot_be_read_does_not_spoil_the_others(bad: Any) -> None:
    keys = make_keys(Provider(bad, published(RSA_KEY, "rsa-1"), bad))

    assert verify(sign(make_claims()), keys).user == "u1"
    assert reason(sign(make_claims(), OTHER_RSA_KEY, kid="x"), keys)


def test_symmetric_key_in_the_set_verifies_nothing() -> None:
    """A provider that publishes a secret by mistake must not make it a key to the hub."""
    secret = b"0123456789abcdef0123456789abcdef"
    published_secret = {"kty": "oct", "kid": "secret", "k": base64url(secret), "alg": "HS256"}
    keys = make_keys(Provider(published_secret, published(RSA_KEY, "rsa-1")))

    assert "does not publish" in reason(sign(make_claims(), secret, "HS256", "secret"), keys)
    assert verify(sign(make_claims()), keys).user == "u1"


def test_algorithm_follows_from_the_key_type_not_from_what_the_set_says() -> None:
    keys = make_keys(Provider(published(RSA_KEY, "rsa-1", alg="HS256")))

    assert verify(sign(make_claims()), keys).user == "u1"
    assert reason(signed_with_the_public_key_as_secret(make_claims()), keys)
