"""The authorizer in front of the API: a good credential says who calls, a bad one comes through without a tenant."""

import json
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hub.access import api_keys, callers
from hub.access.tokens import KeySet
from hub.core import clock, config, resources
from hub.core.caller import Tenant
from hub.core.tables import Put, Update, key
from hub.outbound.client import Call, Reply
from local.authorizer import authorizer_event
from local.http_events import Request
from tests.api.conftest import Cloud, Hub, app

DOCUMENTS = "/api/v1/documents/contact"
PRIVATE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class IdentityProvider:
    """Publishes one key."""

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert (call.url, timeout_s) == ("https://id.test/keys", 5)
        entry = jwt.algorithms.RSAAlgorithm.to_jwk(PRIVATE_KEY.public_key(), as_dict=True)
        return Reply(200, {}, json.dumps({"keys": [{**entry, "kid": "k1"}]}).encode(), elapsed_ms=1)


@pytest.fixture
def authorizer(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The authorizer's module, which gets its keys from a provider in this process."""
    module = app(cloud.template.functions["Authorizer"].code_dir)
    keys = KeySet("https://id.test/keys", cast("Any", IdentityProvider()))
    monkeypatch.setattr(callers, "key_set", lambda: keys)
    return module


def ask(authorizer: Any, hub: Hub, header: str) -> dict[str, str]:
    """Return the context that the authorizer gives for an Authorization header."""
    request = Request("GET", DOCUMENTS, "", (("host", "hub.test"), ("authorization", header)), b"", "127.0.0.1")
    match = hub.cloud.routes.select("GET", DOCUMENTS)
    assert match is not None
    answer = authorizer.handler(authorizer_event((header,), request, match), None)
    assert answer["isAuthorized"] is True
    context: dict[str, str] = answer["context"]
    return context


def make_key(hub: Hub, *scopes: str, expires_at: str | None = None) -> str:
    """Store an API key of the tenant and return it in full."""
    key_id, full_key = api_keys.generate()
    tables = resources.resources().tables
    item = api_keys.item(Tenant(hub.tenant), key_id, full_key, "CI", frozenset(scopes), expires_at)
    tables.write(Put(tables.config, item))
    return full_key


def make_token(hub: Hub, **changed: Any) -> str:
    settings = config.token_settings()
    claims = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": "u7",
        "exp": int(clock.epoch_s()) + 60,
        settings.tenant_claim: hub.tenant,
        "roles": ["tenant_admin"],
        **changed,
    }
    return jwt.encode(claims, PRIVATE_KEY, algorithm="RS256", headers={"kid": "k1"})


def denied(context: dict[str, str]) -> bool:
    """Say whether the context refuses, after checking that it names nobody."""
    return context.keys() == {"denied"} and bool(context["denied"])


# ---------------------------------------------------------------- good credentials


def test_api_key_calls_the_routes_of_its_scopes_in_its_tenant(authorizer: Any, hub: Hub, other_hub: Hub) -> None:
    other_hub.call("PUT", f"{DOCUMENTS}/theirs", {"content": {}})
    full_key = make_key(hub, "contacts:read")

    context = ask(authorizer, hub, f"Bearer {full_key}")

    assert context == {
        "tenant": hub.tenant,
        "user": f"key:{full_key[9:25]}",
        "roles": "",
        "scopes": "contacts:read",
        "keyId": full_key[9:25],
    }
    assert hub.get(DOCUMENTS, context=context).body["items"] == []
    assert hub.call("PUT", f"{DOCUMENTS}/c1", {"content": {}}, context=context).status == 403


def test_what_a_key_did_stands_in_the_audit_under_its_id(authorizer: Any, hub: Hub) -> None:
    full_key = make_key(hub, "contacts:write")

    hub.call("PUT", f"{DOCUMENTS}/c1", {"content": {}}, context=ask(authorizer, hub, f"Bearer {full_key}"))

    assert [entry["actor"] for entry in hub.audit_entries()] == [f"key:{full_key[9:25]}"]


def test_token_calls_in_the_name_of_its_user(authorizer: Any, hub: Hub) -> None:
    context = ask(authorizer, hub, f"Bearer {make_token(hub)}")

    assert context == {"tenant": hub.tenant, "user": "u7", "roles": "tenant_admin", "scopes": "", "keyId": ""}
    assert hub.call("PUT", f"{DOCUMENTS}/c1", {"content": {}}, context=context).status == 201


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scheme_is_read_in_any_letters(authorizer: Any, hub: Hub, scheme: str) -> None:
    assert ask(authorizer, hub, f"{scheme} {make_token(hub)}")["tenant"] == hub.tenant


# ---------------------------------------------------------------- bad credentials


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer    ", "Basic dTpw", "hub_live_x", "Token x", "Bearer,x", "ä", "Bearer x", "\x00"],
)
def test_header_that_is_no_bearer_credential_is_let_through_without_a_tenant(
    authorizer: Any, hub: Hub, header: str
) -> None:
    context = ask(authorizer, hub, header)

    assert denied(context)
    reply = hub.get(DOCUMENTS, context=context)
    assert (reply.status, reply.code) == (401, "UNAUTHENTICATED")
    assert reply.body["error"]["message"] == context["denied"]


def test_refused_credential_never_names_a_tenant_although_it_holds_one(authorizer: Any, hub: Hub) -> None:
    full_key, token = make_key(hub, "admin:full"), make_token(hub)
    header, payload, signature = token.split(".")
    bad = [
        full_key[:-1] + ("0" if full_key[-1] != "0" else "1"),
        full_key[:26],
        make_key(hub, "admin:full", expires_at="2020-01-01T00:00:00.000Z"),
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        f"{header}.{payload}.",
        make_token(hub, exp=1),
        make_token(hub, aud="another"),
        make_token(hub, tenant_id="a#b"),
        "x" * 9000,
    ]

    contexts = [ask(authorizer, hub, f"Bearer {credential}") for credential in bad]

    assert all(denied(context) for context in contexts)
    assert hub.tenant not in repr(contexts)
    for good in (full_key, token):
        assert ask(authorizer, hub, f"Bearer {good}")["tenant"] == hub.tenant


def test_key_that_is_switched_off_stops_working(authorizer: Any, hub: Hub) -> None:
    full_key = make_key(hub, "contacts:read")
    assert ask(authorizer, hub, f"Bearer {full_key}")["tenant"] == hub.tenant

    tables = resources.resources().tables
    place = key(Tenant(hub.tenant), "api-key", full_key[9:25])
    tables.write(Update(tables.config, place, "SET enabled = :no", {"no": False}))

    assert denied(ask(authorizer, hub, f"Bearer {full_key}"))


def test_refusal_repeats_nothing_of_the_credential(authorizer: Any, hub: Hub) -> None:
    for credential in (f"{api_keys.PREFIX}canary-3434", "canary-3434.canary-3434.canary-3434"):
        assert "canary" not in repr(ask(authorizer, hub, f"Bearer {credential}"))


def test_context_of_a_refusal_opens_no_route_but_the_public_ones(authorizer: Any, hub: Hub) -> None:
    context = ask(authorizer, hub, "Bearer x")

    for route in hub.cloud.template.routes:
        path = route.path.replace("{type}", "contact").replace("{id}", "x")
        reply = hub.call(route.method, path, {} if route.method in ("POST", "PUT", "PATCH") else None, context=context)
        assert (reply.status == 401) is (route.authorizer is not None), route.key
