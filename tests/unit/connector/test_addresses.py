"""Endpoints with an address of their own, and keys that stand in a path: what is sent where, and what is shown."""

from typing import Any

import orjson
import pytest

from hub.connector.authenticate import credentials
from hub.connector.definition import parse_definition
from hub.connector.excerpts import shown_request
from hub.connector.plan import compile_endpoint
from hub.connector.probe import Witness, base_call
from hub.connector.secrets import extract_secrets, origins
from hub.connector.variables import Variables
from hub.core.errors import BadDefinition, Refused, UpstreamError
from tests.unit.connector.factories import Json, Provider, definition, endpoint, problems_of, reply, run, sent

OWN = "https://content.example.com/2"
TOKEN = "123456:AAF-the_secret-of-the-bot"
HOOK = "hooks/catch/123/the-secret-of-the-hook"
BEARER = {"type": "bearer", "token": "the-token-of-the-shop"}
LINKS = {"type": "link", "nextLinkPath": "$.next"}


def keyed(value: str = TOKEN, path: str = "/bot{token}/getMe", **changes: Any) -> Json:
    auth = {"type": "api_key", "keyName": "token", "keyLocation": "path", "keyValue": value}
    return definition(endpoint(path=path, **changes), auth=auth)


# An address of its own


def test_endpoint_is_called_at_its_own_address_with_the_credentials() -> None:
    asked = sent(definition(endpoint(baseUrl=OWN + "/"), auth=BEARER))

    assert asked.url == "https://content.example.com/2/items"
    assert asked.headers["authorization"] == f"Bearer {BEARER['token']}"


def test_other_endpoints_stay_at_the_address_of_the_definition() -> None:
    raw = definition(endpoint(id="list"), endpoint(id="own", name="own", baseUrl=OWN))

    assert sent(raw).url == "https://api.example.com/v1/items"
    assert sent(raw, endpoint_id="own").url == "https://content.example.com/2/items"


@pytest.mark.parametrize(
    ("link", "is_followed"),
    [
        ("https://content.example.com/2/items?page=2", True),
        ("/2/items?page=2", True),
        ("https://api.example.com/v1/items?page=2", False),
        ("https://content.example.com:8443/2/items", False),
        ("https://content.example.com.evil.test/2/items", False),
    ],
)
def test_links_stay_at_the_origin_of_the_endpoint(link: str, is_followed: bool) -> None:
    provider = Provider(lambda _: {"items": [{"id": 1}], "next": link})
    pages = run(definition(endpoint(baseUrl=OWN, pagination=LINKS), auth=BEARER), provider)

    if is_followed:
        pages.fetch(pages.fetch().next)
        assert provider.requests[1].url == "https://content.example.com/2/items?page=2"
    else:
        with pytest.raises(Refused, match="another origin"):
            pages.fetch()
        assert len(provider.requests) == 1


@pytest.mark.parametrize("url", ["content.example.com", "ftp://x.test", "https://u:p@x.test", "https://x.test?a=1", ""])
def test_bad_address_of_an_endpoint_is_refused_at_its_place(url: str) -> None:
    assert list(problems_of(definition(endpoint(baseUrl=url)))) == ["/endpoints/0/baseUrl"]


OAUTH = {
    "type": "oauth2",
    "tokenUrl": "https://id.test/token",
    "revocationUrl": "https://id.test/revoke",
    "clientSecret": "a",
    "refreshToken": "b",
    "accessToken": "c",
}
CHANGES: list[tuple[str, Json]] = [
    ("base", {"baseUrl": "https://other.test"}),
    ("own", {"endpoints": [endpoint(baseUrl="https://other.test")]}),
    ("own added", {"endpoints": [endpoint(baseUrl=OWN), endpoint(id="b", baseUrl="https://other.test")]}),
    ("own removed", {"endpoints": [endpoint()]}),
]


@pytest.mark.parametrize("change", [change for _, change in CHANGES], ids=[name for name, _ in CHANGES])
@pytest.mark.parametrize("auth", [BEARER, OAUTH], ids=["bearer", "oauth2"])
def test_secret_follows_no_change_of_any_address_that_is_called(auth: Json, change: Json) -> None:
    raw = definition(endpoint(baseUrl=OWN), auth=auth)

    before, after = origins(raw), origins({**raw, **change})

    assert all(before[place] != after[place] for place in before)


@pytest.mark.parametrize(
    ("word", "places"),
    [
        ("tokenUrl", {"/auth/clientSecret", "/auth/refreshToken"}),
        ("revocationUrl", {"/auth/clientSecret", "/auth/refreshToken", "/auth/accessToken"}),
    ],
)
def test_secret_follows_no_change_of_where_tokens_come_from_and_go_to(word: str, places: set[str]) -> None:
    raw = definition(auth=OAUTH)

    before, after = origins(raw), origins(definition(auth={**OAUTH, word: "https://other.test/x"}))

    assert {place for place in before if before[place] != after[place]} == places


def test_secret_stays_where_only_paths_and_the_order_change() -> None:
    raw = definition(endpoint(baseUrl=OWN), endpoint(id="b", baseUrl="https://b.test"), auth=BEARER)
    moved = definition(endpoint(id="b", baseUrl="https://B.test:443/x"), endpoint(baseUrl=OWN + "/3"), auth=BEARER)

    assert origins(raw) == origins(moved)
    assert origins(definition(auth=BEARER)) == {"/auth/token": "https://api.example.com:443"}


@pytest.mark.parametrize("endpoints", [None, "x", [1, None], [{"baseUrl": 5}], [{"baseUrl": "no url"}]])
def test_origins_of_a_definition_that_is_not_in_order_raise_nothing(endpoints: Any) -> None:
    assert "/auth/token" in origins({"auth": BEARER, "endpoints": endpoints})


# A key in the path


@pytest.mark.parametrize(
    ("key", "path", "expected"),
    [
        (TOKEN, "/bot{token}/getMe", f"/v1/bot{TOKEN}/getMe"),
        (HOOK, "/{token}", f"/v1/{HOOK}"),
        (f"/{HOOK}/", "/{token}", f"/v1/{HOOK}/"),
        ("//evil.test/x", "/{token}", "/v1/evil.test/x"),
        ("a%2Fb", "/x-{token}", "/v1/x-a%2Fb"),
    ],
)
def test_key_fills_its_place_in_the_path_as_it_is(key: str, path: str, expected: str) -> None:
    assert sent(keyed(key, path)).url == f"https://api.example.com{expected}"


def test_caller_cannot_ask_for_the_key_elsewhere() -> None:
    raw = keyed(path="/bot{token}/{chat}", pathParams=[{"name": "chat"}], queryParams=[{"name": "q"}])

    asked = sent(raw, {"chat": "{token}", "q": "{token}"})

    assert asked.url == f"https://api.example.com/v1/bot{TOKEN}/%7Btoken%7D?q=%7Btoken%7D"


def test_host_never_holds_the_key() -> None:
    """A base URL with braces would else tell the key to whoever answers for the name."""
    made, secrets = extract_secrets({**keyed(), "baseUrl": "https://{token}.evil.test"})
    provider = Provider(lambda _: {"items": []})
    run({**made, "auth": {**made["auth"], "keyValue": secrets["/auth/keyValue"]}}, provider).fetch()

    assert TOKEN not in provider.requests[0].url.partition("/bot")[0]


@pytest.mark.parametrize("answer", [reply({"items": []}), reply("no", 500), reply("no", 404), reply(body=b"<html>")])
def test_key_is_hidden_wherever_the_url_is_shown(answer: Any) -> None:
    stored, secrets = extract_secrets(keyed())
    added = credentials(parse_definition(stored).auth, secrets)  # type: ignore[arg-type]
    witness = Witness(Provider(lambda _: answer), added.hider())
    pages = run({**keyed(), "retryConfig": {"maxRetries": 0}}, witness)  # type: ignore[arg-type]
    texts = []

    try:
        texts.append(pages.fetch().url)
    except UpstreamError as error:
        texts.append(str(error))
    assert witness.call is not None
    texts.append(orjson.dumps(shown_request(witness.call, added)).decode())

    assert TOKEN in witness.call.url
    assert all(TOKEN not in text for text in texts)


@pytest.mark.parametrize("echo", [HOOK, f"/{HOOK}", HOOK.upper(), HOOK.replace("/", "%2F"), HOOK.replace("/", "\\/")])
def test_key_that_a_provider_repeats_is_hidden(echo: str) -> None:
    answer = reply(body=f'{{"error": "no hook {echo} here"}}'.encode(), status=404)

    with pytest.raises(Refused) as caught:
        run(keyed(f"/{HOOK}", "/{token}"), Provider(lambda _: answer)).fetch()

    assert "no hook" in caught.value.message
    assert "the-secret" not in caught.value.message.lower()


def test_connection_test_leaves_the_key_out() -> None:
    stored, secrets = extract_secrets(keyed())
    made = parse_definition(stored)

    call = base_call(made, credentials(made.auth, secrets), Variables())  # type: ignore[arg-type]

    assert call.url == "https://api.example.com/v1"


@pytest.mark.parametrize("key", ["a b", "a?b", "a#b", "../x", "a/../b", "a/%2e%2e/b", "..%2Fx", "a\\b", "ä"])
def test_key_that_leads_elsewhere_is_refused_on_save_and_in_a_call(key: str) -> None:
    assert list(problems_of(keyed(key))) == ["/auth/keyValue"]

    stored, _ = extract_secrets(keyed())
    plan = compile_endpoint(parse_definition(stored), "list")
    with pytest.raises(BadDefinition) as caught:
        credentials(plan.auth, {"/auth/keyValue": key})
    assert key not in str(caught.value)


def test_key_without_a_place_is_refused() -> None:
    assert list(problems_of(keyed(path="/getMe"))) == ["/auth/keyName"]


def test_key_is_no_parameter_of_the_caller() -> None:
    found = problems_of(keyed(pathParams=[{"name": "token"}]))

    assert list(found) == ["/endpoints/0/pathParams/0/name"]


def test_endpoint_without_the_key_is_called_without_it() -> None:
    raw = keyed()
    raw["endpoints"].append(endpoint(id="open", name="open"))

    assert TOKEN not in sent(raw, endpoint_id="open").url
