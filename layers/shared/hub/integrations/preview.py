"""The first pages of an endpoint: raw records beside what they become, within the limits of a test."""

from dataclasses import dataclass, field
from typing import Any

from hub.connector.authenticate import HIDDEN, Credentials
from hub.connector.excerpts import Excerpt
from hub.connector.pages import CARRIES_A_SECRET, REPEATS_A_SECRET
from hub.connector.plan import Page, Plan
from hub.connector.probe import Witness, raw_records
from hub.core.errors import Refused
from hub.integrations import plans
from hub.outbound.calls import Call, Reply

Json = dict[str, Any]

MAX_PAGES = 5
MAX_RECORDS = 100
# Together with bodies and headers less than an item of DynamoDB may hold: an idempotent answer is kept in one.
PREVIEW_BYTES = 80 * 1024
ERROR_BYTES = 20 * 1024


@dataclass
class Preview:
    """The first records beside what they become."""

    credentials: Credentials
    witness: Witness
    raw: list[Any] = field(default_factory=list)
    mapped: list[Json | None] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    has_more: bool = False

    def __post_init__(self) -> None:
        self._raw, self._mapped = (Excerpt(self.credentials, PREVIEW_BYTES) for _ in range(2))
        self._errors = Excerpt(self.credentials, ERROR_BYTES)

    def add(self, plan: Plan, page: Page, reply: Reply) -> None:
        for record, raw in zip(page.records, raw_records(plan, page, reply), strict=False):
            if len(self.raw) == MAX_RECORDS or self.is_cut:
                self.has_more = True
                return
            shown = self._raw.copy(raw)
            repeats = self.witness.has_hidden and HIDDEN in str(shown)
            fault = REPEATS_A_SECRET if repeats else plans.fault_of(record)
            if fault is not None:
                self.errors.append(self._errors.text(f"record {len(self.raw)}: {fault}"))
            self.raw.append(shown)
            self.mapped.append(self._mapped.copy(record.content) if fault is None else None)

    @property
    def is_cut(self) -> bool:
        """Say whether the last record was too large to be shown whole."""
        return not (self._raw.is_whole and self._mapped.is_whole)

    @property
    def refusal(self) -> str | None:
        """Say that no record became a document, where that is so."""
        if not self.raw or len(self.errors) < len(self.raw):
            return None
        return f"All {len(self.raw)} records were rejected: see mappingPreview.errors, then the response mapping."

    def view(self) -> Json:
        truncated = self.has_more or self.is_cut
        return {"rawData": self.raw, "mappedData": self.mapped, "errors": self.errors, "truncated": truncated}


@dataclass
class Walk:
    """The pages of one test so far."""

    plan: Plan
    witness: Witness
    preview: Preview
    pages: int = 0
    stop_reason: str | None = None
    first: tuple[Call | None, Reply | None] = (None, None)

    def add(self, page: Page, *, is_out_of_time: bool) -> None:
        """Take a page in; a `stop_reason` says that it is the last one. Raises Refused as a sync does."""
        if not self.pages:
            self.first = self.witness.call, self.witness.reply
        self.pages += 1
        if self.witness.reply is not None:
            self.preview.add(self.plan, page, self.witness.reply)
        if self.witness.has_hidden and page.next and HIDDEN in f"{page.next.cursor} {page.next.link}":
            raise Refused(CARRIES_A_SECRET)
        is_enough = self.pages == MAX_PAGES or len(self.preview.raw) == MAX_RECORDS or is_out_of_time
        is_limited = self.preview.has_more or self.preview.is_cut or (page.next is not None and is_enough)
        self.stop_reason = "test_limit" if is_limited else page.stop_reason

    @property
    def shown(self) -> tuple[Call | None, Reply | None]:
        """Return the first page's call, or the one that failed."""
        return (self.witness.call, self.witness.reply) if self.stop_reason == "failed" else self.first

    def view(self) -> Json:
        preview = self.preview.view() if self.pages else None
        counted = {"pages": self.pages, "records": len(self.preview.raw), "stopReason": self.stop_reason}
        return {"mappingPreview": preview, **counted}
