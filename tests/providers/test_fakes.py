"""The fakes are as strict as the providers' documentation says: what they refuse, and how."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.parity.serving import Api, Json, serving
from tests.providers.fakes.authority import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, Authority, challenge
from tests.providers.fakes.controls import Fake
from tests.providers.fakes.dropbox import Dropbox
from tests.providers.fakes.google import Google
from tests.providers.fakes.hubspot import HubSpot
from tests.providers.fakes.mailchimp import KEY, LIST, Mailchimp
from tests.providers.fakes.microsoft import Microsoft
from tests.providers.fakes.salesforce import Salesforce
from tests.providers.fakes.sendgrid import KEY as SENDGRID_KEY
from tests.providers.fakes.sendgrid import SendGrid
from tests.providers.fakes.slack import Slack
from tests.providers.fakes.zapier import Zapier
from tests.providers.fakes.zoho import Zoho

VERIFIER = "v" * 64


@dataclass(frozen=True)
class Probe:
    """A request that the provider answers with this status, and with these words somewhere in the body.

    `token` is the scheme of a good token's Authorization header, "" for none.
    """

    name: str
    make: type[Fake]
    request: tuple[str, str]
    status: int
    words: str
    token: str = "Bearer"
    body: object = None
    headers: Json = field(default_factory=dict)


def _records(count: int, **fields: object) -> list[Json]:
    return [{**fields, "n": number} for number in range(count)]


CONTACTS = "/services/data/v61.0/composite/sobjects/Contact"
SOQL = "/services/data/v61.0/query?q=SELECT"
HUBSPOT = "/crm/v3/objects/contacts"
ZOHO = "/crm/v8/Contacts"
TYPED = {"attributes": {"type": "Contact"}}
PROBES = (
    Probe("salesforce without a token", Salesforce, ("GET", "/services/data/v61.0/limits"), 401, "INVALID_SESSION", ""),
    Probe("salesforce has no Company", Salesforce, ("GET", f"{SOQL} Company FROM Contact"), 400, "INVALID_FIELD"),
    Probe(
        "salesforce quotes",
        Salesforce,
        ("GET", f"{SOQL} Id FROM Contact WHERE LastName = 'O'Brien'"),
        400,
        "MALF",
    ),
    Probe(
        "salesforce 201 records",
        Salesforce,
        ("PATCH", f"{CONTACTS}/Email"),
        400,
        "LIMIT_EXCEEDED",
        body={"records": _records(201, **TYPED)},
    ),
    Probe(
        "salesforce record without a type",
        Salesforce,
        ("PATCH", f"{CONTACTS}/Email"),
        400,
        "attributes.type",
        body={"records": [{"Email": "a@example.com"}]},
    ),
    Probe(
        "salesforce field that is no external id",
        Salesforce,
        ("PATCH", f"{CONTACTS}/Phone"),
        404,
        "NOT_FOUND",
        body={"records": []},
    ),
    Probe("hubspot without a token", HubSpot, ("GET", HUBSPOT), 401, "INVALID_AUTHENTICATION", ""),
    Probe("hubspot page of 101", HubSpot, ("GET", f"{HUBSPOT}?limit=101"), 400, "VALIDATION_ERROR"),
    Probe(
        "hubspot 101 inputs",
        HubSpot,
        ("POST", f"{HUBSPOT}/batch/upsert"),
        400,
        "maximum number of inputs",
        body={"inputs": _records(101)},
    ),
    Probe(
        "hubspot number as a value",
        HubSpot,
        ("POST", f"{HUBSPOT}/batch/upsert"),
        400,
        "is not a string",
        body={"inputs": [{"id": "a@example.com", "idProperty": "email", "properties": {"phone": 41}}]},
    ),
    Probe(
        "hubspot search of 201",
        HubSpot,
        ("POST", f"{HUBSPOT}/search"),
        400,
        "Invalid search",
        body={"limit": 201},
    ),
    Probe("zoho with Bearer", Zoho, ("GET", f"{ZOHO}?fields=Email"), 401, "INVALID_TOKEN"),
    Probe("zoho without fields", Zoho, ("GET", ZOHO), 400, "REQUIRED_PARAM_MISSING", "Zoho-oauthtoken"),
    Probe("zoho page 11", Zoho, ("GET", f"{ZOHO}?fields=Email&page=11"), 400, "DISCRETE_PAG", "Zoho-oauthtoken"),
    Probe("zoho of nobody", Zoho, ("GET", f"{ZOHO}?fields=Email"), 204, "", "Zoho-oauthtoken"),
    Probe(
        "zoho 101 records",
        Zoho,
        ("POST", f"{ZOHO}/upsert"),
        400,
        "maximum_length",
        "Zoho-oauthtoken",
        body={"data": _records(101)},
    ),
    Probe(
        "zoho account as a text",
        Zoho,
        ("POST", f"{ZOHO}/upsert"),
        400,
        "jsonobject",
        "Zoho-oauthtoken",
        body={"data": [{"Last_Name": "King", "Account_Name": "Acme"}]},
    ),
    Probe("drive without fields", Google, ("GET", "/drive/v3/about"), 400, "'fields' parameter is required"),
    Probe("drive quotes", Google, ("GET", "/drive/v3/files?q=name contains 'O'Brien'"), 400, "Invalid Value"),
    Probe("people without a mask", Google, ("GET", "/v1/people/me/connections"), 400, "personFields mask"),
    Probe(
        "drive form data",
        Google,
        ("POST", "/upload/drive/v3/files?uploadType=multipart"),
        400,
        "Unsupported content",
        body={},
    ),
    Probe("dropbox root", Dropbox, ("POST", "/2/files/list_folder"), 400, "empty string rather", body={"path": "/"}),
    Probe(
        "dropbox unknown field",
        Dropbox,
        ("POST", "/2/files/list_folder"),
        400,
        "unknown field 'p'",
        body={"path": "", "p": 1},
    ),
    Probe("dropbox object for null", Dropbox, ("POST", "/2/users/get_current_account"), 400, "expected null", body={}),
    Probe(
        "dropbox JSON for bytes",
        Dropbox,
        ("POST", "/2/files/upload"),
        400,
        "octet-stream",
        body={},
        headers={"Dropbox-API-Arg": '{"path": "/a"}'},
    ),
    Probe("slack without a token", Slack, ("POST", "/api/auth.test"), 200, "not_authed", ""),
    Probe("slack JSON for a reader", Slack, ("POST", "/api/users.lookupByEmail"), 200, "users_not_found", body={}),
    Probe("slack nowhere", Slack, ("POST", "/api/chat.postMessage"), 200, "channel_not_found", body={"text": "a"}),
    Probe("graph search", Microsoft, ("GET", '/v1.0/users?$search="displayName:a"'), 400, "special request header"),
    Probe("graph quotes", Microsoft, ("GET", "/v1.0/users?$filter=surname eq 'O'Brien'"), 400, "Invalid filter"),
    Probe("zapier elsewhere", Zapier, ("POST", "/hooks/standard/1/"), 404, "not found", "", body={}),
)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_what_the_provider_refuses_is_refused(probe: Probe) -> None:
    with serving(fake := probe.make()) as api:
        token = fake.authority.give()[0] if fake.authority and probe.token else ""
        headers = {**({"authorization": f"{probe.token} {token}"} if token else {}), **probe.headers}
        method, path = probe.request
        answer = httpx.request(method, api.url + path, headers=headers, json=probe.body)

    assert (answer.status_code, probe.words in answer.text) == (probe.status, True), answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", f"/3.0/lists/{LIST}/members?count=1001", None, 400, "Must be at most 1000"),
        ("POST", f"/3.0/lists/{LIST}", {"members": _records(501)}, 400, "limited to 500"),
        ("POST", f"/3.0/lists/{LIST}", {"members": [{"email_address": "a@example.com"}]}, 400, "accepted values"),
        ("PUT", f"/3.0/lists/{LIST}/members/{'0' * 32}", {"email_address": "a@example.com"}, 400, "status_if_new"),
        ("GET", "/3.0/lists/unknown/members", None, 404, "Resource Not Found"),
    ],
)
def test_mailchimp_refuses_what_it_refuses(method: str, path: str, body: object, status: int, words: str) -> None:
    with serving(Mailchimp()) as api:
        answer = httpx.request(method, api.url + path, auth=("any", KEY), json=body)
        denied = httpx.request(method, api.url + path, auth=("any", "wrong-us6"), json=body)

    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert (denied.status_code, "API Key Invalid" in denied.text) == (401, True)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"contacts": _records(30_001)}, 400, "1 to 30000"),
        ({"contacts": [{"first_name": "Ada"}]}, 400, "at least one identifier"),
        ({"contacts": [{"email": "a@example.com", "job_title": "Engineer"}]}, 400, "reserved fields and custom_fields"),
        ({"contacts": [{"email": "a@example.com", "custom_fields": {"e9_T": "x"}}]}, 400, "does not exist"),
        ({"contacts": [{"email": "a@example.com", "first_name": "x" * 7_000_000}]}, 413, "6 MB"),
        ({"contacts": [{"email": "a@example.com"}], "list_ids": ["unknown"]}, 404, "list not found"),
    ],
)
def test_sendgrid_refuses_what_it_refuses(body: Json, status: int, words: str) -> None:
    headers = {"authorization": f"Bearer {SENDGRID_KEY}"}
    with serving(SendGrid()) as api:
        answer = httpx.put(f"{api.url}/v3/marketing/contacts", json=body, headers=headers)

    assert (answer.status_code, words in answer.text) == (status, True), answer.text


@dataclass(frozen=True)
class Server:
    """An OAuth server: where it is, what asks for a refresh token, and what it says to a code that was used."""

    make: type[Fake]
    used: tuple[int, str]
    asks: Json
    revoke: tuple[str, str] | None = ("POST", "")
    rotates: bool = False


SERVERS = {
    "salesforce": Server(Salesforce, (400, "invalid_grant"), {"scope": "api refresh_token"}),
    "hubspot": Server(HubSpot, (400, "BAD_AUTH_CODE"), {}, ("DELETE", "/oauth/v1/refresh-tokens/")),
    "zoho": Server(Zoho, (200, "invalid_code"), {"access_type": "offline"}),
    "google": Server(Google, (400, "invalid_grant"), {"access_type": "offline"}),
    "dropbox": Server(Dropbox, (400, "invalid_grant"), {"token_access_type": "offline"}, None),
    "microsoft": Server(Microsoft, (400, "invalid_grant"), {"scope": "User.Read offline_access"}, None, rotates=True),
}
each_server = pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)


@dataclass
class Client:
    """A client of an OAuth server."""

    api: Api
    authority: Authority
    server: Server

    def code(self, **more: str) -> str:
        query = {"client_id": CLIENT_ID, "redirect_uri": REDIRECT_URI, "response_type": "code", "state": "s"}
        pkce = {"code_challenge": challenge(VERIFIER), "code_challenge_method": "S256"}
        url = f"{self.api.url}{self.authority.authorize_path}?{urlencode({**query, **pkce, **more})}"
        back = parse_qs(urlsplit(httpx.get(url).headers["location"]).query)
        assert back["state"] == ["s"]
        return back["code"][0]

    def token(self, **form: str) -> httpx.Response:
        client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return httpx.post(self.api.url + self.authority.token_path, data={**client, **form})

    def exchange(self, code: str, verifier: str = VERIFIER) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        return self.token(**form, code_verifier=verifier)

    def refresh(self, token: str) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=token)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    fake = server.make()
    assert fake.authority is not None
    with serving(fake) as api:
        yield Client(api, fake.authority, server)


@each_server
def test_code_is_exchanged_once_and_with_its_verifier(client: Client, server: Server) -> None:
    code, other = client.code(**server.asks), client.code(**server.asks)

    first, again, wrong = client.exchange(code), client.exchange(code), client.exchange(other, "w" * 64)

    assert "access_token" in first.json()
    assert "refresh_token" in first.json()
    assert (again.status_code, server.used[1] in again.text) == (server.used[0], True)
    assert "access_token" not in wrong.json()


@each_server
def test_refresh_gives_another_access_token(client: Client, server: Server) -> None:
    first = client.exchange(client.code(**server.asks)).json()

    second = client.refresh(first["refresh_token"]).json()
    third = client.refresh(first["refresh_token"]).json()

    assert second["access_token"] != first["access_token"]
    assert ("access_token" in third) is not server.rotates
    assert ("refresh_token" in second) is (server.rotates or server.make is HubSpot)


@each_server
def test_revoked_grant_gives_no_tokens(client: Client, server: Server) -> None:
    tokens = client.exchange(client.code(**server.asks)).json()
    if server.revoke is None:
        client.authority.withdraw()
    else:
        method, path = server.revoke
        place = f"{path}{tokens['refresh_token']}" if path else client.authority.revoke_path
        form = urlencode({"token": tokens["refresh_token"]})
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert httpx.request(method, client.api.url + place, content=form, headers=headers).is_success

    assert "access_token" not in client.refresh(tokens["refresh_token"]).json()


@pytest.mark.parametrize("server", [SERVERS[name] for name in ("salesforce", "zoho", "google", "dropbox", "microsoft")])
def test_refresh_token_is_for_those_who_ask(client: Client) -> None:
    assert "refresh_token" not in client.exchange(client.code(scope="api")).json()


@pytest.mark.parametrize("server", [SERVERS["google"]])
def test_google_gives_a_refresh_token_once_and_again_after_consent(client: Client) -> None:
    offline = {"access_type": "offline"}

    answers = [
        client.exchange(client.code(**more)).json() for more in (offline, offline, {**offline, "prompt": "consent"})
    ]

    assert [("refresh_token" in answer) for answer in answers] == [True, False, True]


def test_token_endpoints_take_forms_alone() -> None:
    with serving(HubSpot()) as api:
        answer = httpx.post(f"{api.url}/oauth/v1/token", content=json.dumps({"grant_type": "refresh_token"}))

    assert answer.status_code == 400
