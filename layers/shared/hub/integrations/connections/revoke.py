"""Gives back the tokens of connections that were ended, one hint at a time."""

from dataclasses import dataclass

from hub.connector.auth_config import OAuth2Auth
from hub.connector.revocations import Held, check_revoked, revocation_call
from hub.core import clock, logs
from hub.core.answers import no_content
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import HubError, NotFound
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import ConditionFailed, key
from hub.core.vault import Secrets, Vault
from hub.integrations import connected
from hub.integrations.catalog import providers
from hub.integrations.connected import Connected
from hub.integrations.connections import connections, revocations
from hub.integrations.connections.renewals import AFTER_LEASE_S
from hub.integrations.connections.revocations import LONGEST_S, Outcome
from hub.integrations.plans import definition_of
from hub.outbound.retry import Sender

HTTP_S = 15.0


@dataclass(frozen=True)
class Revoker:
    """Works on the revocations that hints name; asking twice for the same token is no harm (RFC 7009, 2.2)."""

    resources: Resources
    vault: Vault
    client: Sender

    def run(self, hint: Hint) -> None:
        """Ask the provider to end the grant, delete the tokens, or say when to try again."""
        tables = self.resources.tables
        item = tables.activity.get(revocations.place_of(hint.tenant, hint.id))
        if item is None or "dueShard" not in item:
            return
        record = tables.credentials.get(revocations.token_place(item))
        outcome = self._outcome(hint.tenant, item, record)
        try:
            self._settle(item, record, outcome)
        except ConditionFailed:  # another worker did it meanwhile, or there are newer tokens: the sweeper comes back
            return
        facts = {"tenant": hint.tenant.id, "integration_id": item["integrationId"], "attempt": item["tries"] + 1}
        logs.info("revocation.tried", status=outcome, **facts)

    def _settle(self, item: Item, record: Item | None, outcome: Outcome) -> None:
        tables, now = self.resources.tables, clock.epoch_s()
        if outcome == "being renewed" and record is not None:
            tables.write(revocations.put_off(tables.activity, item, record["leaseUntilS"] + AFTER_LEASE_S))
        elif outcome == "unreachable" and now < item["since"] + LONGEST_S:
            tables.write(revocations.put_off(tables.activity, item, now + revocations.wait_s(item["tries"])))
        else:
            change = revocations.ended(tables, item, outcome, self.resources.settings.retention_days)
            change.add(*([revocations.deletion(tables.credentials, item, record)] if record else []))
            change.commit(no_content())

    def _outcome(self, tenant: Tenant, item: Item, record: Item | None) -> Outcome:
        if record is None:
            return "gone"
        if record.get("leaseUntilS", 0.0) > clock.epoch_s():
            return "being renewed"  # the tokens that it will bring are those to give back
        try:
            found = self._found(tenant, item)
            return self._asked(found, self.vault.opened(record)) if found else "connected anew"
        except NotFound:
            return "gone"
        except HubError as error:
            return "unreachable" if error.retryable else "refused"

    def _found(self, tenant: Tenant, item: Item) -> Connected | None:
        """Return the integration, also a deleted one, as calls go out for it; None where it was connected anew.

        Some providers end all grants that an account gave a client with any one of them: the new one would end too.
        """
        config = self.resources.tables.config
        connection = connections.get(config, tenant, item["connectionId"])
        if connection["generation"] != item["generation"]:
            return None
        integration = config.get(key(tenant, "integration", item["integrationId"]))
        if integration is None:
            raise NotFound("The integration is gone.")
        entry = providers.get(config, integration["provider"])
        return connected.of_provider(entry, integration, connection, connection["owner"])

    def _asked(self, found: Connected, tokens: Secrets) -> Outcome:
        auth = definition_of(found.definition_text).auth
        if not isinstance(auth, OAuth2Auth) or auth.revocation_url is None or not _is_bound(found):
            return "not offered"
        secrets = connected.secrets_of(self.resources.tables.config, self.vault, found)
        held = Held(tokens.get("accessToken"), tokens.get("refreshToken"))
        call = revocation_call(auth, secrets, held)
        if call is None:
            return "not offered"
        check_revoked(self.client.send(call, timeout_s=HTTP_S))
        return "revoked"


def _is_bound(found: Connected) -> bool:
    """Say whether the tokens may be sent to where the definition now says."""
    assert found.connection is not None  # noqa: S101 - it was loaded by it
    return connected.destinations(found) <= set(found.connection["boundTo"])
