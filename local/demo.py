"""Tells the product's story on a running stack: a connector without code, its pages, a change; then webhooks."""

import json
import secrets
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import httpx

from local.demo_webhooks import Inbound, Outbound
from local.identity import Identity
from local.stack import StackError, running

Json = dict[str, Any]

_SANDBOX_KEY = "sandbox-key-0123456789abcdef"
_WAIT_S = 120


def main(arguments: Namespace) -> int:
    """Print the story; 0 when every step did what it says."""
    stack = running(arguments.state)
    if stack is None:
        raise StackError(f"No stack runs on {arguments.state}; start one with `make run`")
    tenant = f"demo-{secrets.token_hex(3)}"
    token = Identity(arguments.state).token(
        tenant, user="demo-user", roles=["tenant_admin"], scopes=[], expires_in_s=3600
    )
    headers = {"Authorization": f"Bearer {token}"}
    with (
        httpx.Client(base_url=arguments.url or stack.url, headers=headers, timeout=30, trust_env=False) as hub,
        httpx.Client(base_url=stack.sandbox, timeout=30, trust_env=False) as provider,
    ):
        _Story(hub, provider, tenant).tell()
    return 0


class _Story:
    def __init__(self, hub: httpx.Client, provider: httpx.Client, tenant: str) -> None:
        self._hub = hub
        self._provider = provider
        self._sandbox = str(provider.base_url)
        self._tenant = tenant
        self._began = time.monotonic()

    def tell(self) -> None:
        self._say(f"The hub answers at {self._hub.base_url}, a provider with 10,000 contacts at {self._sandbox}.")
        outbound = Outbound(self._call, self._say, self._provider)
        subscription = outbound.subscribe()
        integration = self._connect()
        first = self._sync(integration["id"], "A worker pulls the pages, maps the records and stores documents")
        self._show_documents()
        outbound.post()
        self._sync(integration["id"], "The same sync again: nothing has changed, so nothing is written")
        self._change_at_provider()
        self._sync(integration["id"], "And once more")
        self._show_changes(first)
        outbound.tell(subscription)
        Inbound(self._call, self._say, self._provider).tell()
        self._say(f"Look around yourself:  python -m local token --tenant {self._tenant}")

    def _connect(self) -> Json:
        self._say(f"Tenant {self._tenant} writes a connector: data, no code. Its API key is encrypted at once.")
        made = self._call("POST", "/api/v1/custom-integrations", definition(self._sandbox))
        self._say(f"  {made['id']} {made['name']!r}: key stored as {made['auth']['keyValue']}, status {made['status']}")
        return made

    def _sync(self, integration_id: str, why: str) -> Json:
        self._say(f"{why}:")
        began = time.monotonic()
        path = f"/api/v1/custom-integrations/{integration_id}/sync"
        job = self._call("POST", path, {"endpointId": "list-contacts"})
        for progress in self._progress(job["id"]):
            job = progress
            self._say(f"  {job['id']} {job['status']:<9} page {job['page']:>3}  {_counted(job['counters'])}")
        self._say(f"  done in {time.monotonic() - began:.1f} s, stopped because: {job['stopReason']}")
        return job

    def _progress(self, job_id: str) -> Iterator[Json]:
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            job = self._call("GET", f"/api/v1/sync-jobs/{job_id}")
            if job["status"] not in ("PENDING", "RUNNING"):
                yield job
                return
            if job["page"]:
                yield job
            time.sleep(1)
        raise StackError(f"{job_id} did not end within {_WAIT_S} s; GET /api/v1/sync-jobs/{job_id}/logs says why")

    def _show_documents(self) -> None:
        page = self._call("GET", "/api/v1/documents/contact?limit=1")
        self._say("One of the documents:")
        self._say(f"  {json.dumps(page['items'][0]['content'], ensure_ascii=False)}")

    def _change_at_provider(self) -> None:
        patch = {"job_title": "Head of Integrations"}
        self._provider.patch("/v1/contacts/c00042", json=patch).raise_for_status()
        self._say("Somebody changes contact c00042 at the provider.")

    def _show_changes(self, first: Json) -> None:
        changed = self._call("GET", "/api/v1/documents/contact/c00042")
        self._say(f"c00042 is at version {changed['version']}: {changed['content']['jobTitle']!r}.")
        log = self._call("GET", f"/api/v1/sync-jobs/{first['id']}/logs?limit=1")["data"][0]
        self._say(
            f"Every page is in the job's log: {log['method']} {log['url']} {log['status']} {log['durationMs']} ms."
        )

    def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        reply = self._hub.request(method, path, json=body)
        while reply.status_code == 429:
            time.sleep(float(reply.headers["retry-after"]))
            reply = self._hub.request(method, path, json=body)
        if reply.is_error:
            raise StackError(f"{method} {path} answered {reply.status_code}: {reply.text}")
        answer: Json = reply.json()
        return answer

    def _say(self, line: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {line}", flush=True)


def _counted(counters: Json) -> str:
    return "  ".join(f"{name} {count:,}" for name, count in counters.items() if count or name == "read")


def definition(sandbox: str) -> Json:
    """Return the connector of the story: key in a header, cursor pages, a mapping with most transforms."""
    return {
        "name": "sandbox-contacts",
        "displayName": "Sandbox contacts",
        "integrationType": "rest_api",
        "baseUrl": f"{sandbox}/auth/api-key/v1",
        "auth": {"type": "api_key", "keyName": "X-API-Key", "keyLocation": "header", "keyValue": _SANDBOX_KEY},
        "status": "active",
        "endpoints": [
            {
                "id": "list-contacts",
                "name": "listContacts",
                "method": "GET",
                "path": "/cursor/contacts",
                "pagination": {
                    "type": "cursor",
                    "cursorParam": "after",
                    "cursorPath": "$.paging.next.after",
                    "limitParam": "limit",
                    "maxLimit": 200,
                    "endCondition": {"type": "cursor_null"},
                },
                "responseMapping": {
                    "dataPath": "$.results",
                    "identifierField": "$.id",
                    "targetShardTypeId": "contact",
                    "fieldMappings": _FIELD_MAPPINGS,
                },
            }
        ],
    }


_FIELD_MAPPINGS: list[Json] = [
    {"source": "$.email", "target": "email"},
    {"source": "$.job_title", "target": "jobTitle", "skipIfEmpty": True},
    {
        "source": "$.first_name",
        "target": "name",
        "transform": {"type": "concat", "config": {"fields": ["$.first_name", "$.last_name"], "separator": " "}},
    },
    {"source": "$.address.city", "target": "address.city", "default": "unknown"},
    {
        "source": "$.created_at",
        "target": "customerSince",
        "transform": {"type": "date", "config": {"inputFormat": "YYYY-MM-DD", "outputFormat": "ISO8601"}},
    },
    {
        "source": "$.status",
        "target": "status",
        "transform": {
            "type": "map",
            "config": {"mapping": {"ACTIVE": "active", "INACTIVE": "archived"}, "default": "unknown"},
        },
    },
    {"source": "$.lifetime_value", "target": "lifetimeValue", "transform": {"type": "number"}},
    {"source": "$.newsletter", "target": "newsletter", "transform": {"type": "boolean"}},
]
