"""The record of an access token: what is in it, and the conditional writes that keep it whole.

One item of the credentials table: `version`; the sealed `fields` accessToken and refreshToken; for what they were
fetched (`basis`, `chain`, `since`); when to renew; a lease (`leaseOwner`, `leaseUntilS`) and the last `failure`.
A custom integration has one, of its own id: its definition decides what of it still counts. A connection has one for
each set of its credentials, `{connection id}.{generation}`: it begins with what a person granted or entered, and all
of it counts. The protocol stands in `tokens`.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from math import inf
from typing import Any

from hub.connector.auth_config import OAuth2Auth
from hub.connector.authenticate import ACCESS_TOKEN
from hub.connector.secrets import CLIENT_SECRET, REFRESH_TOKEN
from hub.connector.token_requests import Grant, epoch_of
from hub.connector.urls import origin
from hub.core import clock, logs
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.expressions import setting
from hub.core.tables import CALL_FAILED, ConditionFailed, Contended, Key, Update
from hub.core.vault import Secrets, SecretUnreadable, Vault

LEASE_S = 30.0
# Of a token whose server does not say it: RFC 6749 leaves it open, an hour is what most give.
LIFETIME_S = 3600.0
MARGIN_S, MARGIN_PART = 15 * 60.0, 0.2
# Before each further try to write a token that was fetched; they fit into the lease behind the HTTP deadline.
KEEP_AGAIN_S = (0.1, 0.3, 1.0, 2.0)
# The secrets, which count by when they were entered, and what is only for the browser or for the end of a grant.
NO_PART_OF_THE_GRANT = {
    *("client_secret", "access_token", "refresh_token"),
    *("authorization_params", "scope_separator", "revocation_url", "revocation"),
}
FREE_OR_OURS = "attribute_not_exists(leaseUntilS) OR leaseUntilS < :now OR leaseOwner = :me"

Seal = Callable[[Mapping[str, str]], Item]


class LeaseLost(Exception):
    """Another worker took over the record meanwhile; nothing was written."""


@dataclass(frozen=True)
class Basis:
    """For what tokens are fetched: all that decides it is in `mark`; a refresh token stands as long as its `chain`.

    `since` is the version of the stored secrets: of two chains the one with the higher is the newer. The tokens of a
    connection are what its record holds (`is_granted`): they were not fetched for a definition.
    """

    mark: str
    chain: str
    since: int
    is_granted: bool = False

    @classmethod
    def of(cls, auth: OAuth2Auth, secrets: Secrets) -> "Basis":
        entered = {place: secrets.versions.get(place) for place in (CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN)}
        told = auth.model_dump(mode="json", exclude=NO_PART_OF_THE_GRANT)
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
    reason: str = ""


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
    is_unreadable: bool = False

    def is_fresh(self, now_s: float, rejected: str | None) -> bool:
        return self.is_usable(now_s, rejected) and now_s < self.renew_from_s

    def is_usable(self, now_s: float, rejected: str | None) -> bool:
        return self.access_token is not None and self.access_token != rejected and now_s < self.ends_s


class TokenRecord:
    """One record, as it counts for one `basis`."""

    def __init__(self, vault: Vault, place: Key, basis: Basis, entered: Tokens) -> None:
        self._table, self._vault, self._place = vault.credentials, vault, place
        self.basis, self._entered = basis, entered

    @property
    def name(self) -> tuple[str, str]:
        """The tenant's id and the record's."""
        return self._place["pk"].partition("#")[0], self._place["sk"]

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

    def granting(self, grant: Grant, asked_at_s: float) -> Update:
        """Return the write that puts what a user has just granted in place of all before, also of a renewal under way.

        It holds for the record as it is now: where its version changes first, the transaction is made again.
        """
        version = (self._table.get(self._place) or {}).get("version", 0)
        ends_s = inf if grant.expires_in_s is None else asked_at_s + grant.expires_in_s
        granted = replace(_granted(version + 1, grant), ends_s=ends_s, renew_from_s=_renew_from(ends_s, asked_at_s))
        facts = {name: value for name, value in self._facts(granted).items() if value != inf}
        sets, new = setting({**facts, **self._vault.sealer(self._place, granted.version)(_clear(granted))})
        gone = "leaseOwner, leaseUntilS, failure, storedBy, expiresEpochS"
        gone += "" if ends_s < inf else ", renewFromS, endsS"
        only_if = "attribute_not_exists(version) OR version = :version_read"
        return Update(self._table, self._place, f"{sets} REMOVE {gone}", {**new, "version_read": version}, only_if)

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
            "basis": self.basis.mark,
            "chain": self.basis.chain,
            "since": self.basis.since,
            "renewFromS": granted.renew_from_s,
            "endsS": granted.ends_s,
            "updatedAt": clock.now(),
        }

    def _tokens(self, item: Item) -> Tokens:
        """Return what of the record counts for this basis; the tokens that the user entered fill the gaps."""
        basis = self.basis
        has_chain = basis.is_granted or item.get("chain") == basis.chain
        is_ours = "fields" in item if basis.is_granted else item.get("basis") == basis.mark
        clear = self._clear(item) if has_chain else Secrets()
        failure = Failure(**item["failure"]) if "failure" in item else None
        entered = self._entered
        return Tokens(
            version=item.get("version", 0),
            access_token=clear.get("accessToken") if is_ours else entered.access_token,
            refresh_token=clear.get("refreshToken", entered.refresh_token),
            renew_from_s=item.get("renewFromS", inf) if is_ours else entered.renew_from_s,
            ends_s=item.get("endsS", inf) if is_ours else entered.ends_s,
            failure=failure if failure and failure.mark == self.basis.mark else None,
            lease_until_s=item.get("leaseUntilS", 0.0),
            is_superseded=not has_chain and item.get("since", 0) > basis.since,
            is_unreadable=basis.is_granted and bool(item.get("fields")) and not clear,
        )

    def _clear(self, item: Item) -> Secrets:
        if "fields" not in item:  # a worker has taken the lease of a record that is yet to be written
            return Secrets()
        try:
            return self._vault.opened(item)
        except SecretUnreadable as error:  # to be fetched anew, with what the user entered
            logs.failure("token.unreadable", error, tenant=Tenant.of_item(item).id, integration_id=item["sk"])
            return Secrets()


NO_TOKENS = Tokens(version=0, access_token=None, refresh_token=None, renew_from_s=inf, ends_s=inf)


def first_record(place: Key, sealed: Mapping[str, Any], ends_s: float) -> Item:
    """Return the record of tokens that a person granted or entered; `sealed` is what the vault made of them."""
    left_s = max(0.0, ends_s - clock.epoch_s())
    times = {"renewFromS": ends_s - min(MARGIN_S, MARGIN_PART * left_s), "endsS": ends_s} if ends_s < inf else {}
    return {**place, "version": 1, **sealed, **times, "updatedAt": clock.now()}


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


def _granted(version: int, grant: Grant) -> Tokens:
    return Tokens(version, grant.access_token, grant.refresh_token, renew_from_s=inf, ends_s=inf)


def _renew_from(ends_s: float, from_s: float) -> float:
    return ends_s - min(MARGIN_S, MARGIN_PART * (ends_s - from_s)) if ends_s < inf else inf


def _clear(tokens: Tokens) -> dict[str, str]:
    found = {"accessToken": tokens.access_token, "refreshToken": tokens.refresh_token}
    return {name: token for name, token in found.items() if token is not None}


def _digest(facts: Any) -> str:
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
