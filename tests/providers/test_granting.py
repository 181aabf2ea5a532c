"""The whole of OAuth with every provider: consent, code, tokens, refresh, revocation, against their own servers."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from hub.connector.auth_config import OAuth2Auth
from hub.connector.revocations import Held, check_revoked, revocation_call
from hub.connector.secrets import CLIENT_SECRET as CLIENT_SECRET_PLACE
from hub.connector.token_requests import Code, Grant, code_call, read_grant, token_call
from hub.core.errors import Refused, Retryable
from hub.integrations.connections import reasons
from hub.outbound.calls import Call
from tests.providers.connecting import Account, connected
from tests.providers.fakes.authority import CLIENT_SECRET, REDIRECT_URI, Authority, challenge
from tests.providers.shapes import SHAPES, Shape

VERIFIER = "v" * 64
SECRETS = {CLIENT_SECRET_PLACE: CLIENT_SECRET}
# No revocation: Microsoft has none.
REVOCABLE = frozenset({"salesforce", "hubspot", "zoho-crm", "google-drive", "google", "dropbox", "slack"})
GRANTED = [shape for shape in SHAPES if shape.is_granted]
each = pytest.mark.parametrize("shape", GRANTED, ids=lambda shape: shape.slug)


@dataclass(frozen=True)
class Consent:
    """One who agrees, and the hub that asks."""

    account: Account

    @property
    def auth(self) -> OAuth2Auth:
        assert isinstance(self.account.definition.auth, OAuth2Auth)
        return self.account.definition.auth

    @property
    def authority(self) -> Authority:
        assert self.account.fake.authority is not None
        return self.account.fake.authority

    def code(self) -> str:
        auth = self.auth
        scope = auth.scope_separator.join((auth.scope or "").replace(",", " ").split())
        params = {
            **auth.authorization_params,
            "response_type": "code",
            "client_id": auth.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": scope,
            "state": "s",
            "code_challenge": challenge(VERIFIER),
            "code_challenge_method": "S256",
        }
        answer = httpx.get(f"{auth.authorization_url}?{urlencode(params)}")
        assert answer.status_code == 302, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    def granted(self, code: str, verifier: str = VERIFIER) -> Grant:
        return self._asked(code_call(self.auth, SECRETS, Code(code, verifier, REDIRECT_URI)))

    def refreshed(self, refresh_token: str, client_secret: str = CLIENT_SECRET) -> Grant:
        return self._asked(token_call(self.auth, {CLIENT_SECRET_PLACE: client_secret}, refresh_token))

    def revoke(self, grant: Grant) -> None:
        call = revocation_call(self.auth, SECRETS, Held(grant.access_token, grant.refresh_token))
        assert call is not None
        check_revoked(self.account.means.client.send(call, timeout_s=5))

    def _asked(self, call: Call) -> Grant:
        return read_grant(self.auth, self.account.means.client.send(call, timeout_s=5), [CLIENT_SECRET])


@each
def test_code_becomes_tokens_that_can_be_renewed(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(1)) as account:
        consent = Consent(account)
        first = consent.granted(consent.code())
        second = consent.refreshed(first.refresh_token) if first.refresh_token else first

    # Slack's tokens do not expire where rotation is off.
    assert (first.refresh_token is None) is (shape.slug == "slack")
    assert (second.access_token != first.access_token) is (shape.slug != "slack")


@each
def test_everything_the_server_says_of_the_account_is_kept(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(1)) as account:
        consent = Consent(account)
        wanted = consent.auth.token_fields.fields if consent.auth.token_fields else {}
        grant = consent.granted(consent.code())

    assert set(grant.fields) == set(wanted)


@each
def test_wrong_verifier_and_used_code_are_refused(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(1)) as account:
        consent = Consent(account)
        code, other = consent.code(), consent.code()
        consent.granted(code)
        with pytest.raises(Refused):
            consent.granted(code)
        with pytest.raises(Refused):
            consent.granted(other, "w" * 64)


@each
def test_grant_that_is_over_is_refused_and_an_outage_is_not(shape: Shape) -> None:
    """The one ends the connection, the other does not: they must never be confused."""
    with connected(shape.connecting, shape.fake(1)) as account:
        consent = Consent(account)
        _, refresh_token = consent.authority.give("api")
        consent.authority.outage = 1
        with pytest.raises(Retryable) as outage:
            consent.refreshed(refresh_token)
        consent.authority.withdraw()
        with pytest.raises(Refused) as over:
            consent.refreshed(refresh_token)

    assert reasons.of_token_failure(outage.value) == reasons.PROVIDER_UNAVAILABLE
    assert reasons.of_token_failure(over.value) == reasons.INVALID_GRANT


@each
def test_wrong_client_is_told_from_a_grant_that_is_over(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(1)) as account:
        consent = Consent(account)
        _, refresh_token = consent.authority.give("api")
        with pytest.raises(Refused) as caught:
            consent.refreshed(refresh_token, client_secret="another")

    assert reasons.of_token_failure(caught.value) == reasons.CLIENT_MISCONFIGURED


@each
def test_disconnecting_revokes_at_the_provider(shape: Shape) -> None:
    with connected(shape.connecting, shape.fake(1)) as account:
        consent = Consent(account)
        grant = consent.granted(consent.code())
        if shape.slug not in REVOCABLE:
            assert consent.auth.revocation_url is None
            return
        consent.revoke(grant)

    assert consent.authority.grant_of(grant.access_token) is None
