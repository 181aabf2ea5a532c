import hashlib
import hmac
import json
from typing import Any

import pytest

from hub.core.answers import Answer
from hub.core.errors import BadRequest
from hub.webhooks.endpoints.handshakes import LONGEST_CHALLENGE, by_body, by_url
from hub.webhooks.endpoints.verification import Unverified

SECRET = "the secret of the endpoint"
META = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": SECRET}


def asked(method: str, query: dict[str, str], body: bytes = b"", *, is_proven: bool = False) -> Answer | None:
    return by_url(method, query, body, lambda: [SECRET, "the URL's"], is_proven=is_proven)


def told(body: Any, secret: str | None = SECRET) -> Any:
    """Return what is answered to a verified body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = by_body(raw, lambda: secret)
    return answer.body if answer else None


@pytest.mark.parametrize(
    ("method", "query", "text"),
    [
        ("GET", {"challenge": "aBc-123"}, "aBc-123"),
        (
            "POST",
            {"validationToken": "Validation: Testing client application"},
            "Validation: Testing client application",
        ),
        ("GET", META, "1158201444"),
        ("GET", {**META, "hub.verify_token": "the URL's"}, "1158201444"),
    ],
)
def test_what_stands_in_the_url_is_echoed_as_mere_text(method: str, query: dict[str, str], text: str) -> None:
    answer = asked(method, query)

    assert answer is not None
    assert (answer.status, answer.body) == (200, text)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_another_verify_token_is_refused() -> None:
    for token in ("", "another", "é", "\ud800"):
        with pytest.raises(Unverified):
            asked("GET", {**META, "hub.verify_token": token})


def test_a_missing_verify_token_is_enough_only_behind_a_secret_url() -> None:
    query = {"hub.mode": "subscribe", "hub.topic": "https://feed.test", "hub.challenge": "x"}

    with pytest.raises(Unverified):
        asked("GET", query)
    assert asked("GET", query, is_proven=True) is not None
    with pytest.raises(Unverified):
        asked("GET", {**query, "hub.verify_token": "another"}, is_proven=True)


@pytest.mark.parametrize("text", ["x" * (LONGEST_CHALLENGE + 1), "two\nlines", "\ud800"])
def test_a_challenge_that_nobody_sends_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        asked("GET", {"challenge": text})


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        ("GET", {}, b""),
        ("POST", {"challenge": "x"}, b"{}"),
        ("POST", META, b"{}"),
        ("POST", {"validationToken": "x"}, b'{"value":[]}'),
        ("GET", {"validationToken": "x"}, b""),
    ],
)
def test_whatever_else_is_no_handshake(method: str, query: dict[str, str], body: bytes) -> None:
    assert asked(method, query, body) is None


def test_slack_hears_its_challenge() -> None:
    body = {
        "token": "t",
        "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
        "type": "url_verification",
    }

    assert told(body) == {"challenge": body["challenge"]}


def test_a_body_with_a_challenge_and_nothing_else_is_answered_with_it() -> None:
    assert told({"challenge": "x"}) == {"challenge": "x"}


def test_zoom_hears_its_token_and_what_the_secret_makes_of_it() -> None:
    body = {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}, "event_ts": 1}

    expected = hmac.digest(SECRET.encode(), b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hex()
    assert told(body) == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": expected}
    assert told(body, None) is None


@pytest.mark.parametrize("token", ['{"event":"paid"}', "v0:1700000000:{}", "a b", "", "x" * 65, 7, None, "é"])
def test_zooms_handshake_signs_nothing_that_could_be_an_event(token: Any) -> None:
    """Else whoever gets one request signed could have any body signed, and post it."""
    assert told({"event": "endpoint.url_validation", "payload": {"plainToken": token}}) is None


@pytest.mark.parametrize(
    "body",
    [
        {"type": "event_callback", "challenge": "x"},
        {"type": "url_verification", "challenge": 7},
        {"type": "url_verification"},
        {"challenge": {"name": "of the week"}},
        {"event": "endpoint.url_validation", "payload": "challenge"},
        {"event": "endpoint.url_validation"},
        ["challenge"],
        b"challenge=x",
        b'{"challenge":',
        b'{"challenge":"' + b"x" * 10_000 + b'"}',
    ],
)
def test_an_event_that_looks_like_a_handshake_stays_an_event(body: Any) -> None:
    assert told(body) is None
