"""Access tokens of OAuth 2.0: fetched and renewed by one worker at a time, whatever the number of callers.

The protocol: a lease in the token record, a re-read with the claim, one write that is
conditional on lease and version, the old token as long as it is good, a cool-down after a failure.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import uuid4

from hub.connector.auth_config import OAuth2Auth
from hub.connector.secrets import CLIENT_SECRET
from hub.connector.token_requests import basic_pair, read_grant, token_call
from hub.core import clock, logs
from hub.core.caller import Tenant
from hub.core.errors import BadRequest, HubError, Refused, Retryable, UpstreamError
from hub.core.tables import key
from hub.core.vault import Secrets, Vault
from hub.integrations.connections.reasons import ACCESS_TOKEN_EXPIRED, SECRET_UNREADABLE, of_token_failure
from hub.integrations.custom import TOKENS_KIND
from hub.integrations.token_records import (
    NO_TOKENS,
    Basis,
    Failure,
    LeaseLost,
    TokenRecord,
    Tokens,
    entered_tokens,
    granted_tokens,
)
from hub.outbound.retry import Sender

HTTP_S = 20.0
# What is left of the lease when the request must be over: time to write the answer.
AFTER_HTTP_S = 9.0
WAIT_S = 20.0
FIRST_DELAY_S, DELAY_FACTOR, LONGEST_DELAY_S = 0.05, 1.5, 1.0
# An old token is used while another worker fetches the next; that worker's success is looked for this often.
LOOK_AGAIN_S = 10.0
COOL_DOWN_S, LONGEST_COOL_DOWN_S, LONGEST_ASKED_S = 30.0, 15 * 60.0, 3600.0
MOST_HELD = 512
# Tokens that a run has used and that an answer may still repeat.
MOST_SEEN = 16
ADVICE = {
    "client_credentials": "Check tokenUrl, clientId, clientSecret and scope.",
    "refresh_token": "Check clientId and clientSecret, or enter a new refreshToken.",
    "authorization_code": "Check clientId and clientSecret, or connect the integration again.",
}
RECONNECT = "Connect the integration again."
SUPERSEDED = "The connector was changed meanwhile; start again with its present definition."
STILL_FETCHING = "Another worker has been fetching the access token for too long."


class Told(Protocol):
    """Who is told what becomes of a connection's tokens."""

    def refused(self, reason: str, message: str) -> None:
        """There is no access token, and no try by itself will get one."""
        ...

    def renewed(self, ends_s: float) -> None:
        """A new access token was fetched; it lives until then (epoch seconds)."""
        ...


@dataclass(frozen=True, repr=False)
class Held:
    """A token in clear, in the memory of this process; nothing is read before `look_again_s`."""

    mark: str
    access_token: str
    look_again_s: float


@dataclass(frozen=True)
class TokenStore:
    """What token sources share; `held` keeps tokens in the memory of a process.

    `sleep` waits for another worker that fetches a token, up to `wait_s` in all.
    """

    vault: Vault
    client: Sender
    sleep: Callable[[float], None] = time.sleep
    wait_s: float = WAIT_S
    held: dict[tuple[str, str], Held] = field(default_factory=dict, repr=False)

    def source(self, tenant: Tenant, integration_id: str, auth: OAuth2Auth, secrets: Secrets) -> "Source":
        """Return the tokens of a connector that authenticates by its own definition; nothing is read before one is
        asked for."""
        place = key(tenant, TOKENS_KIND, integration_id)
        record = TokenRecord(self.vault, place, Basis.of(auth, secrets), entered_tokens(auth, secrets))
        return Source(self, record, auth, secrets)

    def granted(
        self, tenant: Tenant, name: str, auth: OAuth2Auth, secrets: Secrets, told: Told | None = None
    ) -> "Source":
        """Return the tokens of a connection, which the record of that name begins with."""
        basis = replace(Basis.of(auth, secrets), is_granted=auth.grant_type != "client_credentials")
        record = TokenRecord(self.vault, key(tenant, TOKENS_KIND, name), basis, NO_TOKENS)
        return Source(self, record, auth, secrets, told)

    def hold(self, place: tuple[str, str], held: Held) -> None:
        if len(self.held) >= MOST_HELD:
            self.held.clear()
        self.held[place] = held


class Source:
    """A `TokenSource`; it and its store may be shared by threads."""

    def __init__(
        self, store: TokenStore, record: TokenRecord, auth: OAuth2Auth, secrets: Secrets, told: Told | None = None
    ) -> None:
        self._store, self._record, self._auth, self._secrets = store, record, auth, secrets
        self._place, self._basis, self._told = record.name, record.basis, told
        self._seen: deque[str] = deque(maxlen=MOST_SEEN)

    def current(self) -> str:
        held = self._store.held.get(self._place)
        if held and held.mark == self._basis.mark and clock.epoch_s() < held.look_again_s:
            self._add_seen(held.access_token)
            return held.access_token
        return self._token(None)

    def renewed(self, rejected: str) -> str:
        return self._token(rejected)

    def known(self) -> frozenset[str]:
        return frozenset(self._seen.copy())  # threads may add to it meanwhile

    def _token(self, rejected: str | None) -> str:
        """Return a token that was not rejected: the present one, or the next as soon as somebody has fetched it."""
        for delay_s in _delays(self._store.wait_s):
            found = self._found_or_fetched(self._record.read(), rejected)
            if found is not None:
                return found
            self._store.sleep(delay_s)
        raise Retryable(STILL_FETCHING, retry_after_s=COOL_DOWN_S)

    def _found_or_fetched(self, tokens: Tokens, rejected: str | None) -> str | None:
        """Return a token; None where there is none yet and another worker is fetching it."""
        self._see(tokens)
        if tokens.is_fresh(clock.epoch_s(), rejected):
            return self._hold(tokens, tokens.renew_from_s)
        if (hindrance := self._hindrance(tokens)) is not None:
            until_s = tokens.failure.until_s if tokens.failure else tokens.ends_s
            return self._old_or_error(tokens, rejected, until_s, hindrance)
        owner = uuid4().hex
        if tokens.lease_until_s < clock.epoch_s() and (claimed := self._record.claim(owner)):
            return self._renew(owner, claimed, rejected)
        usable = tokens.is_usable(clock.epoch_s(), rejected)
        return self._hold(tokens, clock.epoch_s() + LOOK_AGAIN_S) if usable else None

    def _hindrance(self, tokens: Tokens) -> HubError | None:
        """Return why no token may be asked for now."""
        now = clock.epoch_s()
        if tokens.is_superseded:
            return Refused(SUPERSEDED)
        if tokens.failure and now < tokens.failure.until_s:
            return _repeated(tokens.failure, now)
        if tokens.is_unreadable:
            return Refused(f"The stored tokens cannot be decrypted. {RECONNECT}", reason=SECRET_UNREADABLE)
        if self._auth.grant_type != "client_credentials" and tokens.refresh_token is None:
            message = f"The access token is over and there is no refresh token. {self._advice}"
            return Refused(message, reason=ACCESS_TOKEN_EXPIRED)
        return None

    @property
    def _advice(self) -> str:
        return RECONNECT if self._basis.is_granted else ADVICE[self._auth.grant_type]

    def _renew(self, owner: str, tokens: Tokens, rejected: str | None) -> str | None:
        """Fetch the next token under a lease; `tokens` are as the claim found them, which may be another's success."""
        self._see(tokens)
        if tokens.is_fresh(clock.epoch_s(), rejected) or self._hindrance(tokens):
            self._record.release(owner)
            return self._found_or_fetched(tokens, rejected)
        seal = self._record.sealer(tokens)
        try:
            granted = self._fetch(tokens)
        except (UpstreamError, BadRequest) as error:
            return self._failed(owner, tokens, rejected, error)
        self._see(granted)
        try:
            self._record.keep(owner, tokens, granted, seal, self._store.sleep)
        except LeaseLost:
            return self._found_or_fetched(self._record.read(), rejected)
        self._log("token.fetched")
        if self._told:
            self._told.renewed(granted.ends_s)
        return self._hold(granted, granted.renew_from_s)

    def _fetch(self, tokens: Tokens) -> Tokens:
        asked_at_s = clock.epoch_s()
        left_s = tokens.lease_until_s - asked_at_s - AFTER_HTTP_S
        if left_s < 1:
            # Whoever has the lease next would use the same refresh token, and a server may revoke it for that.
            raise Retryable("The worker was held up before it could ask for an access token.", retry_after_s=0.0)
        call = token_call(self._auth, self._secrets, tokens.refresh_token)
        reply = self._store.client.send(call, timeout_s=min(HTTP_S, left_s))
        grant = read_grant(self._auth, reply, self._hidden())
        return granted_tokens(tokens, grant, asked_at_s, self._auth.grant_type != "client_credentials")

    def _failed(self, owner: str, tokens: Tokens, rejected: str | None, error: HubError) -> str | None:
        """Decide what follows a failure: another worker's success, the old token, or the error. Nothing is deleted."""
        latest = self._record.read()
        if latest.version != tokens.version:
            return self._found_or_fetched(latest, rejected)
        failure = _failure(error, tokens.failure, self._basis.mark, self._advice)
        self._record.fail(owner, failure)
        now = clock.epoch_s()
        self._log("token.not_fetched", reason=error.code, retry_after_s=round(failure.until_s - now))
        return self._old_or_error(tokens, rejected, failure.until_s, _repeated(failure, now))

    def _old_or_error(self, tokens: Tokens, rejected: str | None, until_s: float, error: HubError) -> str:
        if tokens.is_usable(clock.epoch_s(), rejected):
            return self._hold(tokens, until_s)
        if self._told and "reason" in error.details:
            self._told.refused(error.details["reason"], error.message)
        raise error

    def _hold(self, tokens: Tokens, look_again_s: float) -> str:
        token = tokens.access_token or ""
        held = Held(self._basis.mark, token, min(look_again_s, tokens.ends_s))
        self._store.hold(self._place, held)
        return token

    def _see(self, tokens: Tokens) -> None:
        for token in (tokens.access_token, tokens.refresh_token):
            self._add_seen(token)

    def _add_seen(self, token: str | None) -> None:
        if token and token not in self._seen:
            self._seen.append(token)

    def _hidden(self) -> list[str]:
        pair = basic_pair(self._auth.client_id, self._secrets.get(CLIENT_SECRET, ""))
        return [pair, *self._secrets.values(), *self._seen]

    def _log(self, event: str, **facts: object) -> None:
        tenant, integration_id = self._place
        logs.info(event, tenant=tenant, integration_id=integration_id, **facts)


def _failure(error: HubError, former: Failure | None, mark: str, advice: str) -> Failure:
    """Return what is written of a failed try: the cool-down doubles from one to the next."""
    count = former.count + 1 if former else 1
    asked_s = min(getattr(error, "retry_after_s", None) or 0.0, LONGEST_ASKED_S)
    wait_s = max(min(COOL_DOWN_S * 2.0 ** min(count - 1, 10), LONGEST_COOL_DOWN_S), asked_s)
    is_final = not error.retryable
    message = f"{error.message.removesuffix('.')}. {advice}" if is_final else error.message
    return Failure(message, is_final, count, clock.epoch_s() + wait_s, mark, of_token_failure(error))


def _repeated(failure: Failure, now_s: float) -> HubError:
    if failure.is_final:
        return Refused(failure.message, **({"reason": failure.reason} if failure.reason else {}))
    return Retryable(failure.message, retry_after_s=max(0.0, failure.until_s - now_s))


def _delays(wait_s: float) -> Iterator[float]:
    """Yield small growing delays, `wait_s` in all."""
    waited_s, delay_s = 0.0, FIRST_DELAY_S
    while waited_s < wait_s:
        yield delay_s
        waited_s += delay_s
        delay_s = min(delay_s * DELAY_FACTOR, LONGEST_DELAY_S)
