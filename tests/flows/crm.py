"""A CRM with a few contacts on the whole stack: what it holds, what it was asked to write, and syncs with it by slots.

A schedule's shortest interval is a minute. Nobody waits for it: the next slot of a configuration comes early, and the
scheduler looks.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from hub.core import due
from local.sandbox.server import RunningSandbox, start
from local.sandbox.world import World
from local.stack import Stack
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import DOCUMENTS, HubClient

Json = dict[str, Any]

CONFIG_TABLE, ACTIVITY_TABLE = "integration-hub-ConfigTable", "integration-hub-ActivityTable"
ENDS_WITHIN_S = 60
LONG_AGO = "2026-01-01T00:00:00.000Z"
# What the documents call a field, and what the sandbox does.
FIELDS = {"email": "email", "firstName": "first_name", "lastName": "last_name", "phone": "phone", "title": "job_title"}


@contextmanager
def crm(count: int, domain: str = "there.example") -> Iterator[RunningSandbox]:
    """Run a sandbox with so many contacts, c00001 and up, whose addresses are of one domain."""
    world = World(contacts=0, companies=0)
    for number in range(1, count + 1):
        world.add_contact(first_name="Ada", last_name=f"No {number}", email=f"c{number}@{domain}", phone="0")
    with start(world=world) as running:
        yield running


def contacts(provider: RunningSandbox) -> dict[str, Json]:
    """Return all contacts of the sandbox by id, in the words of the documents."""
    return {row.id: in_words_of_documents(row.content) for row in provider.world.contacts.rows()}


def in_words_of_documents(contact: Json) -> Json:
    return {name: contact[there] for name, there in FIELDS.items() if contact.get(there) is not None}


def by_email(found: dict[str, Json]) -> dict[str, Json]:
    """Return contacts by address; one that is there twice fails the test."""
    assert len({each["email"] for each in found.values()}) == len(found)
    return {each["email"]: each for each in found.values()}


def writes(provider: RunningSandbox) -> list[str]:
    """Return method and path of every request that could change something there, in order."""
    return [f"{each['method']} {each['path']}" for each in provider.requests if each["method"] != "GET"]


def written(provider: RunningSandbox) -> list[str]:
    """Return every record that the sandbox was asked to write or delete, in order, as often as it was asked."""
    return [record for each in provider.requests if each["method"] != "GET" for record in _records(each)]


def _records(request: Json) -> list[str]:
    if request["method"] == "DELETE":
        return [f"delete {request['path'].rpartition('/')[2]}"]
    return [f"upsert {record['email']}" for record in json.loads(base64.b64decode(request["body_base64"]))["contacts"]]


def contact_connector(url: str, kind: str = "contact", size: int = 50, **changed: Any) -> Json:
    """Return a connector that reads, writes and deletes contacts, as documents of the type `kind`."""
    return connector(url, *contact_endpoints(kind, size), **changed)


def contact_endpoints(kind: str, size: int) -> list[Json]:
    mappings = [{"source": f"$.{there}", "target": name, "skipIfEmpty": True} for name, there in FIELDS.items()]
    answered = {"dataPath": "$.results", "identifierField": "$.id", "targetShardTypeId": kind}
    of_contacts = {"entity": kind}
    listing = endpoint("cursor", "contacts", size, operation="list", **of_contacts)
    listing["responseMapping"] = {**answered, "fieldMappings": mappings}
    deleting = {
        "id": "delete",
        "name": "deleteContact",
        "operation": "delete",
        "method": "DELETE",
        "path": "/contacts/{id}",
        "pathParams": [{"name": "id", "required": True}],
        **of_contacts,
    }
    return [listing, _writing(size) | of_contacts, deleting]


def _writing(size: int) -> Json:
    """Return an operation that upserts by e-mail address."""
    results = {
        "match": "position",
        "path": "$.results",
        "success": {"path": "$.id"},
        "idPath": "$.id",
        "messagePath": "$.error.message",
        "codePath": "$.error.code",
    }
    batch = {
        "size": size,
        "itemsPath": "$.contacts",
        "required": ["$.email"],
        "fieldMappings": [{"source": f"$.{name}", "target": there} for name, there in FIELDS.items()],
        "results": results,
    }
    return {
        "id": "upsert",
        "name": "upsertContacts",
        "operation": "upsert",
        "method": "POST",
        "path": "/batch/contacts",
        "idempotent": True,
        "batch": batch,
    }


@dataclass(frozen=True)
class Team:
    """A tenant whose syncs run by configurations."""

    stack: Stack
    hub: HubClient
    tenant: str

    def configure(self, integration_id: str, **wishes: Any) -> str:
        """Return the id of a new configuration that goes both ways, unless told otherwise."""
        wanted = {"integrationId": integration_id, "syncDirection": "bidirectional", "frequency": 60_000, **wishes}
        return str(self.hub.call("POST", self.configs, wanted, expect=201)["id"])

    @property
    def configs(self) -> str:
        return f"/api/v1/teams/{self.tenant}/sync-configs"

    def drop(self, config_id: str) -> None:
        """Delete a configuration: the ticks of other tests would sync it too."""
        self.hub.call("DELETE", f"{self.configs}/{config_id}", expect=204)

    def come_due(self, config_id: str) -> None:
        """Let the next slot of a configuration be due now."""
        self.stack.aws("dynamodb").update_item(
            TableName=CONFIG_TABLE,
            Key={"pk": {"S": f"{self.tenant}#sync-config"}, "sk": {"S": config_id}},
            UpdateExpression="SET dueAt = :long_ago",
            ConditionExpression="attribute_exists(dueAt)",
            ExpressionAttributeValues={":long_ago": {"S": LONG_AGO}},
        )

    def run(self, config_id: str) -> Json:
        """Run the next slot of a configuration and return its job when it has ended."""
        self.come_due(config_id)
        look(self.stack)
        return self.hub.ended(self.last_job(config_id)["id"], within_s=ENDS_WITHIN_S)

    def last_job(self, config_id: str) -> Json:
        return self.hub.job(self.hub.call("GET", f"{self.configs}/{config_id}")["lastJobId"])

    def jobs(self, integration_id: str) -> list[Json]:
        """Return the jobs of an integration, newest first."""
        path = f"/api/v1/integrations/{integration_id}/sync-jobs"
        found: list[Json] = self.hub.call("GET", path, params={"limit": 100})["data"]
        return found

    def put(self, kind: str, name: str, **content: Any) -> None:
        answer = self.hub.http.put(f"{DOCUMENTS}/{kind}/{name}", json={"content": content})
        assert answer.is_success, answer.text

    def edit(self, kind: str, name: str, **fields: Any) -> None:
        """Change some fields of a document, as a user does."""
        content = self.hub.call("GET", f"{DOCUMENTS}/{kind}/{name}")["content"]
        self.put(kind, name, **{**content, **fields})

    def delete(self, kind: str, name: str) -> None:
        self.hub.call("DELETE", f"{DOCUMENTS}/{kind}/{name}", expect=204)

    def contents(self, kind: str) -> dict[str, Json]:
        """Return what all documents of a type hold, by id."""
        return {name: each["content"] for name, each in self.hub.documents(kind).items()}


@contextmanager
def team(stack: Stack, tenant: str) -> Iterator[Team]:
    headers = {"authorization": f"Bearer {stack.token(tenant)}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=35) as client:
        yield Team(stack, HubClient(client), tenant)


def look(stack: Stack) -> Json:
    """Let the scheduler look once; return how many slots it started, passed over and found taken."""
    found: Json = stack.fire_schedule("SyncTick")
    return found


def pass_time_for_jobs(stack: Stack, job_ids: Sequence[str]) -> None:
    """Let open jobs be due now whose worker or hint is lost: what a sweep has hinted at, it leaves for three minutes.

    Leases and what a job waits for are left as they are.
    """
    table = stack.aws("dynamodb")
    for shard in range(due.JOBS.shards):
        values = {":shard": {"S": f"{due.JOBS.name}#{shard}"}}
        query = {"KeyConditionExpression": "dueShard = :shard", "ExpressionAttributeValues": values}
        for item in table.query(TableName=ACTIVITY_TABLE, IndexName="due", **query)["Items"]:
            if item["sk"]["S"] in job_ids:
                _age(table, {"pk": item["pk"], "sk": item["sk"]})


def _age(table: Any, place: Json) -> None:
    """Make a job due now; one that somebody holds, or that has ended meanwhile, is left as it is."""
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    try:
        table.update_item(
            TableName=ACTIVITY_TABLE,
            Key=place,
            UpdateExpression="SET dueAt = :long_ago",
            ConditionExpression="attribute_exists(dueAt) AND leaseUntil < :now AND nextAttemptAt <= :now",
            ExpressionAttributeValues={":long_ago": {"S": LONG_AGO}, ":now": {"N": str(now_ms)}},
        )
    except table.exceptions.ConditionalCheckFailedException:
        return
