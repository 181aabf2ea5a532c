"""The beginning of an OAuth flow: where the browser is sent, for whom, and what is refused before it goes anywhere."""

import pytest

from hub.core.resources import resources
from tests.api import consent
from tests.api.conftest import Hub
from tests.api.consent import APP, AuthorizationServer, Json, begin, custom, enabled, query_of
from tests.api.tested import create

USER = {"roles": "user"}


pytestmark = pytest.mark.usefixtures("oauth")


# ---------------------------------------------------------------- where the browser is sent


def test_browser_is_sent_with_all_that_the_standards_want(hub: Hub) -> None:
    started = begin(hub, enabled(hub))

    place, _, _ = started["authorizationUrl"].partition("?")
    asked = query_of(started["authorizationUrl"])
    assert place == consent.AUTHORIZE
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "access_type": "offline",
        "response_type": "code",
        "client_id": consent.CLIENT_ID,
        "redirect_uri": f"https://hub.test{consent.CALLBACK}".replace("https", "http"),
        "scope": "contacts.read contacts.write",
        "state": started["state"],
        "code_challenge_method": "S256",
    }


def test_state_has_256_bits_and_no_two_flows_share_it_or_the_challenge(hub: Hub) -> None:
    integration_id = enabled(hub)

    started = [begin(hub, integration_id) for _ in range(20)]

    assert {len(each["state"]) for each in started} == {43}
    assert len({each["state"] for each in started}) == 20
    assert len({query_of(each["authorizationUrl"])["code_challenge"] for each in started}) == 20


def test_state_is_stored_hashed_and_the_verifier_not_at_all(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = custom(hub)
    started = begin(hub, integration_id)
    stored = repr(all_items())

    consent.come_back(hub, consent.CUSTOM_CALLBACK, oauth.consent(started["authorizationUrl"]))

    assert started["state"] not in stored
    assert oauth.asked[0]["code_verifier"] not in stored
    assert integration_id in stored


def all_items() -> list[Json]:
    """Return everything in the coordination table."""
    tables = resources().tables
    answer = resources().dynamodb.scan(TableName=tables.coordination.name)
    return [dict(item) for item in answer["Items"]]


@pytest.mark.parametrize(
    ("written", "separator", "sent"),
    [("a b  c", " ", "a b c"), ("a b  c", ",", "a,b,c"), ("a,b, c", ",", "a,b,c"), ("a,b", " ", "a,b")],
)
def test_scopes_stand_as_the_provider_wants_them(hub: Hub, written: str, separator: str, sent: str) -> None:
    started = begin(hub, custom(hub, scope=written, scopeSeparator=separator))

    assert query_of(started["authorizationUrl"])["scope"] == sent


def test_query_of_the_consent_page_stays(hub: Hub) -> None:
    started = begin(hub, custom(hub, authorizationUrl=f"{consent.AUTHORIZE}?tenant=7"))

    assert started["authorizationUrl"].startswith(f"{consent.AUTHORIZE}?tenant=7&")


def test_client_of_a_tenants_own_comes_back_to_an_address_of_its_own(hub: Hub) -> None:
    """Or an authorization server that a tenant chose could be brought the code of another one."""
    own, operators = begin(hub, custom(hub)), begin(hub, enabled(hub))

    paths = [consent.path_of(each["authorizationUrl"]) for each in (own, operators)]
    assert paths == [consent.CUSTOM_CALLBACK, consent.CALLBACK]


def test_page_of_the_tenants_own_can_take_the_code(hub: Hub) -> None:
    consent.allow(hub, APP)
    integration_id = enabled(hub)

    made = hub.post(f"/api/v1/integrations/{integration_id}/oauth/authorize", {"redirectUri": f"{APP}/connected"})

    assert made.status == 200
    assert made.body.keys() == {"authorizationUrl", "state"}
    assert query_of(made.body["authorizationUrl"])["redirect_uri"] == f"{APP}/connected"


def test_start_is_audited_without_its_state(hub: Hub) -> None:
    integration_id = enabled(hub)

    started = begin(hub, integration_id)

    entry = hub.audit_entries()[-1]
    assert (entry["action"], entry["target"]) == ("oauth.started", integration_id)
    assert started["state"] not in repr(entry)


def test_repeated_start_is_a_new_flow_and_nothing_of_the_first_is_kept(hub: Hub) -> None:
    integration_id, headers = enabled(hub), {"idempotency-key": "once"}

    first, second = (begin(hub, integration_id, headers=headers) for _ in range(2))

    assert first["state"] != second["state"]


# ---------------------------------------------------------------- for whom


def test_user_connects_an_integration_that_has_a_connection_for_each_user(hub: Hub) -> None:
    integration_id = enabled(hub, userScoped=True)

    made = hub.post(f"/api/user/integrations/{integration_id}/connect/oauth", {}, **USER)

    assert made.status == 200


def test_user_cannot_connect_what_is_the_whole_tenants(hub: Hub) -> None:
    integration_id = enabled(hub)

    made = [
        hub.post(f"/api/user/integrations/{integration_id}/connect/oauth", {}, **USER),
        hub.post(f"/api/v1/integrations/{integration_id}/oauth/authorize", {}, **USER),
        hub.post(f"/api/tenant/integrations/{integration_id}/connect/oauth", {}, **USER),
    ]

    assert [each.status for each in made] == [409, 403, 403]


def test_integration_of_another_user_is_not_there(hub: Hub) -> None:
    integration_id = enabled(hub, owner="user:somebody")
    path = f"/api/user/integrations/{integration_id}/connect/oauth"

    missing = hub.post(path.replace(integration_id, "int_none"), {})
    found = hub.post(path, {})

    assert found.status == 404
    assert {**found.body["error"], "requestId": ""} == {**missing.body["error"], "requestId": ""}


@pytest.mark.parametrize("path", ["tenant/integrations/{}/connect/oauth", "v1/integrations/{}/oauth/authorize"])
def test_foreign_integration_and_a_missing_one_answer_the_same(hub: Hub, other_hub: Hub, path: str) -> None:
    foreign = other_hub.post("/api/" + path.format(enabled(hub)), {})
    missing = other_hub.post("/api/" + path.format("int_missing"), {})

    assert foreign.status == 404
    assert {**foreign.body["error"], "requestId": ""} == {**missing.body["error"], "requestId": ""}


# ---------------------------------------------------------------- what cannot be begun


def test_provider_without_an_oauth_client_says_what_the_operator_must_do(hub: Hub) -> None:
    integration_id = enabled(hub, settings={"idUrl": "https://another.example.net"})

    refused = hub.post(f"/api/tenant/integrations/{integration_id}/connect/oauth", {})

    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert "oauthConfig.clientId" in refused.body["error"]["message"]
    assert f"/api/admin/integrations/crm/{consent.CRM}" in refused.body["error"]["message"]


def test_custom_integration_without_a_consent_page_says_what_its_definition_needs(hub: Hub) -> None:
    refused = hub.post(f"/api/tenant/integrations/{create(hub)}/connect/oauth", {})

    assert refused.status == 409
    assert "authorization_code" in refused.body["error"]["message"]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "https://user@id.example.com/a", "//evil"])
def test_consent_page_can_only_be_a_plain_address(hub: Hub, url: str) -> None:
    integration_id = enabled(hub, settings={"idUrl": url})

    refused = hub.post(f"/api/tenant/integrations/{integration_id}/connect/oauth", {})

    assert refused.status in (400, 409)


@pytest.mark.parametrize("body", [{"returnUrl": 7}, {"returnUrl": "x" * 3000}, {"return": APP}, []])
def test_bad_body_is_refused(hub: Hub, body: Json) -> None:
    assert hub.post(f"/api/tenant/integrations/{enabled(hub)}/connect/oauth", body).status == 400
