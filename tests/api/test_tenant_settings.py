"""What a tenant sets for itself: where browsers may return to after OAuth. Its plans are the operator's to set."""

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.integrations import tenant_settings
from hub.integrations.tenant_settings_models import TenantSettings
from tests.api.conftest import Hub, Reply

PATH = "/api/v1/tenant-settings"


def put(hub: Hub, *origins: str, roles: str = "tenant_admin", **more: object) -> Reply:
    return hub.call("PUT", PATH, {"returnOrigins": list(origins), **more}, roles=roles)


def test_nothing_is_allowed_before_somebody_sets_it(hub: Hub) -> None:
    shown = hub.get(PATH)

    assert TenantSettings.model_validate(shown.body) == TenantSettings(returnOrigins=[], plans=[])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://APP.example.com/", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("https://app.example.com:8443", "https://app.example.com:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_origin_is_kept_in_one_way_of_writing(hub: Hub, given: str, kept: str) -> None:
    assert put(hub, given, kept).body["returnOrigins"] == [kept]
    assert tenant_settings.get(resources().tables.config, Tenant(hub.tenant)).return_origins == (kept,)


@pytest.mark.parametrize(
    "origin",
    [
        "http://app.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "https://app.example.com/path",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://user@app.example.com",
        "https://app.example.com\\@evil.example",
        "https://*.example.com",
        "https://",
        "https:app.example.com",
        "//app.example.com",
        "javascript:alert(1)",
        "null",
        "",
        "https://app.example.com\n",
        "https://äpp.example.com",
    ],
)
def test_what_is_no_origin_of_a_safe_page_is_refused(hub: Hub, origin: str) -> None:
    reply = put(hub, "https://app.example.com", origin)

    assert reply.status == 400
    assert [each["pointer"] for each in reply.body["error"]["details"]["problems"]] == ["/returnOrigins/1"]
    assert hub.get(PATH).body["returnOrigins"] == []


def test_origins_are_replaced_and_plans_left_out_stay(hub: Hub) -> None:
    put(hub, "https://a.example", roles="super_admin", plans=["gold"])

    after = put(hub, "https://b.example")

    assert after.body == {"returnOrigins": ["https://b.example"], "plans": ["gold"]}


def test_plans_are_for_a_super_admin_to_change(hub: Hub) -> None:
    refused = put(hub, plans=["gold"])
    echoed = put(hub, plans=[])

    assert (refused.status, refused.code, echoed.status) == (403, "PERMISSION_DENIED", 200)
    assert put(hub, roles="super_admin", plans=["gold"]).body["plans"] == ["gold"]


def test_settings_of_another_tenant_are_not_touched(hub: Hub, other_hub: Hub) -> None:
    put(hub, "https://a.example")

    assert other_hub.get(PATH).body["returnOrigins"] == []


def test_change_is_audited(hub: Hub) -> None:
    put(hub, "https://a.example")

    (entry,) = hub.audit_entries()
    assert (entry["action"], entry["facts"]) == (
        "tenant.settings_changed",
        '{"returnOrigins":["https://a.example"],"plans":[]}',
    )


@pytest.mark.parametrize("roles", ["user", ""])
def test_only_administrators_change_the_settings(hub: Hub, roles: str) -> None:
    assert put(hub, "https://a.example", roles=roles).status == 403


@pytest.mark.parametrize(
    "body",
    [{}, {"returnOrigins": "https://a.example"}, {"returnOrigins": [1]}, {"returnOrigins": [], "more": 1}],
    ids=["nothing", "text", "number", "unknown"],
)
def test_body_of_another_shape_is_refused(hub: Hub, body: object) -> None:
    assert hub.call("PUT", PATH, body).status == 400
