"""A list that exists once per parent, against the sandbox: the contacts of each company, and then only the changes."""

from typing import Any

from local.sandbox.server import RunningSandbox
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import HubClient, counted
from tests.flows.test_sync_kills import ENDS_WITHIN_S

Json = dict[str, Any]

PAGE = 10
COMPANIES = [f"co{number:04d}" for number in range(1, 9)]
WORDS = {"field": "$.updated_at", "param": "updated_since"}


def definition(provider: RunningSandbox, since: str) -> Json:
    """Return a connector of the companies that changed since, and of the contacts of each."""
    since_param = {"name": "updated_since", "valueSource": "static", "value": since}
    companies = endpoint("cursor", "companies", id="companies", name="listCompanies", queryParams=[since_param])
    contacts = endpoint(
        "cursor",
        "contacts",
        PAGE,
        path="/cursor/companies/{companyId}/contacts",
        pathParams=[{"name": "companyId", "required": True}],
        parent={"documentType": "companies", "param": "companyId", "as": "of_company"},
        incremental=WORDS,
    )
    return connector(provider.url, companies, contacts)


def synced(hub: HubClient, integration_id: str, endpoint_id: str = "list") -> Json:
    return hub.ended(hub.start(integration_id, endpoint_id), within_s=ENDS_WITHIN_S)


def test_contacts_of_each_company_are_read_and_then_only_what_changed(hub: HubClient, provider: RunningSandbox) -> None:
    world = provider.world
    since = min(world.companies.update(name, {"phone": "+41 31 000 00 00"})["updated_at"] for name in COMPANIES)
    integration_id = hub.create(definition(provider, since))
    synced(hub, integration_id, "companies")
    contacts = {row.id: name for name in COMPANIES for row in world.contacts_of(name)}

    first = synced(hub, integration_id)
    changed = world.update_contact(next(iter(contacts)), job_title="Pilot")["id"]
    world.delete_company(COMPANIES[-1])
    second = synced(hub, integration_id)

    stored = {name: each["content"]["of_company"] for name, each in hub.documents("contacts").items()}
    assert (first["status"], first["counters"]) == ("COMPLETED", counted(read=len(contacts), created=len(contacts)))
    assert stored == contacts
    assert (second["status"], second["jobType"]) == ("COMPLETED", "INCREMENTAL")
    assert second["counters"]["updated"] == 1
    assert hub.documents("contacts")[changed]["content"]["job_title"] == "Pilot"
    assert [(each["code"], each["partition"]) for each in second["errorLog"]] == [("NOT_FOUND", COMPANIES[-1])]
