"""The providers for the sandbox against the sandbox: every operation of each, with the credentials that it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from hub.connector.batches import BatchRun, compile_batch
from hub.connector.definition import ConnectorDefinition, parse_definition
from hub.connector.pages import Means
from hub.connector.plan import Page, compile_endpoint
from hub.connector.uploads import UploadRun, compile_upload
from hub.connector.variables import Variables
from hub.core.errors import Refused
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from hub.providers import entered, provider_files
from hub.providers.resolve import check_settings, resolve, secrets_in
from local.sandbox import access, oauth
from local.sandbox.batches import MOST_RECORDS
from local.sandbox.server import RunningSandbox, start
from local.sandbox.world import World

Json = dict[str, Any]

FILES = {file.provider: file.document() for file in provider_files.load_all() if file.provider.startswith("sandbox-")}
ACCOUNT = dict(zip(("accountId", "accountKey"), access.CUSTOM_HEADERS.values(), strict=True))
CREDENTIALS: dict[str, Json] = {
    "sandbox-load-board": {"apiKey": access.API_KEY},
    "sandbox-eld": {"accessToken": access.BEARER_TOKEN},
    "sandbox-rating": {"username": access.BASIC_USER, "password": access.BASIC_PASSWORD},
    "sandbox-tracking": ACCOUNT,
    "sandbox-payment": {"apiKey": access.API_KEY},
    "sandbox-edi": {},
}
LISTS = [
    (slug, endpoint["id"])
    for slug, document in sorted(FILES.items())
    for endpoint in document["connector"]["endpoints"]
    if endpoint["operation"] == "list"
]
COUNTS = {"contact": 450, "company": 420}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start(world=World(contacts=COUNTS["contact"], companies=COUNTS["company"])) as running:
        yield running


@dataclass(frozen=True)
class Connected:
    """A provider with its settings and credentials, ready to be called."""

    definition: ConnectorDefinition
    means: Means

    def pages(self, endpoint: str, since: Any = None, **params: Any) -> list[Page]:
        plan = compile_endpoint(self.definition, endpoint)
        run = plan.bind(Variables(params, {}, {}), self.means, since)
        pages = [run.fetch(None)]
        while (position := pages[-1].next) is not None:
            pages.append(run.fetch(position))
        return pages

    def documents(self, endpoint: str, **params: Any) -> dict[str, Json]:
        records = [record for page in self.pages(endpoint, **params) for record in page.records]
        assert [record.rejected for record in records if record.rejected] == []
        return {str(record.external_id): record.content or {} for record in records}


@contextmanager
def connected(sandbox: RunningSandbox, slug: str, **changed: str) -> Iterator[Connected]:
    document, settings = FILES[slug], {"baseUrl": sandbox.url}
    known = CREDENTIALS[slug] if slug in CREDENTIALS else {"accessToken": access_token(sandbox)}
    given = {**known, **changed}
    method = next(
        each for each in document["methods"] if {field["name"] for field in each.get("fields", [])} == set(given)
    )
    assert (check_settings(document["configSchema"], settings), entered.faults(method, given)) == ([], [])
    shown, _ = entered.split(method, given)
    definition = parse_definition(resolve(document["connector"], method, {**shown, **settings}))
    with Client(Guard.from_text("127.0.0.0/8")) as client:
        yield Connected(definition, Means(client, secrets_in(method, given)))


def access_token(sandbox: RunningSandbox) -> str:
    client = (oauth.CLIENT_ID, oauth.CLIENT_SECRET)
    reply = httpx.post(f"{sandbox.url}/oauth/token", data={"grant_type": "client_credentials"}, auth=client)
    return str(reply.json()["access_token"])


@pytest.mark.parametrize("slug", sorted(FILES))
def test_health_says_that_the_credentials_are_good(sandbox: RunningSandbox, slug: str) -> None:
    with connected(sandbox, slug) as provider:
        assert list(provider.documents("health")) == ["sandbox-account"]


@pytest.mark.parametrize("slug", sorted(set(FILES) - {"sandbox-edi"}))
def test_wrong_credentials_are_refused(sandbox: RunningSandbox, slug: str) -> None:
    wrong = dict.fromkeys(CREDENTIALS.get(slug, {"accessToken": ""}), "not-the-right-one-at-all")

    with connected(sandbox, slug, **wrong) as provider, pytest.raises(Refused) as caught:
        provider.documents("health")

    assert "not-the-right-one" not in str(caught.value.details)


@pytest.mark.parametrize(("slug", "endpoint"), LISTS)
def test_list_reads_every_record_once(sandbox: RunningSandbox, slug: str, endpoint: str) -> None:
    entity = next(each["entity"] for each in FILES[slug]["connector"]["endpoints"] if each["id"] == endpoint)

    with connected(sandbox, slug) as provider:
        pages = provider.pages(endpoint)

    found = [record.external_id for page in pages for record in page.records]
    assert len(found) == len(set(found)) == COUNTS[entity]
    assert len(pages) == (1 if slug == "sandbox-edi" else 3)


@pytest.mark.parametrize(("slug", "endpoint"), LISTS)
def test_later_list_reads_only_what_changed(sandbox: RunningSandbox, slug: str, endpoint: str) -> None:
    with connected(sandbox, slug) as provider:
        everything = provider.pages(endpoint)
        plan = compile_endpoint(provider.definition, endpoint)
        assert plan.increment is not None
        newest = max(page.watermark for page in everything if page.watermark is not None)
        later = provider.pages(endpoint, since=plan.increment.value(newest))

    assert 1 <= sum(len(page.records) for page in later) < 20


def test_contact_is_mapped_as_people_expect(sandbox: RunningSandbox) -> None:
    with connected(sandbox, "sandbox-crm") as provider:
        (contact,) = [each for key, each in provider.documents("list-contacts").items() if key == "c00001"]

    source = sandbox.world.contacts.get("c00001")
    assert contact["name"] == f"{source['first_name']} {source['last_name']}"
    assert (contact["email"], contact["status"]) == (source["email"], source["status"])


def test_search_finds_a_part_of_a_name(sandbox: RunningSandbox) -> None:
    source = sandbox.world.contacts.get("c00007")

    with connected(sandbox, "sandbox-crm") as provider:
        found = provider.documents("search-contacts", query=str(source["email"]).upper())

    assert list(found) == ["c00007"]


def test_upsert_writes_in_batches_and_tells_of_each_record(sandbox: RunningSandbox) -> None:
    contacts = [
        {"email": f"new{n}@batch.example", "firstName": "Ada", "lastName": "King"} for n in range(2 * MOST_RECORDS)
    ]
    contacts += [{"email": "nobody", "firstName": "No"}, {"firstName": "Without"}]
    before = len(sandbox.requests)

    with connected(sandbox, "sandbox-crm") as provider:
        plan = compile_batch(provider.definition, "upsert-contacts")
        run = BatchRun(plan, Variables({}, {}, {}), provider.means)
        made = run.batches(contacts)
        results = [*made.rejected, *(each for batch in made.batches for each in run.send(batch).results)]

    outcomes = {result.index: result.outcome for result in results}
    assert [outcomes[n] for n in range(len(contacts))] == ["created"] * 2 * MOST_RECORDS + ["rejected"] * 2
    assert {result.code for result in results if result.outcome == "rejected"} == {
        "BAD_EMAIL",
        "REQUIRED_FIELD_MISSING",
    }
    assert len([each for each in sandbox.requests[before:] if each["path"].endswith("/batch/contacts")]) == 3


def test_file_arrives_as_it_was_sent(sandbox: RunningSandbox) -> None:
    with connected(sandbox, "sandbox-edi") as provider:
        run = UploadRun(compile_upload(provider.definition, "upload-file"), Variables({}, {}, {}), provider.means)
        sent = run.send(b"name\nAda\n", "contacts & more.csv", "text/csv")

    back = httpx.get(f"{sandbox.url}/v1/files/{sent.id}")
    assert (sent.name, sent.size, back.content) == ("contacts & more.csv", 9, b"name\nAda\n")


@pytest.mark.parametrize("slug", ["sandbox-crm", "sandbox-accounting"])
def test_oauth_words_are_those_of_the_sandbox(sandbox: RunningSandbox, slug: str) -> None:
    """RFC 8414 says where everything is."""
    (method,) = [each for each in FILES[slug]["methods"] if each["kind"] == "oauth2"]
    auth = resolve(FILES[slug]["connector"], method, {"baseUrl": f"{sandbox.url}/"})["auth"]

    told = httpx.get(f"{sandbox.url}/.well-known/oauth-authorization-server").json()

    assert auth["authorizationUrl"] == told["authorization_endpoint"]
    assert (auth["tokenUrl"], auth["revocationUrl"]) == (told["token_endpoint"], told["revocation_endpoint"])
    assert set(auth["scope"].split()) <= set(told["scopes_supported"])
    assert f"client_secret_{auth['tokenAuth']}" in told["token_endpoint_auth_methods_supported"]
