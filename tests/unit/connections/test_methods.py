"""Which way to connect a set of credentials is meant for."""

from typing import Any

import pytest

from hub.core import jsontext
from hub.core.errors import BadDefinition, Conflict
from hub.integrations.catalog.providers import ProviderEntry
from hub.integrations.connections import methods
from hub.integrations.connections.methods import ANY, KEYS, OAUTH, Entered

Json = dict[str, Any]


def secret(name: str, **more: Any) -> Json:
    return {"name": name, "title": name, "secret": True, **more}


CODE: Json = {"kind": "oauth2", "auth": {"type": "oauth2", "grantType": "authorization_code"}}
CLIENT: Json = {
    "kind": "oauth2",
    "auth": {"type": "oauth2", "grantType": "client_credentials"},
    "fields": [{"name": "clientId", "title": "Id"}, secret("clientSecret")],
}
TOKEN: Json = {"kind": "access_token", "auth": {"type": "bearer"}, "fields": [secret("accessToken")]}
KEY: Json = {"kind": "api_key", "auth": {"type": "api_key"}, "fields": [secret("apiKey")]}
LIST: Json = {**KEY, "fields": [secret("apiKey"), {"name": "listId", "title": "List"}]}


def provider(*found: Json) -> ProviderEntry:
    definition = jsontext.dump({"connector": {}, "methods": list(found)})
    return ProviderEntry({"sk": "desk", "adminSet": []}, {"definition": definition, "version": 1})


@pytest.mark.parametrize(
    ("ways", "values", "index"),
    [
        ([CODE, TOKEN], {"accessToken": "t"}, 0),
        ([TOKEN, CODE], {"accessToken": "t"}, 0),
        ([TOKEN, CODE], {"accessToken": "t", "clientId": "i", "clientSecret": "s"}, 1),
        ([CODE, KEY], {"apiKey": "k"}, 1),
        ([LIST, KEY], {"apiKey": "k"}, 1),
        ([KEY, LIST], {"apiKey": "k", "listId": "7"}, 1),
        ([CODE], {"clientId": "i", "clientSecret": "s"}, 0),
        ([CLIENT], {"clientId": "i", "clientSecret": "s"}, 0),
        ([CODE], {"refreshToken": "r"}, 0),
    ],
)
def test_first_way_that_fits_and_knows_every_name_is_chosen(ways: list[Json], values: Json, index: int) -> None:
    assert methods.chosen(provider(*ways), Entered(values))[0] == index


@pytest.mark.parametrize(
    ("ways", "values", "pointer"),
    [
        ([CODE], {}, "/accessToken"),
        ([CODE], {"clientId": "i"}, "/accessToken"),
        ([KEY], {"key": "k"}, "/apiKey"),
        ([LIST], {"apiKey": "k"}, "/listId"),
        ([KEY], {"apiKey": "k", "other": "x"}, "/other"),
    ],
)
def test_what_fits_no_way_is_named(ways: list[Json], values: Json, pointer: str) -> None:
    with pytest.raises(BadDefinition) as caught:
        methods.chosen(provider(*ways), Entered(values, ANY))

    assert pointer in [problem["pointer"] for problem in caught.value.details["problems"]]


def test_kinds_limit_the_choice() -> None:
    with pytest.raises(BadDefinition):
        methods.chosen(provider(KEY), Entered({"apiKey": "k"}, OAUTH))

    assert methods.chosen(provider(CODE, KEY), Entered({"apiKey": "k"}, KEYS))[0] == 1


def test_single_secret_goes_under_the_providers_name() -> None:
    assert methods.with_one_secret(provider(CODE, TOKEN), KEYS, "s") == {"accessToken": "s"}
    assert methods.with_one_secret(provider(KEY), KEYS, "s") == {"apiKey": "s"}


def test_provider_without_consent_says_so() -> None:
    with pytest.raises(Conflict):
        methods.of_grant(provider(KEY, CLIENT))


def test_mask_shows_the_ends_of_a_long_secret_alone() -> None:
    assert [methods.mask(each) for each in ("short", "a-secret-that-is-long-enough")] == ["****", "a-se...ough"]
