"""The record of an integration's access token: what is in it, and the conditional writes that keep it whole.

One item of the credentials table: `version`; the sealed `fields` accessToken and refreshToken; for what they were
fetched (`basis`, `chain`, `since`); when to renew; a lease (`leaseOwner`, `leaseUntilS`) and the last `failure`.
The protocol stands in `tokens`.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import inf
from typing import Any

from hub.connector.auth_config import OAuth2Auth
from hub.connector.authenticate import ACCESS_TOKEN
from hub.connector.token_requests import CLIENT_SECRET, REFRESH_TOKEN, Grant, epoch_of
from hub.connector.urls import origin
from hub.core import clock, logs
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.expressions import setting
from hub.core.tables import CALL_FAILED, ConditionFailed, Contended, Key
from hub.core.vault import Secrets, SecretUnreadable, Vault

LEASE_S = 30.0
# Of a token whose server does not say it: RFC 6749 leaves it open, an hour is what most give.
LIFETIME_S = 3600.0
MARGIN_S, MARGIN_PART = 15 * 60.0, 0.2
# Before each further try to write a token that was fetched; they fit into the lease behind the HTTP deadline.
KEEP_AGAIN_S = (0.1, 0.3, 1.0, 2.0)
FREE_OR_OURS = "attribute_not_exists(leaseUntilS) OR leaseUntilS < :now OR leaseOwner = :me"

Seal = Callable[[Mapping[str, str]], Item]


class LeaseLost(Exception):
    """Another worker took over the record meanwhile; nothing was written."""


@dataclass(frozen=True)
class Basis:
    """For what tokens are fetched: all that decides it is in `mark`; a refresh token stands as long as its `chain`.

    `since` is the version of the stored secrets: of two chains the one with the higher is the newer.
    """

    mark: str
    chain: str
    since: int

    @classmethod
    def of(cls, auth: OAuth2Auth, secrets: Secrets) -> "Basis":
        entered = {place: secrets.versions.get(place) for place in (CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN)}
        told = auth.model_dump(mode="json", exclude={"client_secret", "access_token", "refresh_token"})
        chain = [origin(auth.token_url), auth.client_id, entered[REFRESH_TOKEN]]
        return cls(_digest([told, entered]), _digest(chain), secrets.version)


@dataclass(frozen=True)
class Failure:
    """Why the last try got no token; before `until_s` there is no other one. `count` is that of tries in a row."""

    message: str
    is_final: bool
    count: int
    until_s: float
    mark: str


@dataclass(frozen=True, repr=False)
class Tokens:
    """The tokens as they stand; those of version 0 were entered by the user. Times are epoch seconds."""

    version: int
    access_token: str | None
    refresh_token: str | None
    renew_from_s: float
    ends_s: float
    failure: Failure | None = None
    lease_until_s: float = 0.0
    is_superseded: bool = False

    def is_fresh(self, now_s: float, rejected: str | None) -> bool:
        return self.is_usable(now_s, rejected) and now_s < self.renew_from_s

    def is_usable(self, now_s: float, rejected: str | None) -> bool:
        return self.access_token is not None and self.access_token != rejected and now_s < self.ends_s


class TokenRecord:
    """One integration's record, as it counts for one `basis`."""

    def __init__(self, vault: Vault, place: Key, basis: Basis, entered: Tokens) -> None:
        self._table, self._vault, self._place = vault.credentials, vault, place
        self._basis, self._entered = basis, entered

    def read(self) -> Tokens:
        """Return the tokens as last written."""
        return self._tokens(self._table.get(self._place) or {})

    def claim(self, owner: str) -> Tokens | None:
        """Take the lease and return the tokens as they are from then on; None while another one holds it."""
        now = clock.epoch_s()
        values = {"me": owner, "now": now, "until": now + LEASE_S, "zero": 0}
        change = "SET leaseOwner = :me, leaseUntilS = :until, version = if_not_exists(version, :zero)"
        try:
            return self._tokens(self._table.update(self._place, change, values, FREE_OR_OURS))
        except (ConditionFailed, Contended):
            return None

    def sealer(self, tokens: Tokens) -> Seal:
        """Return what seals the tokens that follow these; made before they are asked for, since it can fail."""
        return self._vault.sealer(self._place, tokens.version + 1)

    def keep(
        self, owner: str, former: Tokens, granted: Tokens, seal: Seal, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Write what was granted and give the lease back; raises LeaseLost.

        A refresh token that was used and whose successor is not written is a lost grant: this does not give up easily.
        """
        values = {**self._facts(granted), **seal(_clear(granted)), "storedBy": owner}
        sets, new = setting(values)
        change = f"{sets} REMOVE leaseOwner, leaseUntilS, failure"
        held = {"me": owner, "version_read": former.version}
        for delay_s in (*KEEP_AGAIN_S, None):
            try:
                self._table.update(self._place, change, new | held, "leaseOwner = :me AND version = :version_read")
                return
            except ConditionFailed as refused:
                if (refused.found or {}).get("storedBy") != owner:  # else only the answer to our own write was lost
                    raise LeaseLost from None
                return
            except CALL_FAILED:
                if delay_s is None:
                    raise
                sleep(delay_s)

    def fail(self, owner: str, failure: Failure) -> None:
        """Write why there is no token and give the lease back, if it is still ours."""
        self._give_back(owner, "SET failure = :failure REMOVE leaseOwner, leaseUntilS", {"failure": asdict(failure)})

    def release(self, owner: str) -> None:
        self._give_back(owner, "REMOVE leaseOwner, leaseUntilS", {})

    def _give_back(self, owner: str, change: str, values: Mapping[str, Any]) -> None:
        try:
            self._table.update(self._place, change, {**values, "me": owner}, "leaseOwner = :me")
        except (ConditionFailed, Contended):
            return  # it ends by itself

    def _facts(self, granted: Tokens) -> dict[str, Any]:
        return {
            "version": granted.version,
            "basis": self._basis.mark,
            "chain": self._basis.chain,
            "since": self._basis.since,
            "renewFromS": granted.renew_from_s,
            "endsS": granted.ends_s,
            "updatedAt": clock.now(),
        }

    def _tokens(self, item: Item) -> Tokens:
        """Return what of the record counts for this basis; the tokens that the user entered fill the gaps."""
        has_chain, is_ours = item.get("chain") == self._basis.chain, item.get("basis") == self._basis.mark
        clear = self._clear(item) if has_chain else Secrets()
        failure = Failure(**item["failure"]) if "failure" in item else None
        entered = self._entered
        return Tokens(
            version=item.get("version", 0),
            access_token=clear.get("accessToken") if is_ours else entered.access_token,
            refresh_token=clear.get("refreshToken", entered.refresh_token),
            renew_from_s=item["renewFromS"] if is_ours else entered.renew_from_s,
            ends_s=item["endsS"] if is_ours else entered.ends_s,
            failure=failure if failure and failure.mark == self._basis.mark else None,
            lease_until_s=item.get("leaseUntilS", 0.0),
            is_superseded=not has_chain and item.get("since", 0) > self._basis.since,
        )

    def _clear(self, item: Item) -> Secrets:
        try:
            return self._vault.opened(item)
        except SecretUnreadable as error:  # to be fetched anew, with what the user entered
            logs.failure("token.unreadable", error, tenant=Tenant.of_item(item).id, integration_id=item["sk"])
            return Secrets()


def entered_tokens(auth: OAuth2Auth, secrets: Mapping[str, str]) -> Tokens:
    """Return the tokens that the user entered; an access token without a time is used until it is refused."""
    ends_s = epoch_of(auth.expires_at) if auth.expires_at else None
    until_s = inf if ends_s is None else ends_s
    renews = auth.grant_type != "client_credentials"
    return Tokens(
        version=0,
        access_token=secrets.get(ACCESS_TOKEN),
        refresh_token=secrets.get(REFRESH_TOKEN) if renews else None,
        renew_from_s=until_s - MARGIN_S,
        ends_s=until_s,
    )


def granted_tokens(former: Tokens, grant: Grant, asked_at_s: float, keeps_refreshing: bool) -> Tokens:
    """Return the tokens that follow `former`; without a new refresh token the present one stays (RFC 6749, 6)."""
    lifetime_s = grant.expires_in_s or LIFETIME_S
    ends_s = asked_at_s + lifetime_s
    return Tokens(
        version=former.version + 1,
        access_token=grant.access_token,
        refresh_token=(grant.refresh_token or former.refresh_token) if keeps_refreshing else None,
        renew_from_s=ends_s - min(MARGIN_S, MARGIN_PART * lifetime_s),
        ends_s=ends_s,
    )


def _clear(tokens: Tokens) -> dict[str, str]:
    found = {"accessToken": tokens.access_token, "refreshToken": tokens.refresh_token}
    return {name: token for name, token in found.items() if token is not None}


def _digest(facts: Any) -> str:
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
