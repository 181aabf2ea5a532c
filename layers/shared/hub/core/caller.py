"""Who calls, and who may: the tenant, the user, the three roles and the 17 scopes (spec S003, APIScope)."""

import re
from dataclasses import dataclass, replace
from typing import Any, Self

from hub.core.errors import Denied, Unauthenticated

ROLES = frozenset({"super_admin", "tenant_admin", "user"})
SCOPES = frozenset(
    {
        *(f"reports:{right}" for right in ("read", "write", "execute", "export", "schedule")),
        *(f"contacts:{right}" for right in ("read", "write")),
        *(f"tickets:{right}" for right in ("read", "write", "comment", "resolve")),
        *(f"agents:{right}" for right in ("read", "write")),
        "webhooks:manage",
        "integrations:read",
        "integrations:write",
        "admin:full",
    }
)
ADMIN_ROLES = frozenset({"super_admin", "tenant_admin"})
ANY_SCOPE = "*"
# '#' divides the parts of a key: a tenant id that could hold one could name another tenant's partition.
_TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class Tenant:
    """The isolation unit; comes from a verified credential, a stored item or our own queue, never from a body."""

    id: str

    def __post_init__(self) -> None:
        if not _TENANT_ID.fullmatch(self.id):
            raise Unauthenticated("Expected a tenant id of 1 to 128 letters, digits, '.', '_' or '-'.")

    def __str__(self) -> str:
        return self.id

    @classmethod
    def of_item(cls, item: dict[str, Any]) -> Self:
        return cls(item["pk"].partition("#")[0])


@dataclass(frozen=True)
class Caller:
    tenant: Tenant
    user: str
    roles: frozenset[str]
    scopes: frozenset[str]
    key_id: str | None = None

    @property
    def actor(self) -> str:
        """The one who acts, as audit entries name it."""
        return f"key:{self.key_id}" if self.key_id else self.user

    def acting_for(self, tenant_id: str) -> "Caller":
        """Return the same caller in another tenant: the right of a super_admin alone."""
        if "super_admin" not in self.roles:
            raise Denied("Only a super_admin may act for another tenant.")
        return replace(self, tenant=Tenant(tenant_id))


@dataclass(frozen=True)
class Access:
    """Who may call a route: one of the roles by token, or a program that was given the scope."""

    roles: frozenset[str]
    scope: str | None = None
    public: bool = False

    def admit(self, caller: Caller) -> None:
        if not (caller.roles & self.roles or self._in_scope(caller.scopes)):
            raise Denied(
                "This call needs another role or scope.",
                roles=sorted(self.roles),
                scope=self.scope if self.scope != ANY_SCOPE else None,
            )

    def _in_scope(self, granted: frozenset[str]) -> bool:
        if self.scope is None or not granted:
            return False
        return self.scope == ANY_SCOPE or self.scope in granted or "admin:full" in granted


PUBLIC = Access(frozenset(), public=True)
SUPER_ADMIN = Access(frozenset({"super_admin"}))


def members(scope: str | None = None) -> Access:
    """Any user of the tenant, or a program with `scope`."""
    return Access(ROLES, scope)


def admins(scope: str | None = None) -> Access:
    """The tenant's administrators, or a program with `scope`."""
    return Access(ADMIN_ROLES, scope)
