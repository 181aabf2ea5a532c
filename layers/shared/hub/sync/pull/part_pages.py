"""The pages of a list that exists once per parent: what each adds to its job, to its checkpoint and to its log."""

from dataclasses import dataclass, field
from typing import Any

from hub.connector.plan import Page
from hub.core.tables import Write

Json = dict[str, Any]


@dataclass(frozen=True)
class PartPage(Page):
    """A page of one parent; `fields` go into the job, `writes` into its checkpoint, `facts` into its log."""

    fields: Json = field(default_factory=dict)
    writes: tuple[Write, ...] = ()
    facts: Json = field(default_factory=dict)
    faults: tuple[Json, ...] = ()
    message: str | None = None


def none(stop_reason: str, fields: Json, message: str) -> PartPage:
    """Return the page of a walk that has no parent to ask for."""
    return PartPage(
        records=[],
        next=None,
        stop_reason=stop_reason,
        total=None,
        page_info=None,
        method="",
        url="",
        status=0,
        elapsed_ms=0,
        body_bytes=0,
        attempts=0,
        validators=None,
        watermark=None,
        fields=fields,
        message=message,
    )


def fields(page: Page) -> Json:
    return page.fields if isinstance(page, PartPage) else {}


def writes(page: Page) -> tuple[Write, ...]:
    return page.writes if isinstance(page, PartPage) else ()


def facts(page: Page) -> Json:
    return page.facts if isinstance(page, PartPage) else {}


def faults(page: Page) -> tuple[Json, ...]:
    return page.faults if isinstance(page, PartPage) else ()


def message(page: Page) -> str:
    """Say how a walk has ended, for people."""
    told = page.message if isinstance(page, PartPage) else None
    return told or f"last page stored ({page.stop_reason})"
