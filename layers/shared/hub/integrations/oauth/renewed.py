"""A connection's next access token on request: one that the caller brings, or one that the hub asks for now."""

from dataclasses import dataclass, replace
from math import inf

from hub.connector.auth_config import OAuth2Auth
from hub.connector.token_requests import Grant, epoch_of
from hub.core import clock, jsontext
from hub.core.attributes import Item
from hub.core.errors import BadDefinition, Conflict, Problem
from hub.core.expressions import setting
from hub.core.journal import Change
from hub.core.tables import IS_UNCHANGED, Update, key
from hub.core.vault import Secrets, Vault
from hub.integrations import connected
from hub.integrations.connected import Connected
from hub.integrations.connections import connections, methods, renewals
from hub.integrations.connections.marks import Marks
from hub.integrations.custom import TOKENS_KIND
from hub.integrations.oauth.oauth_models import TokenRefresh
from hub.integrations.plans import definition_of
from hub.integrations.token_records import NO_TOKENS, Basis, TokenRecord
from hub.outbound.retry import Sender

NO_GRANT = "This connection has no access token that could be renewed; store its next token as a new one."


@dataclass(frozen=True)
class Renewal:
    """A connection with its token record, ready for its next token; what follows is added to `change`."""

    change: Change
    found: Connected
    connection: Item
    vault: Vault

    @classmethod
    def of(cls, change: Change, vault: Vault, connection: Item) -> "Renewal":
        """Raises Conflict for a connection without tokens."""
        found = connected.of_connection(change.tables.config, connection)
        if found.method is None or not methods.is_grant(found.method):
            raise Conflict(NO_GRANT)
        return cls(change, found, connection, vault)

    def fetch(self, client: Sender, marks: Marks) -> Item:
        """Ask the provider for the next token now and return the connection as it is then.

        Raises Retryable or Refused, Conflict where its tokens may be sent nowhere now. Who else needs a token at this
        moment gets the same one.
        """
        connected.must_be_sendable(self.found)
        source = connected.token_source_of(self.vault, client, self.found, self._secrets(), marks=marks)
        if source is None:
            raise Conflict(NO_GRANT)
        source.renewed(self._record().read().access_token or "")
        self.change.audit("connection.refreshed", self.connection["sk"], integrationId=self.found.id)
        return connections.get(self.change.tables.config, self.found.tenant, self.connection["sk"])

    def put(self, wanted: TokenRefresh) -> Item:
        """Let the token that is brought be the next one and return the connection as it will be.

        The refresh token stays. It is sent nowhere, so it need not be known where it may be. Raises BadDefinition.
        """
        now, ends_s = clock.epoch_s(), _end_of(wanted.expiresAt)
        record, token = self._record(), wanted.newToken or ""
        grant = Grant(token, record.read().refresh_token, None if ends_s == inf else ends_s - now)
        self.change.add(record.granting(grant, now))
        if grant.refresh_token and ends_s < inf:
            self.change.add(renewals.renewal(self.change.tables.activity, self.connection, ends_s))
        self.change.audit("connection.token_replaced", self.connection["sk"], integrationId=self.found.id)
        return self._noted(token, ends_s)

    def _secrets(self) -> Secrets:
        return connected.secrets_of(self.change.tables.config, self.vault, self.found)

    def _record(self) -> TokenRecord:
        place = key(self.found.tenant, TOKENS_KIND, connections.token_name(self.connection))
        return TokenRecord(self.vault, place, replace(self._basis(), is_granted=True), NO_TOKENS)

    def _basis(self) -> Basis:
        """Return what the tokens are for; nothing is known of it where the address is still to be told."""
        auth = None if self.found.fault else definition_of(self.found.definition_text).auth
        return Basis.of(auth, self._secrets()) if isinstance(auth, OAuth2Auth) else Basis("", "", 0)

    def _noted(self, token: str, ends_s: float) -> Item:
        """Add what is known of the token to the connection, and return that."""
        former = self.connection
        masks = {**connections.masks_of(former), "accessToken": methods.mask(token)}
        told = {"status": "active", "since": clock.now(), "lastRefreshedAt": clock.now(), "masks": jsontext.dump(masks)}
        told |= {"version": former["version"] + 1} | ({"expiresAt": clock.iso(ends_s)} if ends_s < inf else {})
        gone = {"reason", "reasonMessage", "expiresAt"} - told.keys()
        sets, new = setting(told)
        values = {**new, "version_read": former["version"]}
        place = key(self.found.tenant, connections.KIND, former["sk"])
        change = f"{sets} REMOVE {', '.join(sorted(gone))}"
        self.change.add(Update(self.change.tables.config, place, change, values, IS_UNCHANGED))
        return {**{name: value for name, value in former.items() if name not in gone}, **told}


def _end_of(expires_at: str | None) -> float:
    if expires_at is None:
        return inf
    ends_s = epoch_of(expires_at)
    if ends_s is None or ends_s <= clock.epoch_s():
        problem = Problem("/expiresAt", "expected a time to come, such as 2026-07-01T10:00:00Z")
        raise BadDefinition("The token cannot be stored.", [problem])
    return ends_s
