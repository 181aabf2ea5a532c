"""Answers about the audit trail."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from hub.core.models import Page


class AuditEntry(BaseModel):
    """`actor` is a user, or `key:<id>` for a program; `facts` are small and hold no secrets."""

    model_config = ConfigDict(extra="forbid")

    id: str
    at: str
    actor: str
    action: str
    target: str
    requestId: str
    facts: dict[str, Any]


class AuditPage(Page):
    """A trail is not counted; a page may be short, or empty, and still go on."""

    data: list[AuditEntry]
