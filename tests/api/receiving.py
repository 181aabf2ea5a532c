"""Inbound endpoints as they are stored, made without the routes that manage them; and posts to them."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from hub.core import jsontext
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Put, partition
from hub.webhooks.endpoints import endpoints
from hub.webhooks.rotation import Rotation
from tests.api.conftest import Hub, Reply
from tests.api.sync_work import vault

Json = dict[str, Any]

SECRET = "canary-signing-secret-of-an-endpoint"
URL_SECRET = "canary-url-secret-of-an-endpoint"
SIGNED = {"scheme": "hmac", "header": "x-signature", "algorithm": "sha256"}
BODY = b'{"event":"contact.created","data":{"id":"c1"}}'
# Of these the empty text says that there is none; the others are always stored as text.
_MAY_BE_EMPTY = {"eventType", "transformTemplate"}
_AS_JSON = {"verification", "secretNames", "urlSecretNames", "routing", "response"} | _MAY_BE_EMPTY


@dataclass(frozen=True)
class Posted:
    """An endpoint of a tenant and how others post to it; `url` is its path."""

    hub: Hub
    id: str
    url: str

    def post(self, body: Any = BODY, headers: dict[str, str] | None = None, *, signed: bool = True) -> Reply:
        """Post a body, signed with the endpoint's secret unless said otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {**({"x-signature": signature(raw)} if signed else {}), **(headers or {})}
        return self.hub.call("POST", self.url, raw, headers=given, context={})

    def events(self) -> list[Item]:
        """Return the stored events."""
        pk = partition(Tenant(self.hub.tenant), f"inbound#{self.id}")
        return list(resources().tables.activity.query_all("pk = :pk", {"pk": pk}))

    def change(self, **fields: Any) -> None:
        """Change stored fields behind the back of the function."""
        config = resources().tables.config
        item = config.get(endpoints.place(Tenant(self.hub.tenant), self.id))
        assert item is not None
        resources().tables.write(Put(config, {**item, **fields}))

    def store(self, **secrets: str) -> None:
        """Store secrets in place of all former ones, for example `store(secret_2="...")`."""
        named = {name.replace("_", "."): secret for name, secret in secrets.items()}
        stored = vault().store(Tenant(self.hub.tenant), endpoints.SECRETS_KIND, self.id, named)
        assert stored is not None
        resources().tables.write(stored)


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.digest(secret.encode(), body, "sha256").hex()


def make_custom(hub: Hub, endpoint_id: str | None = None, **fields: Any) -> Posted:
    """Store the endpoint of a custom integration; its URL has a secret and its requests are signed."""
    endpoint_id = endpoint_id or f"int_{hub.tenant}"
    known = {
        "kind": "custom",
        "integrationId": endpoint_id,
        "lookup": endpoints.custom_lookup(endpoint_id),
        "urlSecretHash": hashlib.sha256(URL_SECRET.encode()).hexdigest(),
        "urlSecretNames": Rotation.first("urlSecret").stored(),
    }
    return _made(hub, endpoint_id, f"/api/v1/webhooks/custom/{endpoint_id}/{URL_SECRET}", {**known, **fields})


def make_v1(hub: Hub, path: str = "orders/new", **fields: Any) -> Posted:
    """Store an endpoint with a path of the tenant's own."""
    known = {"kind": "v1", "path": path, "lookup": endpoints.path_lookup(hub.tenant, path)}
    return _made(hub, f"whe_{hub.tenant}", f"/api/v1/webhooks/receive/{hub.tenant}/{path}", {**known, **fields})


def _made(hub: Hub, endpoint_id: str, url: str, fields: Json) -> Posted:
    item = {
        **endpoints.place(Tenant(hub.tenant), endpoint_id),
        "status": "active",
        "previousUrlSecrets": [],
        "verification": SIGNED,
        "ipAllowList": [],
        "secretNames": Rotation.first("secret").stored(),
        "routing": [],
        "eventType": "",
        "response": {"status": 200},
        "handlerType": "",
        "eventTypes": [],
        "transformTemplate": "",
        "targetService": "",
        "version": 1,
        **fields,
    }
    stored = {name: _stored(name, value) for name, value in item.items()}
    resources().tables.write(Put(resources().tables.config, stored))
    posted = Posted(hub, endpoint_id, url)
    posted.store(secret_1=SECRET, urlSecret_1=URL_SECRET)
    return posted


def _stored(name: str, value: Any) -> Any:
    is_empty = name in _MAY_BE_EMPTY and value == ""
    return jsontext.dump(value) if name in _AS_JSON and not is_empty else value
