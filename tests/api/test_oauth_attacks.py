"""What somebody hostile sends to the OAuth routes; each attack beside the same step done rightly."""

import json
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import pytest

from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import Update, key
from hub.integrations.oauth import one_time, return_urls
from hub.integrations.oauth.finish import REFUSED
from tests.api import consent
from tests.api.conftest import Hub, Reply, StoppedClock, just_before, make_integration
from tests.api.consent import APP, AuthorizationServer, begin, come_back, custom, enabled

ALLOWED = (APP, "https://app.example.com:8443", "http://localhost:3000", "http://[::1]:3000")
GOOD = [
    APP,
    f"{APP}/",
    f"{APP}/a/b?c=d#e",
    "https://APP.example.com/x",
    "https://app.example.com:443/x",
    "https://app.example.com:8443/",
    "http://localhost:3000/cb",
    "http://[::1]:3000/cb",
    f"{APP}//evil.example.net/x",
    f"{APP}/?next=https://evil.example.net",
    f"{APP}/@evil.example.net",
    f"{APP}?x=1",
    f"{APP}#/route",
    "http://hub.test/dashboard",
]
HOSTILE = [
    "",
    " ",
    "/",
    "/dashboard",
    "dashboard",
    "//evil.example.net",
    "///evil.example.net",
    "////app.example.com",
    "\\\\evil.example.net",
    "/\\evil.example.net",
    "https:/app.example.com",
    "https:app.example.com",
    "https:///app.example.com",
    "https://",
    "https://evil.example.net",
    "https://evil.example.net/?https://app.example.com",
    "https://evil.example.net#https://app.example.com",
    "https://evil.example.net/https://app.example.com",
    "https://app.example.com.evil.example.net",
    "https://app.example.comevil.example.net",
    "https://evilapp.example.com",
    "https://sub.app.example.com",
    "https://example.com",
    "https://app.example.co",
    "https://app.example.com@evil.example.net",
    "https://app.example.com:443@evil.example.net",
    "https://evil.example.net@app.example.com",
    "https://user:pass@app.example.com",
    "https://@app.example.com",
    "https://app.example.com\\@evil.example.net",
    "https://app.example.com\\.evil.example.net",
    "https://evil.example.net\\app.example.com",
    "https://app.example.com/\\evil.example.net",
    "https://app.example.com%2eevil.example.net",
    "https://app.example.com%00.evil.example.net",
    "https://app.example.com%40evil.example.net",
    "https://app%2eexample%2ecom",
    "https://app.example.com./",
    "https://app..example.com/",
    "https://app.example.com:8444/",
    "https://app.example.com:80/",
    "https://app.example.com:0443/",
    "https://app.example.com:/",
    "https://app.example.com:x/",
    "https://app.example.com:443443/",
    "https://app.example.com:-443/",
    "http://app.example.com",
    "http://app.example.com:443/",
    "HTTPS://app.example.com/",
    "ftp://app.example.com/",
    "javascript:alert(1)",
    "javascript://app.example.com/%0aalert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://app.example.com/x",
    "about:blank",
    "https://app.example.com\t.evil.example.net",
    "https://app.example.com\n.evil.example.net",
    "https://app.example.com\r\nSet-Cookie: a=b",
    "https://app.example.com/\r\nLocation: https://evil.example.net",
    "https://app.example.com/\x00",
    "https://app.example.com/\x7f",
    "\thttps://app.example.com",
    " https://app.example.com",
    "https://app.example.com ",
    "https://app.example.com/a b",
    "https://app.example.com\u3002evil.example.net",
    "https://app\uff0eexample\uff0ecom",
    "https://\uff41pp.example.com",
    "https://app.example.com\uff0fevil.example.net",
    "https://app.example.com\u2044evil.example.net",
    "https://app.example.com/\u2028",
    "https://app.exam\u00adple.com",
    "https://xn--pp-9ma.example.com",
    "https://[::1]/",
    "https://[app.example.com]/",
    "https://[::ffff:7f00:1]:3000/",
    "http://localhost:3001/",
    "http://127.0.0.1:3000/",
    "http://2130706433:3000/",
    "http://0x7f.1:3000/",
    "http://localhost.:3000/",
    "https://app.example.com<script>",
    "https://app.example.com;evil.example.net",
    "https://app.example.com,evil.example.net",
    "https://app.example.com&evil.example.net",
    "https://" + "a" * 3000,
]
FLOW = "/api/v1/integrations/{}/oauth/callback"


def is_refusal(answer: Reply) -> bool:
    """Say whether this is the refusal that every flow gets, whatever is wrong with it."""
    return (answer.status, answer.code, answer.body["error"]["message"]) == (400, "VALIDATION_ERROR", REFUSED)


# ---------------------------------------------------------------- open redirects


def test_hostile_urls_are_many() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) > 60


@pytest.mark.parametrize("place", ["returnUrl", "redirectUri"])
def test_browser_is_sent_to_no_hostile_address(
    hub: Hub, oauth: AuthorizationServer, stopped_clock: StoppedClock, place: str
) -> None:
    consent.allow(hub, *ALLOWED)
    path = f"/api/v1/integrations/{enabled(hub)}/oauth/authorize"

    def status(url: str) -> int:
        stopped_clock.advance(2)  # the limit is 50 a minute
        return hub.post(path, {place: url}).status

    good, bad = ({url: status(url) for url in urls} for urls in (GOOD, HOSTILE))

    assert {url for url, found in good.items() if found != 200} == set()
    assert {url for url, found in bad.items() if found != 400} == set()
    assert oauth.calls == []


@pytest.mark.parametrize("url", HOSTILE[:40:4], ids=range(10))
def test_every_route_that_takes_a_return_address_checks_it(hub: Hub, oauth: AuthorizationServer, url: str) -> None:
    consent.allow(hub, APP)
    integration_id = enabled(hub)
    assert consent.connect(hub, oauth, integration_id).status == 302
    made = consent.connection(hub, integration_id)
    assert made is not None
    routes = [
        f"/api/tenant/integrations/{integration_id}/connect/oauth",
        "/integrations/oauth/google/link",
        f"/api/v1/connections/{made['sk']}/reconnect-link",
    ]

    for route in routes:
        assert hub.post(route, {"returnUrl": url}).status == 400
        assert hub.post(route, {"returnUrl": APP}).status in (200, 201)


def test_refused_address_is_told_which_are_allowed(hub: Hub, oauth: AuthorizationServer) -> None:  # noqa: ARG001
    consent.allow(hub, APP)

    refused = hub.post(
        f"/api/tenant/integrations/{enabled(hub)}/connect/oauth", {"returnUrl": "https://evil.example.net/"}
    )

    assert refused.code == "VALIDATION_ERROR"
    assert refused.body["error"]["details"]["allowedOrigins"] == ["http://hub.test", APP]
    assert "evil" not in repr(refused.body)


def test_address_of_another_tenant_is_not_allowed(hub: Hub, other_hub: Hub, oauth: AuthorizationServer) -> None:  # noqa: ARG001
    consent.allow(hub, APP)

    own = hub.post(f"/api/tenant/integrations/{enabled(hub)}/connect/oauth", {"returnUrl": APP})
    other = other_hub.post(f"/api/tenant/integrations/{enabled(other_hub)}/connect/oauth", {"returnUrl": APP})

    assert (own.status, other.status) == (200, 400)


def test_what_the_hub_says_in_a_return_address_nobody_else_says_there(hub: Hub, oauth: AuthorizationServer) -> None:
    consent.allow(hub, APP)
    integration_id = enabled(hub)
    oauth.answers = [consent.answered({"error": "invalid_grant"}, 400)]
    lying = f"{APP}/?status=connected&%73tatus=connected&integrationId=int_x&kept=1"

    back = consent.connect(hub, oauth, integration_id, lying)

    query = parse_qsl(urlsplit(back.headers["Location"]).query)
    assert query == [("kept", "1"), ("error", "invalid_grant"), ("integrationId", integration_id)]


# ---------------------------------------------------------------- states


def test_state_finishes_one_flow_and_never_another(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = enabled(hub)
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])

    first, second = (come_back(hub, consent.CALLBACK, brought) for _ in range(2))

    assert first.status == 302
    assert is_refusal(second)
    assert consent.refusals(hub) == [(integration_id, "used")]
    assert len(oauth.asked) == 1


def test_two_that_finish_at_once_with_one_state_connect_once(hub: Hub, oauth: AuthorizationServer) -> None:
    integration_id = custom(hub)

    answers = finished_together(hub, oauth.consent(begin(hub, integration_id)["authorizationUrl"]))

    assert sorted(answer.status for answer in answers) == [302, 400]
    assert len(oauth.asked) == 1
    assert consent.refusals(hub) == [(integration_id, "used")]


def test_two_that_finish_at_once_would_both_do_so_without_the_condition(
    hub: Hub, oauth: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_time, "_FREE_OR_OURS", "attribute_exists(pk)")

    finished_together(hub, oauth.consent(begin(hub, custom(hub))["authorizationUrl"]))

    assert len(oauth.asked) == 2


def finished_together(hub: Hub, brought: dict[str, str]) -> list[Reply]:
    """Let a second browser finish between the first one's look at the state and its claim."""
    answers: list[Reply] = []
    with just_before("UpdateItem", lambda: answers.append(come_back(hub, consent.CUSTOM_CALLBACK, brought))):
        answers.append(come_back(hub, consent.CUSTOM_CALLBACK, brought))
    return answers


def test_state_counts_for_ten_minutes(hub: Hub, oauth: AuthorizationServer, stopped_clock: StoppedClock) -> None:
    in_time, late = (enabled(hub) for _ in range(2))
    brought = [oauth.consent(begin(hub, each)["authorizationUrl"]) for each in (in_time, late)]

    stopped_clock.advance(599)
    first = come_back(hub, consent.CALLBACK, brought[0])
    stopped_clock.advance(1)
    second = come_back(hub, consent.CALLBACK, brought[1])

    assert first.status == 302
    assert is_refusal(second)
    assert consent.refusals(hub) == [(late, "expired")]


@pytest.mark.parametrize("state", ["", "x", "A" * 43, "A" * 44, "../" * 14, "ä" * 43, "A" * 5000, "\x00" * 43])
def test_guessed_state_is_refused(hub: Hub, oauth: AuthorizationServer, state: str) -> None:
    answer = come_back(hub, consent.CALLBACK, {"state": state, "code": "code"})

    assert is_refusal(answer)
    assert oauth.calls == []


def test_state_without_any_parameter_is_refused(hub: Hub, oauth: AuthorizationServer) -> None:
    assert is_refusal(come_back(hub, consent.CALLBACK, {}))
    assert oauth.calls == []


def test_state_comes_back_to_its_own_address_alone(hub: Hub, oauth: AuthorizationServer) -> None:
    """A code of another authorization server is brought to the address that one knows."""
    integration_id = enabled(hub)
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])

    for path in (consent.CUSTOM_CALLBACK, "/integrations/oauth/google/callback"):
        assert is_refusal(come_back(hub, path, brought))
    assert come_back(hub, consent.CALLBACK, brought).status == 302

    assert consent.refusals(hub) == [(integration_id, "foreign")] * 2


def test_state_is_no_use_to_another_user_tenant_or_integration(
    hub: Hub, other_hub: Hub, oauth: AuthorizationServer
) -> None:
    integration_id, other_id = enabled(hub), enabled(hub)
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])
    own = FLOW.format(integration_id)
    somebody = {"tenant": hub.tenant, "user": "u2", "roles": "tenant_admin", "scopes": "", "keyId": ""}
    program = {"tenant": hub.tenant, "user": "u1", "roles": "", "scopes": "integrations:write", "keyId": "k1"}

    refused = [
        hub.post(own, brought, context=somebody),
        hub.post(own, brought, context=program),
        hub.post(FLOW.format(other_id), brought),
        other_hub.post(own, brought),
    ]
    good = hub.post(own, brought)

    assert [is_refusal(answer) for answer in refused] == [True] * 4
    assert good.status == 200
    assert len(oauth.asked) == 1
    assert consent.refusals(hub) == [(integration_id, "foreign")] * 3
    assert consent.refusals(other_hub) == [(integration_id, "foreign")]


def test_refusals_of_every_kind_look_the_same(
    hub: Hub, other_hub: Hub, oauth: AuthorizationServer, stopped_clock: StoppedClock
) -> None:
    integration_id = enabled(hub)
    used, old = (oauth.consent(begin(hub, integration_id)["authorizationUrl"]) for _ in range(2))
    path = FLOW.format(integration_id)
    hub.post(path, used)

    answers = [hub.post(path, used), other_hub.post(path, old), hub.post(path, {"state": "A" * 43, "code": "c"})]
    stopped_clock.advance(600)
    answers.append(hub.post(path, old))

    bodies = {json.dumps({**answer.body["error"], "requestId": ""}) for answer in answers}
    assert len(bodies) == 1


# ---------------------------------------------------------------- codes


def test_code_of_another_flow_is_not_exchanged_for_its_tokens(hub: Hub, oauth: AuthorizationServer) -> None:
    """Whoever finds a code has no verifier for it: that of their own flow is another one."""
    victims, attackers = enabled(hub, userScoped=True), enabled(hub)
    stolen = oauth.consent(begin(hub, victims)["authorizationUrl"])["code"]
    own = oauth.consent(begin(hub, attackers)["authorizationUrl"])

    injected = hub.post(FLOW.format(attackers), {"state": own["state"], "code": stolen})

    assert (injected.status, injected.code) == (400, "CONNECTION_FAILED")
    assert consent.refusals(hub) == [(attackers, "invalid_grant")]
    assert consent.connection(hub, attackers) is None


@pytest.mark.parametrize("code", ["", "x" * 4097, None])
def test_flow_without_a_usable_code_is_over(hub: Hub, oauth: AuthorizationServer, code: str | None) -> None:
    integration_id = enabled(hub)
    state = begin(hub, integration_id)["state"]

    back = come_back(hub, consent.CALLBACK, {"state": state} | ({} if code is None else {"code": code}))

    assert "error=no_code" in back.headers["Location"]
    assert consent.refusals(hub) == [(integration_id, "no_code")]
    assert oauth.calls == []


WEAKENING = [
    *(("authorizationParams", name) for name in "code_challenge code_challenge_method state redirect_uri".split()),
    *(("authorizationParams", name) for name in "response_type client_id scope request request_uri".split()),
    *(("tokenParams", name) for name in "code_verifier code redirect_uri grant_type client_id".split()),
]


@pytest.mark.parametrize(("place", "name"), WEAKENING)
def test_definition_cannot_say_what_the_hub_says_itself(hub: Hub, place: str, name: str) -> None:
    auth = {**consent.AUTH, **consent.OWN_CLIENT}

    refused, taken = (
        hub.post("/api/v1/custom-integrations", make_integration(auth={**auth, place: {word: "plain"}}))
        for word in (name, "audience")
    )

    assert (refused.status, taken.status) == (400, 201)
    assert refused.body["error"]["details"]["problems"][0]["pointer"] == f"/auth/{place}/{name}"


def test_downgraded_challenge_in_the_browser_gets_no_tokens(hub: Hub, oauth: AuthorizationServer) -> None:
    """Who alters the address on its way to the provider gets a code that the hub's verifier does not fit."""
    integration_id = enabled(hub)
    url = urlsplit(begin(hub, integration_id)["authorizationUrl"])
    query = {**dict(parse_qsl(url.query)), "code_challenge": "attackers", "code_challenge_method": "plain"}
    brought = oauth.consent(urlunsplit(url._replace(query=urlencode(query, quote_via=quote))))

    back = come_back(hub, consent.CALLBACK, brought)

    assert "error=invalid_grant" in back.headers["Location"]
    assert consent.connection(hub, integration_id) is None


# ---------------------------------------------------------------- the operator's client


def test_secret_of_the_operators_client_goes_to_no_address_of_a_tenants_choice(
    hub: Hub, oauth: AuthorizationServer
) -> None:
    moved = enabled(hub, settings={"idUrl": "https://evil.example.net"})
    integration_id = enabled(hub)

    refused = hub.post(f"/api/tenant/integrations/{moved}/connect/oauth", {})
    connected = consent.connect(hub, oauth, integration_id)

    assert (refused.status, connected.status) == (409, 302)
    assert [call.url for call in oauth.calls] == [consent.TOKEN]


@pytest.mark.parametrize("at", ["http://hub.test", APP], ids=["hub", "app"])
@pytest.mark.parametrize("path", [consent.CALLBACK, "/integrations/oauth/google/callback"])
def test_code_that_the_operators_client_asked_for_comes_to_no_flow_of_a_tenants_own_client(
    hub: Hub, oauth: AuthorizationServer, at: str, path: str
) -> None:
    """RFC 9700, 4.4: who chose the token server of a flow must not be brought what another server gave."""
    consent.allow(hub, APP)
    asked, defined = custom(hub), custom(hub, redirectUri=f"{at}{path}")

    by_request = hub.post(f"/api/v1/integrations/{asked}/oauth/authorize", {"redirectUri": f"{at}{path}"})
    by_definition = hub.post(f"/api/tenant/integrations/{defined}/connect/oauth", {})
    own = {"redirectUri": f"http://hub.test{consent.CUSTOM_CALLBACK}"}
    rightly = hub.post(f"/api/v1/integrations/{asked}/oauth/authorize", own)

    assert (by_request.status, by_definition.status, rightly.status) == (400, 400, 200)
    assert oauth.calls == []


def test_definition_sends_no_code_to_an_address_that_is_not_allowed(hub: Hub, oauth: AuthorizationServer) -> None:  # noqa: ARG001
    consent.allow(hub, APP)
    evil, good = custom(hub, redirectUri="https://evil.example.net/x"), custom(hub, redirectUri=f"{APP}/x")

    statuses = [hub.post(f"/api/tenant/integrations/{each}/connect/oauth", {}).status for each in (evil, good)]

    assert statuses == [400, 200]


def test_address_that_is_changed_during_the_flow_gets_neither_code_nor_secret(
    hub: Hub, oauth: AuthorizationServer
) -> None:
    integration_id = enabled(hub)
    brought = oauth.consent(begin(hub, integration_id)["authorizationUrl"])
    tables = resources().tables
    place = key(Tenant(hub.tenant), "integration", integration_id)
    evil = json.dumps({"idUrl": "https://evil.example.net"})
    tables.write(Update(tables.config, place, "SET settings = :evil", {"evil": evil}))

    back = come_back(hub, consent.CALLBACK, brought)

    assert "error=changed" in back.headers["Location"]
    assert oauth.calls == []


@pytest.mark.parametrize("place", ["baseUrl", "tokenUrl", "revocationUrl", "endpoint"])
def test_grant_goes_to_no_address_that_it_was_not_given_for(hub: Hub, oauth: AuthorizationServer, place: str) -> None:
    """Also not when the client's secret is entered for the new address: the user has not agreed to that one."""
    evil = "https://evil.example.net/x"
    own = hub.get(f"/api/v1/custom-integrations/{custom(hub)}").body["endpoints"]
    changes: dict[str, dict[str, Any]] = {
        "baseUrl": {"baseUrl": evil},
        "tokenUrl": {"auth": {"tokenUrl": evil}},
        "revocationUrl": {"auth": {"revocationUrl": evil}},
        "endpoint": {"endpoints": [{**own[0], "baseUrl": evil}]},
    }
    moved, kept = custom(hub), custom(hub)
    for integration_id in (moved, kept):
        consent.connect(hub, oauth, integration_id)

    wanted: list[tuple[str, dict[str, Any]]] = [(moved, changes[place]), (kept, {"description": "new"})]
    for integration_id, change in wanted:
        auth = {**change.get("auth", {}), "clientSecret": "canary-secret-entered-again"}
        path = f"/api/v1/custom-integrations/{integration_id}"
        assert hub.call("PATCH", path, {**change, "auth": auth}).status == 200

    assert consent.tokens(hub, moved) == {}
    assert consent.tokens(hub, kept) != {}


# ---------------------------------------------------------------- what is tested here can fail


def test_check_that_only_looks_at_the_beginning_would_let_many_pass() -> None:
    """The control of the list above: what people write instead of a parser."""
    allowed = {return_urls.origin_of(each) for each in ALLOWED}

    assert len([url for url in HOSTILE if url.startswith(APP)]) > 20
    assert [url for url in HOSTILE if return_urls.origin_of(url) in allowed] == []
