"""Tests of a custom integration show no secret, whatever the provider sends back."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from hub.connector.excerpts import MAX_BODY_BYTES
from hub.connector.pages import REPEATS_A_SECRET
from hub.outbound.calls import Call, Reply
from tests.api.conftest import Hub
from tests.api.tested import (
    MASK,
    PATH,
    TOKEN,
    Answer,
    Json,
    Provider,
    checked,
    create,
    endpoint,
    log_lines,
    reply,
    result_of,
)

SECRET = 'se"cret/of {the} shop&co=1'
AUTHS: dict[str, Json] = {
    "bearer": {"type": "bearer", "token": SECRET},
    "header": {"type": "api_key", "keyName": "X-Key", "keyLocation": "header", "keyValue": SECRET},
    "query": {"type": "api_key", "keyName": "key", "keyLocation": "query", "keyValue": SECRET},
    "body": {"type": "api_key", "keyName": "key", "keyLocation": "body", "keyValue": SECRET},
    "basic": {"type": "basic", "username": "me", "password": SECRET},
    "custom": {"type": "custom_headers", "headers": {"X-One": SECRET}},
}


def forms(secret: str) -> list[str]:
    plain = [secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], secret.replace("/", "\\/")]
    return [*plain, base64.b64encode(secret.encode()).decode(), base64.b64encode(f"me:{secret}".encode()).decode()]


def escaped(value: Any) -> bytes:
    """Return JSON in which every letter is written as `\\uXXXX`, which means the same."""
    text = json.dumps(value)
    return "".join(f"\\u{ord(char):04x}" if char in SECRET and char.isalpha() else char for char in text).encode()


def echo(call: Call, write: Callable[[Any], bytes] = lambda value: json.dumps(value).encode()) -> Reply:
    """Answer all that was sent, as an unkind provider may."""
    sent = [*call.headers.values(), *(value for _, value in call.params), (call.content or b"").decode(), SECRET]
    item = {"id": "a", "name": " ".join(sent), "n": 1, SECRET: sent}
    return Reply(200, {"x-echo": " ".join(sent), "set-cookie": "session=canary"}, write({"items": [item]}), 1)


ECHOES: dict[str, Answer] = {
    "JSON": echo,
    "escaped JSON": lambda call: echo(call, escaped),
    "text": lambda call: echo(call, lambda value: f"you said {value['items']}".encode()),
    "refusal": lambda call: Reply(401, {}, echo(call).body, 1),
    "long text": lambda call: echo(call, lambda _: b"x" * (MAX_BODY_BYTES - 60) + SECRET.encode() * 9000),
}


@pytest.mark.parametrize("form", ECHOES)
@pytest.mark.parametrize("auth", AUTHS)
def test_no_secret_is_in_a_result_whatever_the_provider_echoes(
    hub: Hub, provider: Provider, auth: str, form: str
) -> None:
    provider.answer = ECHOES[form]
    body = {"contentType": "application/json", "bodyType": "raw", "raw": '{"a": 1}'}
    made = create(hub, auth=AUTHS[auth], endpoints=[endpoint(method="POST", body=body)])
    wanted = {"bodyContains": [SECRET[:12]], "jsonPath": [{"path": "$.items[0].name", "value": 1}]}

    results = [result_of(hub, made, endpoint_id, expectations=wanted) for endpoint_id in (None, "list")]

    heard = repr([(call.headers, call.params, (call.content or b"").decode()) for call in provider.calls])
    heard += (provider.calls[-1].content or b"").decode()
    kept = repr([hub.audit_entries(), log_lines(hub, made)])
    asked = json.dumps([result.pop("expectations")[1:] for result in results]) + json.dumps(results) + kept
    assert any(each in heard for each in forms(SECRET))
    assert [each for each in [*forms(SECRET), SECRET[:12]] if each in asked or each in asked.replace('\\"', '"')] == []
    assert "canary" not in asked


def all_escaped(value: Any) -> bytes:
    """Return JSON in which the letters of `canary` are written as `\\uXXXX`."""
    return "".join(f"\\u{ord(char):04x}" if char in "cany" else char for char in json.dumps(value)).encode()


@pytest.mark.parametrize("answer", [echo, lambda call: echo(call, all_escaped)], ids=["plain", "escaped"])
def test_secret_cannot_be_guessed_or_taken_apart_at_an_echoing_provider(
    hub: Hub, provider: Provider, answer: Answer
) -> None:
    """A filter, a transform or an expectation sees the answer without its secrets."""
    provider.answer = answer
    split = {"type": "split", "config": {"separator": "-", "index": 0}}
    mapping = {
        "dataPath": "$.items",
        "identifierField": "$.id",
        "fieldMappings": [{"source": "$.name", "target": "part", "transform": split}],
    }
    guess = {"path": "$.items[?match(@.name, '.*Bearer canary.*')].id", "value": "a"}
    made = create(hub, endpoints=[endpoint(responseMapping=mapping)])

    result = result_of(hub, made, "list", expectations={"bodyContains": ["canary-t"], "jsonPath": [guess]})

    assert [each["passed"] for each in result["expectations"]] == [False, False]
    assert "canary" not in json.dumps(result["mappingPreview"])
    assert result["mappingPreview"]["errors"] == [f"record 0: {REPEATS_A_SECRET}"]


def test_short_secret_is_hidden_and_disturbs_no_mapping(hub: Hub, provider: Provider) -> None:
    """Nobody can tell a password of four digits from a number."""
    provider.answer = lambda _: reply({"items": [{"id": "a", "name": "A1234", "n": 12345}], "next": None})
    made = create(hub, auth={"type": "basic", "username": "me", "password": "1234"})

    result = result_of(hub, made, "list", expectations={"bodyContains": ["1234"]})

    assert result["mappingPreview"]["errors"] == []
    assert result["mappingPreview"]["mappedData"] == [{"label": f"A{MASK}", "n": MASK}]
    assert not result["expectations"][0]["passed"]
    assert "1234" not in json.dumps([result["response"], result["mappingPreview"]])


def test_cursor_that_carries_a_secret_fails_the_test_as_it_fails_a_sync(hub: Hub, provider: Provider) -> None:
    provider.answer = lambda _: reply({"items": [{"id": "a", "name": "A", "n": 1}], "next": f"x{TOKEN}"})

    result = checked(hub)

    assert not result["success"]
    assert "The next page's address carries a secret; it was not followed." in result["error"]
    assert len(provider.calls) == 1


def test_missing_secret_is_refused_before_anything_is_sent(hub: Hub, provider: Provider) -> None:
    made = create(hub)
    moved = hub.call("PATCH", f"{PATH}/{made}", {"baseUrl": "https://other.example.com"})
    assert moved.body["secretsRequired"] == ["/auth/token"]

    for path in ("test", "test/list"):
        refused = hub.post(f"{PATH}/{made}/{path}")
        assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
        assert refused.body["error"]["message"] == "Secrets are missing; enter them before the first call."
        assert refused.body["error"]["details"]["problems"][0]["pointer"] == "/auth/token"
    assert provider.calls == []
