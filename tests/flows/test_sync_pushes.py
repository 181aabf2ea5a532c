"""Pushes on the whole stack: refused records with the reason, answers that are lost, and a user's "sync now"."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.crm import Team, by_email, contact_connector, contact_endpoints, contacts, crm, team, writes
from tests.flows.hub_client import HubClient, counted

Json = dict[str, Any]

pytestmark = pytest.mark.xdist_group("stack")  # one team for all of them

DOCUMENTS = 12
SIZE = 5
ENDS_WITHIN_S = 60
KIND = "contact"
BATCH = "POST /v1/batch/contacts"


@pytest.fixture
def provider() -> Iterator[RunningSandbox]:
    """A CRM without a contact."""
    with crm(0) as running:
        yield running


@pytest.fixture(scope="module")
def ours(stack: Stack) -> Iterator[Team]:
    """A team with contacts of its own."""
    with team(stack, f"pushes-{secrets.token_hex(6)}") as made:
        for number in range(DOCUMENTS):
            put(made, KIND, number)
        yield made


def put(ours: Team, kind: str, number: int, **content: Any) -> None:
    shown = {"email": f"{number}@here.example", "firstName": "Our", "lastName": str(number), **content}
    ours.put(kind, f"d{number:02d}", **shown)


def push(ours: Team, integration_id: str, kind: str = KIND) -> Json:
    """Run a push of what has changed since the last one; return the job."""
    wanted = {"jobType": "INCREMENTAL", "entityType": kind, "direction": "OUTBOUND"}
    job = ours.hub.call("POST", f"/api/v1/integrations/{integration_id}/sync", wanted, expect=202)
    return ours.hub.ended(job["id"], within_s=ENDS_WITHIN_S)


def test_refused_record_is_reported_with_the_reason_and_sent_again_when_it_was_mended(
    ours: Team, provider: RunningSandbox
) -> None:
    for number, content in enumerate(({}, {"email": "nobody"}, {})):
        put(ours, "lead", number, **content)
    integration_id = ours.hub.create(contact_connector(provider.url, "lead", name="leads"))

    first = push(ours, integration_id, "lead")
    second = push(ours, integration_id, "lead")
    put(ours, "lead", 1)
    third = push(ours, integration_id, "lead")

    assert first["counters"] == counted(read=3, created=2, rejected=1)
    (fault,) = first["errorLog"]
    assert (fault["documentId"], fault["code"]) == ("d01", "BAD_EMAIL")
    assert fault["reason"] == "email must hold an @, found 'nobody'"
    assert (second["counters"], third["counters"]) == (counted(), counted(read=1, created=1))
    assert writes(provider) == [BATCH] * 2
    assert by_email(contacts(provider)) == by_email(ours.contents("lead"))


def test_batches_whose_answers_are_lost_are_sent_again_and_make_no_second_record(
    ours: Team, provider: RunningSandbox
) -> None:
    """Of the first batch the provider has made the records; the others show that what never arrived is not lost."""
    integration_id = ours.hub.create(contact_connector(provider.url, size=SIZE))
    for number, fault in enumerate(("truncated", "drop_connection", "status_503")):
        provider.faults.add("/v1/batch", fault, after=2 * number, times=1)

    job = push(ours, integration_id)

    assert (job["status"], job["counters"]) == ("COMPLETED", counted(read=DOCUMENTS, created=DOCUMENTS))
    assert [each["fired"] for each in provider.faults.listed()] == [1, 1, 1]
    assert writes(provider) == [BATCH] * 6
    assert by_email(contacts(provider)) == by_email(ours.contents(KIND))


# ---------------------------------------------------------------- "sync now" of the cards product (spec S002)


def catalogued(url: str, name: str) -> Json:
    """Return a provider that the cards product calls `name`, whose API is the sandbox."""
    slug = name.lower()
    connector = {
        "name": slug,
        "displayName": "Cards CRM",
        "integrationType": "rest_api",
        "baseUrl": f"{url}/auth/api-key/v1",
        "endpoints": contact_endpoints(KIND, SIZE),
    }
    key = {"type": "api_key", "keyName": "X-API-Key", "keyLocation": "header", "keyValue": "{{apiKey}}"}
    field = {"name": "apiKey", "title": "API key", "secret": True, "required": True}
    return {
        "provider": slug,
        "name": slug,
        "displayName": "Cards CRM",
        "category": "crm",
        "status": "active",
        "audience": "tenant",
        "aliases": {"cards": name},
        "connector": connector,
        "methods": [{"kind": "api_key", "auth": key, "fields": [field]}],
    }


@pytest.fixture
def user(api: Callable[..., httpx.Client], ours: Team) -> HubClient:
    """A user of the team who is no administrator."""
    return HubClient(api(ours.tenant, roles=("user",)))


@pytest.fixture
def card(api: Callable[..., httpx.Client], tenant: str, provider: RunningSandbox, user: HubClient) -> str:
    """A provider that the operator has added and the user has connected."""
    name = f"CRM-{secrets.token_hex(4).upper()}"
    operator = HubClient(api(tenant, roles=("super_admin",)))
    operator.call("POST", "/api/admin/integrations", catalogued(provider.url, name), expect=201)
    wanted = {"provider": name, "credentials": {"apiKey": "sandbox-key-0123456789abcdef"}}
    user.call("POST", "/integrations/connect", wanted, expect=201)
    return name


def test_sync_now_sends_all_contacts_and_answers_when_they_are_there(
    ours: Team, provider: RunningSandbox, user: HubClient, card: str
) -> None:
    expected = {"message": "Cards CRM sync completed", "contactsSynced": DOCUMENTS}

    first = user.call("POST", f"/integrations/{card}/sync", expect=201)
    again = user.call("POST", f"/integrations/{card}/sync", expect=201)

    assert (first, again) == (expected, expected)
    assert by_email(contacts(provider)) == by_email(ours.contents(KIND))
