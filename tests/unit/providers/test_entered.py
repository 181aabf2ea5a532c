"""What a person enters to connect: what may be shown of it, what is a secret, and what does not fit."""

from typing import Any

import pytest

from hub.providers import entered

Json = dict[str, Any]

KEY: Json = {
    "kind": "api_key",
    "auth": {"type": "basic", "username": "hub", "password": "{{apiKey}}"},
    "fields": [
        {
            "name": "apiKey",
            "title": "API key",
            "secret": True,
            "pattern": "^[0-9a-f]{8}-[a-z]+[0-9]+$",
            "derive": {"dataCenter": "-([a-z]+[0-9]+)$"},
        },
        {"name": "audienceId", "title": "Audience", "required": False},
    ],
}
HOOK: Json = {
    "kind": "custom",
    "auth": {"type": "api_key", "keyName": "hookPath", "keyLocation": "path", "keyValue": "{{hookPath}}"},
    "fields": [{"name": "hook", "title": "URL", "type": "url", "secret": True}],
}


def faults(method: Json, values: Json) -> dict[str, str]:
    return {each.pointer: each.message for each in entered.faults(method, values)}


def test_secret_and_what_is_derived_from_it_are_told_apart() -> None:
    shown, secrets = entered.split(KEY, {"apiKey": "0123abcd-us6", "audienceId": "list-1"})

    assert (shown, secrets) == ({"dataCenter": "us6", "audienceId": "list-1"}, {"apiKey": "0123abcd-us6"})


def test_secret_url_shows_its_origin_and_hides_its_path() -> None:
    shown, secrets = entered.split(HOOK, {"hook": "https://hooks.example.com/services/T0/B0/canary"})

    assert shown == {"hookOrigin": "https://hooks.example.com:443"}
    assert secrets == {"hookPath": "services/T0/B0/canary"}


def test_values_that_fit_have_no_faults() -> None:
    assert faults(KEY, {"apiKey": "0123abcd-us6"}) == {}
    assert faults(HOOK, {"hook": "https://hooks.example.com/a"}) == {}


@pytest.mark.parametrize(
    ("method", "values", "pointer"),
    [
        (KEY, {}, "/credentials/apiKey"),
        (KEY, {"apiKey": ""}, "/credentials/apiKey"),
        (KEY, {"apiKey": "canary"}, "/credentials/apiKey"),
        (KEY, {"apiKey": 7}, "/credentials/apiKey"),
        (KEY, {"apiKey": "x" * 9000}, "/credentials/apiKey"),
        (KEY, {"apiKey": "0123abcd-us6", "other/one": "canary"}, "/credentials/other~1one"),
        (HOOK, {"hook": "canary"}, "/credentials/hook"),
        (HOOK, {"hook": "https://user:canary@hooks.example.com/a"}, "/credentials/hook"),
        (HOOK, {"hook": "https://hooks.example.com/a?sig=canary"}, "/credentials/hook"),
    ],
    ids=["missing", "empty", "other-form", "number", "long", "unknown", "no-url", "user", "query"],
)
def test_value_that_does_not_fit_is_named_and_not_shown(method: Json, values: Json, pointer: str) -> None:
    found = faults(method, values)

    assert pointer in found
    assert "canary" not in str(found)


@pytest.mark.parametrize("value", ["canary\n", "canary\r\nX-Evil: 1", "can\0ary", " canary", "canary ", "ключ"])
def test_secret_that_no_header_can_carry_is_refused_when_it_is_entered(value: str) -> None:
    method = {**KEY, "auth": {"type": "bearer", "token": "{{apiKey}}"}, "fields": [{"name": "apiKey", "secret": True}]}

    assert list(faults(method, {"apiKey": value})) == ["/credentials/apiKey"]
    assert faults(method, {"apiKey": "canary with spaces"}) == {}


def test_password_may_have_other_letters_but_no_line_breaks() -> None:
    method = {**KEY, "fields": [{"name": "apiKey", "secret": True}]}

    assert faults(method, {"apiKey": " ключ "}) == {}
    assert list(faults(method, {"apiKey": "canary\n"})) == ["/credentials/apiKey"]


def test_pattern_that_would_take_for_ever_finds_nothing() -> None:
    slow = {**KEY, "fields": [{"name": "apiKey", "title": "Key", "secret": True, "pattern": "^(a|aa)+$"}]}

    assert list(faults(slow, {"apiKey": "a" * 5000 + "b"})) == ["/credentials/apiKey"]
