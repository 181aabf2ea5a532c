"""Why a connection does not work: a code for each cause, what it makes of the connection, and who must do what next.

A refusal of the grant and an outage are told apart by the token server's status first: what may work later is never
read as `invalid_grant`, whatever words the answer has.
"""

from dataclasses import dataclass
from typing import Literal

from hub.core.attributes import Item
from hub.core.errors import BadDefinition, HubError, TargetForbidden
from hub.outbound.calls import BudgetUsedUp

Who = Literal["user", "tenant_admin", "operator", "provider", "nobody"]

INVALID_GRANT, ACCESS_TOKEN_EXPIRED = "invalid_grant", "access_token_expired"
CREDENTIALS_REFUSED, INSUFFICIENT_SCOPE = "credentials_refused", "insufficient_scope"
PROVIDER_UNAVAILABLE, RATE_LIMITED = "provider_unavailable", "rate_limited"
ADDRESS_CHANGED, CLIENT_MISCONFIGURED = "address_changed", "client_misconfigured"
NEVER_CONNECTED, DISCONNECTED = "never_connected", "disconnected"
SECRET_UNREADABLE, UNEXPECTED_ANSWER = "secret_unreadable", "unexpected_answer"

TOO_MANY_REQUESTS = 429
# The code of `hub.core.vault.SecretUnreadable`, whose ciphers a start does not need.
_UNREADABLE = "INVALID_CREDENTIALS"


@dataclass(frozen=True)
class Reason:
    """`status` is what the cause makes of a connection; None where it passes by itself and changes nothing.

    `by` is who must act: `owner` is whose connection it is, `client` whose OAuth client it uses.
    """

    status: str | None
    by: Literal["owner", "client", "operator", "provider", "nobody"]
    message: str
    next_step: str


_RECONNECT = "Connect the integration again; its settings stay."
REASONS = {
    INVALID_GRANT: Reason(
        "expired", "owner", "The provider no longer accepts the grant: it was revoked, or has ended.", _RECONNECT
    ),
    ACCESS_TOKEN_EXPIRED: Reason(
        "expired", "owner", "The access token has ended, and there is no refresh token to get the next.", _RECONNECT
    ),
    CREDENTIALS_REFUSED: Reason(
        "error", "owner", "The provider refuses the credentials.", "Enter the credentials again."
    ),
    INSUFFICIENT_SCOPE: Reason(
        "error",
        "owner",
        "The credentials do not allow what the integration does.",
        "Connect the integration again and grant all that is asked for.",
    ),
    PROVIDER_UNAVAILABLE: Reason(
        None, "provider", "The provider does not answer as it should.", "Wait: the hub tries again by itself."
    ),
    RATE_LIMITED: Reason(
        None, "nobody", "The provider limits how often it is called.", "Wait: the hub tries again by itself."
    ),
    ADDRESS_CHANGED: Reason(
        "error",
        "owner",
        "The integration's address is another one than the credentials were entered for.",
        "Connect the integration again, or change the address back.",
    ),
    CLIENT_MISCONFIGURED: Reason(
        "error",
        "client",
        "The provider refuses the OAuth client that the hub uses.",
        "Check the client's id and secret, and what the provider allows it.",
    ),
    NEVER_CONNECTED: Reason(None, "owner", "No credentials were entered yet.", "Connect the integration."),
    DISCONNECTED: Reason("revoked", "owner", "The integration was disconnected.", _RECONNECT),
    SECRET_UNREADABLE: Reason("error", "owner", "The stored credentials cannot be decrypted.", _RECONNECT),
    UNEXPECTED_ANSWER: Reason(
        "error",
        "client",
        "The token server answers nothing that OAuth 2.0 knows.",
        "Check the token URL; if it is right, ask the provider.",
    ),
}
# What token servers call it. Sources: RFC 6749, 5.2; OpenID Connect Core, 3.1.2.6; Zoho and Slack say it with a 200.
CODES = {
    **dict.fromkeys(
        "invalid_grant invalid_code invalid_refresh_token bad_refresh_token token_revoked token_expired"
        " interaction_required consent_required login_required".split(),
        INVALID_GRANT,
    ),
    **dict.fromkeys(
        "invalid_client unauthorized_client unsupported_grant_type invalid_request invalid_client_id"
        " bad_client_secret bad_client_id redirect_uri_mismatch".split(),
        CLIENT_MISCONFIGURED,
    ),
    **dict.fromkeys("invalid_scope insufficient_scope".split(), INSUFFICIENT_SCOPE),
}


def of_token_failure(error: HubError) -> str:
    """Return why there is no access token; the token server's own code is in the error's details as `oauthError`."""
    if error.code == _UNREADABLE:
        return SECRET_UNREADABLE
    if error.retryable:
        limited = isinstance(error, BudgetUsedUp) or error.details.get("status") == TOO_MANY_REQUESTS
        return RATE_LIMITED if limited else PROVIDER_UNAVAILABLE
    if isinstance(error, (BadDefinition, TargetForbidden)):
        return CLIENT_MISCONFIGURED
    return CODES.get(str(error.details.get("oauthError", "")).lower(), UNEXPECTED_ANSWER)


def ends_the_grant(reason: str) -> bool:
    """Say whether no further refresh can work, so that somebody must connect anew."""
    return reason in (INVALID_GRANT, ACCESS_TOKEN_EXPIRED)


def who_acts(reason: str, connection: Item, *, has_own_client: bool = False) -> Who:
    """Return who must act: a user for a connection of their own, else the tenant's administrators."""
    by = REASONS[reason].by
    if by == "client":
        return "tenant_admin" if has_own_client else "operator"
    if by == "owner":
        return "user" if str(connection.get("owner", "")).startswith("user:") else "tenant_admin"
    return by
