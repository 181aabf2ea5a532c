"""What each surface calls the status of an integration, and what it may ask for.

Canonical: draft (never meant to run yet), pending_auth (waits for credentials), active, paused (switched off), error,
deleted (there for nobody, restorable).
"""

from hub.core.errors import BadRequest

DRAFT, PENDING_AUTH, ACTIVE, PAUSED, ERROR, DELETED = "draft", "pending_auth", "active", "paused", "error", "deleted"
CANONICAL = (DRAFT, PENDING_AUTH, ACTIVE, PAUSED, ERROR)

CUSTOM = {DRAFT: "inactive", PENDING_AUTH: "inactive", ACTIVE: "active", PAUSED: "inactive", ERROR: "error"}
TENANT = {DRAFT: "pending", PENDING_AUTH: "pending", ACTIVE: "connected", PAUSED: "disabled", ERROR: "error"}
CARDS = {DRAFT: "INACTIVE", PENDING_AUTH: "INACTIVE", ACTIVE: "ACTIVE", PAUSED: "INACTIVE", ERROR: "ERROR"}
TEAMS_ENABLED = {DRAFT: False, PENDING_AUTH: True, ACTIVE: True, PAUSED: False, ERROR: True}
V1 = {DRAFT: "PENDING_AUTH", PENDING_AUTH: "PENDING_AUTH", ACTIVE: "ACTIVE", PAUSED: "PAUSED", ERROR: "ERROR"}
# S004's own rule: isEnabled=false is paused, nothing else.
V1_ENABLED = {status: status != PAUSED for status in CANONICAL}

TENANT_WORDS = ("pending", "connected", "error", "disabled")
V1_WORDS = ("ACTIVE", "PAUSED", "ERROR", "PENDING_AUTH")
CONNECTION_WORDS = {
    "active": "active",
    "expiring": "active",
    "expired": "expired",
    "revoked": "revoked",
    "error": "error",
}


def one_of(name: str, found: str | None, words: tuple[str, ...]) -> str | None:
    """Return the word that a query asks for; raises BadRequest."""
    if found is not None and found not in words:
        raise BadRequest(f"`{name}` must be one of {', '.join(words)}, found {found[:40]!r}.")
    return found
