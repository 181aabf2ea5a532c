"""Links that open a consent page in a browser: of the cards product, and for whoever must connect again."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hub.access import callers
from hub.core import clock, config
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Update, key
from hub.integrations.instances import integrations
from tests.api import consent
from tests.api.conftest import Hub, Reply, StoppedClock
from tests.api.consent import APP, AuthorizationServer, come_back, connect, enabled, query_of

USER = {"roles": "user"}
LINK = "/integrations/oauth/google/link"
AUTHORIZE = "/integrations/oauth/google/authorize"
CALLBACK = "/integrations/oauth/google/callback"
RECONNECT = "/api/v1/connections/reconnect"

pytestmark = pytest.mark.usefixtures("oauth")


def link(hub: Hub, **body: Any) -> str:
    """Return the ticket of a new link for the user."""
    made = hub.post(LINK, body, **USER)
    assert made.status == 201, made.body
    return query_of(made.body["url"])["ticket"]


def opened(hub: Hub, ticket: str, path: str = AUTHORIZE) -> Reply:
    return hub.get(path, query={"ticket": ticket}, context={})


def own_drives(hub: Hub, user: str = "u1") -> list[Any]:
    found = integrations.list_all(resources().tables.config, Tenant(hub.tenant), user)
    return [item for item in found if item.get("surface") == "cards"]


def reconnect_ticket(hub: Hub, connection_id: str, **body: Any) -> str:
    made = hub.post(f"/api/v1/connections/{connection_id}/reconnect-link", body)
    assert made.status == 201, made.body
    return query_of(made.body["url"])["ticket"]


def connected(hub: Hub, oauth: AuthorizationServer) -> tuple[str, str]:
    """Return the ids of a connected integration and of its connection."""
    integration_id = enabled(hub)
    connect(hub, oauth, integration_id)
    made = consent.connection(hub, integration_id)
    assert made is not None
    return integration_id, made["sk"]


# ---------------------------------------------------------------- the cards product


def test_link_connects_the_users_own_drive(hub: Hub, oauth: AuthorizationServer) -> None:
    page = opened(hub, link(hub))
    back = come_back(hub, CALLBACK, oauth.consent(page.headers["Location"]))

    assert page.status == 302
    assert page.headers["Location"].startswith(consent.AUTHORIZE)
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert back.headers["Location"].startswith("/dashboard/integrations?status=connected&")
    (drive,) = own_drives(hub)
    assert (drive["owner"], drive["status"], drive["provider"]) == ("user:u1", "active", consent.DRIVE)
    assert consent.connection(hub, drive["sk"], "u1") is not None


def test_second_link_connects_the_same_integration_again(hub: Hub, oauth: AuthorizationServer) -> None:
    for _ in range(2):
        come_back(hub, CALLBACK, oauth.consent(opened(hub, link(hub)).headers["Location"]))

    (drive,) = own_drives(hub)
    made = consent.connection(hub, drive["sk"], "u1")
    assert made is not None
    assert made["generation"] == 2


def test_link_brings_the_browser_back_where_it_was_asked_to(hub: Hub, oauth: AuthorizationServer) -> None:
    consent.allow(hub, APP)

    page = opened(hub, link(hub, returnUrl=f"{APP}/cards"))
    back = come_back(hub, CALLBACK, oauth.consent(page.headers["Location"]))

    assert back.headers["Location"].startswith(f"{APP}/cards?status=connected&")


def test_token_opens_the_page_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    header = {"authorization": f"Bearer {token(hub, monkeypatch)}"}

    page = hub.get(AUTHORIZE, headers=header, context={})

    assert page.status == 302
    assert own_drives(hub, "u7") != []


def token(hub: Hub, monkeypatch: pytest.MonkeyPatch, **changed: Any) -> str:
    """Return a token of the identity provider; its key is the one that the function finds."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    class Keys:
        def find(self, _kid: str) -> tuple[str, Any]:
            return "RS256", private.public_key()

    monkeypatch.setattr(callers, "key_set", Keys)
    settings = config.token_settings()
    claims = {"iss": settings.jwt_issuer, "aud": settings.jwt_audience, "sub": "u7", "exp": int(clock.epoch_s()) + 60}
    claims |= {settings.tenant_claim: hub.tenant, "roles": ["user"], **changed}
    return jwt.encode(claims, private, algorithm="RS256", headers={"kid": "k1"})


@pytest.mark.parametrize("changed", [{"exp": 1}, {"aud": "another"}, {"iss": "https://evil.test"}])
def test_bad_token_opens_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]) -> None:
    header = {"authorization": f"Bearer {token(hub, monkeypatch, **changed)}"}

    refused = hub.get(AUTHORIZE, headers=header, context={})

    assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")
    assert refused.headers["Referrer-Policy"] == "no-referrer"


def test_token_without_a_role_opens_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    header = {"authorization": f"Bearer {token(hub, monkeypatch, roles=[])}"}

    assert hub.get(AUTHORIZE, headers=header, context={}).status == 403


def test_page_without_ticket_and_token_says_what_it_needs(hub: Hub) -> None:
    refused = hub.get(AUTHORIZE, context={})

    assert (refused.status, refused.code) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("name", ["unknown", "GOOGLE", "..", "salesforce", "custom"])
def test_provider_that_cards_does_not_know_is_not_there(hub: Hub, name: str) -> None:
    path = LINK.replace("google", name)

    assert [hub.post(path, {}, **USER).status, hub.get(path.replace("link", "authorize"), context={}).status] == [
        404
    ] * 2


def test_program_has_no_drive_of_its_own(hub: Hub) -> None:
    program = {"tenant": hub.tenant, "user": "key:1", "roles": "", "scopes": "admin:full", "keyId": "1"}

    assert hub.post(LINK, {}, context=program).status == 403


def test_provider_that_needs_a_plan_is_not_made_for_a_tenant_without_it(hub: Hub) -> None:
    tables = resources().tables
    place = {"pk": "_hub#provider", "sk": consent.DRIVE}
    ticket = link(hub)
    tables.write(Update(tables.config, place, "SET requiredPlan = :plan", {"plan": "gold"}))

    refused = opened(hub, ticket)

    assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")
    assert own_drives(hub) == []


# ---------------------------------------------------------------- tickets


def test_ticket_opens_one_flow(hub: Hub) -> None:
    ticket = link(hub)

    answers = [opened(hub, ticket) for _ in range(2)]

    assert [answer.status for answer in answers] == [302, 400]
    assert ("a-drive", "used") in consent.refusals(hub)


def test_ticket_is_good_for_ten_minutes(hub: Hub, stopped_clock: StoppedClock) -> None:
    first, second = link(hub), link(hub)

    stopped_clock.advance(599)
    in_time = opened(hub, first)
    stopped_clock.advance(1)
    late = opened(hub, second)

    assert (in_time.status, late.status) == (302, 400)
    assert consent.refusals(hub) == [("a-drive", "expired")]


@pytest.mark.parametrize("ticket", ["x", "A" * 43, "A" * 5000, "ä" * 43])
def test_guessed_ticket_opens_nothing(hub: Hub, ticket: str) -> None:
    for path in (AUTHORIZE, RECONNECT):
        assert (refused := opened(hub, ticket, path)).status == 400
        assert refused.headers["Referrer-Policy"] == "no-referrer"


def test_ticket_opens_only_what_it_was_made_for(hub: Hub, oauth: AuthorizationServer) -> None:
    _, connection_id = connected(hub, oauth)
    drive, again = link(hub), reconnect_ticket(hub, connection_id)

    wrong = [
        opened(hub, drive, RECONNECT),
        opened(hub, drive, "/integrations/oauth/hubspot/authorize"),
        opened(hub, again),
    ]

    assert [answer.status for answer in wrong] == [400] * 3
    assert [opened(hub, drive).status, opened(hub, again, RECONNECT).status] == [302, 302]


def test_ticket_is_stored_hashed_and_not_audited(hub: Hub) -> None:
    ticket = link(hub)

    found = resources().dynamodb.scan(TableName=resources().tables.coordination.name)
    assert ticket not in repr(found["Items"])
    assert ticket not in repr(hub.audit_entries())


# ---------------------------------------------------------------- connecting again


def test_reconnect_link_connects_an_expired_connection_again(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id, connection_id = connected(hub, oauth)
    tables = resources().tables
    expired = {"expired": "expired", "why": "invalid_grant"}
    place = key(Tenant(hub.tenant), "connection", connection_id)
    tables.write(Update(tables.config, place, "SET status = :expired, reason = :why", expired))

    page = opened(hub, reconnect_ticket(hub, connection_id), RECONNECT)
    back = come_back(hub, consent.CALLBACK, oauth.consent(page.headers["Location"]))

    assert "status=connected" in back.headers["Location"]
    made = consent.connection(hub, integration_id)
    assert made is not None
    assert (made["sk"], made["status"], made["generation"]) == (connection_id, "active", 2)
    assert "reason" not in made


def test_reconnect_link_does_not_replace_credentials_that_came_after_it(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id, connection_id = connected(hub, oauth)
    old, new = (reconnect_ticket(hub, connection_id) for _ in range(2))
    page = opened(hub, new, RECONNECT)
    come_back(hub, consent.CALLBACK, oauth.consent(page.headers["Location"]))

    late = opened(hub, old, RECONNECT)

    assert (late.status, late.code) == (400, "VALIDATION_ERROR")
    made = consent.connection(hub, integration_id)
    assert made is not None
    assert made["generation"] == 2


def test_reconnect_link_lives_a_day_or_as_long_as_asked_for_up_to_a_week(
    hub: Hub, oauth: AuthorizationServer, stopped_clock: StoppedClock
) -> None:
    _, connection_id = connected(hub, oauth)
    path = f"/api/v1/connections/{connection_id}/reconnect-link"

    default, week = hub.post(path, {}), hub.post(path, {"expiresIn": 604_800})
    refused = [hub.post(path, {"expiresIn": seconds}).status for seconds in (604_801, 59, 0, -1, "1")]

    lives = [clock.epoch_of(made.body["expiresAt"]) - stopped_clock.epoch_s for made in (default, week)]
    assert lives == [86_400, 604_800]
    assert refused == [400] * 5


def test_reconnect_link_of_a_foreign_connection_and_of_a_missing_one_are_refused_alike(
    hub: Hub, other_hub: Hub, oauth: AuthorizationServer
) -> None:
    _, connection_id = connected(hub, oauth)

    answers = [other_hub.post(f"/api/v1/connections/{each}/reconnect-link", {}) for each in (connection_id, "con_x")]

    assert [answer.status for answer in answers] == [404, 404]
    assert len({repr({**answer.body["error"], "requestId": ""}) for answer in answers}) == 1


def test_user_makes_links_for_their_own_connection_alone(hub: Hub, oauth: AuthorizationServer) -> None:
    _, tenants = connected(hub, oauth)
    come_back(hub, CALLBACK, oauth.consent(opened(hub, link(hub)).headers["Location"]))
    (drive,) = own_drives(hub)
    own = consent.connection(hub, drive["sk"], "u1")
    assert own is not None

    made = [hub.post(f"/api/v1/connections/{each}/reconnect-link", {}, **USER) for each in (own["sk"], tenants)]

    assert [each.status for each in made] == [201, 404]


def test_reconnect_link_of_an_integration_that_is_gone_opens_nothing(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id, connection_id = connected(hub, oauth)
    ticket = reconnect_ticket(hub, connection_id)
    tables = resources().tables
    place = key(Tenant(hub.tenant), "integration", integration_id)
    tables.write(Update(tables.config, place, "SET status = :deleted", {"deleted": "deleted"}))

    assert opened(hub, ticket, RECONNECT).status == 404
