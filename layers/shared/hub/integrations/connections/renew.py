"""Renews the tokens of connections that are due, one hint at a time."""

from dataclasses import dataclass

from hub.core import clock, due, logs
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.errors import HubError, NotFound
from hub.core.queues import Hint
from hub.core.resources import Resources
from hub.core.tables import ConditionFailed, key
from hub.core.vault import Vault
from hub.integrations import connected
from hub.integrations.connected import Connected
from hub.integrations.connections import connections, renewals
from hub.integrations.connections.marks import Marks
from hub.integrations.connections.reasons import ACCESS_TOKEN_EXPIRED, REASONS, SECRET_UNREADABLE, of_token_failure
from hub.integrations.connections.renewals import Verdict, judge
from hub.integrations.custom import TOKENS_KIND
from hub.outbound.retry import Sender

# Another worker that renews right now is not waited for: the item is looked at again.
WAIT_S = 0.2
# What somebody must repair first is looked at this often.
AGAIN_S = 3600.0
# An integration that was switched off is looked at this often: nothing is asked for until it is on again.
PAUSED_S = 3600.0


@dataclass(frozen=True)
class Renewer:
    """Works on the renewals that hints name."""

    resources: Resources
    vault: Vault
    client: Sender
    marks: Marks

    def run(self, hint: Hint) -> None:
        """Renew the token if it is time and say when the next time is; an error of AWS leaves that to the sweeper."""
        item = self.resources.tables.activity.get(renewals.place_of(hint.tenant, hint.id))
        if item is None or "dueShard" not in item:
            return
        found = self._found(hint.tenant, item)
        verdict = self._verdict(found, item) if isinstance(found, Connected) else found
        self._settle(hint.tenant, item, verdict)

    def _found(self, tenant: Tenant, item: Item) -> Connected | Verdict:
        """Return the integration as calls go out for it; a verdict where there is nothing to renew any more."""
        try:
            found = self._loaded(tenant, item)
        except NotFound:
            return Verdict("end", why="it is gone")
        if found is None:
            return Verdict("end", why="it was connected anew")
        if found.integration["status"] == "paused":
            return Verdict("wait", clock.epoch_s() + PAUSED_S, why="it was switched off")
        refused = connected.refusal_of(found)  # a token goes nowhere but where it was entered for
        return Verdict("end", why=refused[0]) if refused else found

    def _loaded(self, tenant: Tenant, item: Item) -> Connected | None:
        config = self.resources.tables.config
        if item["sk"] == item["integrationId"]:
            return connected.load(config, tenant, item["integrationId"])
        connection = connections.get(config, tenant, item["sk"])
        is_same = connection["generation"] == item["generation"]
        return connected.of_connection(config, connection) if is_same else None

    def _verdict(self, found: Connected, item: Item) -> Verdict:
        place = key(found.tenant, TOKENS_KIND, token_name(found, item))
        verdict, error = judge(self.vault.credentials.get(place), clock.epoch_s()), None
        if verdict.do == "renew":
            error = self._renewed(found)
            verdict = judge(self.vault.credentials.get(place), clock.epoch_s())
        if verdict.do == "renew":
            verdict = _unwritten(error)
        if verdict.reason and found.connection is not None:
            message = verdict.message or REASONS[verdict.reason].message
            self.marks.refused(found.tenant, found.connection, verdict.reason, message)
        return verdict

    def _renewed(self, found: Connected) -> HubError | None:
        """Fetch the next token; return what hindered it. What is to be known of it stands in the token record."""
        config, vault, marks = self.resources.tables.config, self.vault, self.marks
        try:
            secrets = connected.secrets_of(config, vault, found)
            source = connected.token_source_of(vault, self.client, found, secrets, marks=marks, wait_s=WAIT_S)
            if source is not None:
                source.current()
        except HubError as error:
            return error
        return None

    def _settle(self, tenant: Tenant, item: Item, verdict: Verdict) -> None:
        try:
            self.resources.tables.write(renewals.settled(self.resources.tables.activity, item, verdict))
        except ConditionFailed:  # connected anew meanwhile: that is another item
            return
        facts = {"tenant": tenant.id, "integration_id": item["integrationId"], "status": verdict.do}
        logs.info("renewal.settled", reason=verdict.why or None, **facts)


def _unwritten(error: HubError | None) -> Verdict:
    """Decide after a failure that the token record does not know of, such as a secret that cannot be read."""
    if error is None or error.retryable:
        return Verdict("wait", clock.epoch_s() + due.AGAIN_AFTER_S)
    reason = error.details.get("reason") or of_token_failure(error)
    if reason in (ACCESS_TOKEN_EXPIRED, SECRET_UNREADABLE):
        return Verdict("end", why="no stored token can be used", reason=reason, message=error.message)
    return Verdict("wait", clock.epoch_s() + AGAIN_S, reason=reason, message=error.message)


def token_name(found: Connected, item: Item) -> str:
    """Return the id of the token record that a renewal is about."""
    return connections.token_name(found.connection) if found.connection else str(item["integrationId"])
