"""What a provider granted becomes an integration's credentials: of a custom one its tokens, else a connection."""

from dataclasses import dataclass

from hub.connector.revocations import Held, revocation_call
from hub.connector.token_requests import Grant
from hub.core import clock
from hub.core.errors import BadDefinition
from hub.core.tables import Update, key
from hub.core.vault import Secrets
from hub.integrations.connections import connect, renewals
from hub.integrations.connections.connect import Desk, Granted
from hub.integrations.custom import TOKENS_KIND
from hub.integrations.oauth.targets import Target
from hub.integrations.token_records import Basis, TokenRecord, entered_tokens
from hub.outbound.calls import Call

_IS_THERE = "attribute_exists(pk) AND status = :status_read"


@dataclass(frozen=True, repr=False)
class Kept:
    """A grant, when it was asked for (epoch seconds), and the secrets it was asked for with."""

    grant: Grant
    asked_at_s: float
    secrets: Secrets


def keep(desk: Desk, target: Target, kept: Kept) -> None:
    """Add to the change that the integration has these tokens from now on."""
    if target.found.entry is None:
        _keep_custom(desk, target, kept)
    else:
        connect.granted(desk, target.found, Granted(kept.grant, kept.asked_at_s, target.owner))


def revocation(target: Target, kept: Kept) -> Call | None:
    """Return the request that gives a grant back; None where the provider has none."""
    held = Held(kept.grant.access_token, kept.grant.refresh_token)
    try:
        return revocation_call(target.auth, kept.secrets, held)
    except BadDefinition:
        return None


def _keep_custom(desk: Desk, target: Target, kept: Kept) -> None:
    change, found = desk.change, target.found
    record = TokenRecord(
        desk.vault,
        key(found.tenant, TOKENS_KIND, found.id),
        Basis.of(target.auth, kept.secrets),
        entered_tokens(target.auth, kept.secrets),
    )
    status = found.integration["status"]
    granting = record.granting(kept.grant, kept.asked_at_s)
    change.add(
        granting,
        Update(
            change.tables.config,
            key(found.tenant, "integration", found.id),
            "SET status = :status, connectedAt = :now REMOVE lastError, lastErrorAt",
            {"status": status if status == "paused" else "active", "now": clock.now(), "status_read": status},
            _IS_THERE,
        ),
    )
    renew_from_s = granting.values.get("new_renewFromS")
    if kept.grant.refresh_token and renew_from_s is not None:
        change.add(renewals.renewal_of_custom(change.tables.activity, found.tenant, found.id, renew_from_s))
    change.audit("connection.connected", found.id, integrationId=found.id, method="oauth2", owner=target.owner)
    change.tell("integration.connected", {"integrationId": found.id})
