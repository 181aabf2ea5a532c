"""The documents for which a list is read once each: the issues of each project, the lines of each invoice.

They are those of one type that the integration has read, in the order of their ids, a hundred at a time. One that was
edited here since is still one of them, and so is one that was made here and sent to the provider, by its link.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hub import documents
from hub.connector.request_config import Parent
from hub.connector.select import identifier_text
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import Tables
from hub.mapping.config import Unfit
from hub.mapping.paths import PathFailed, getter
from hub.sync.two_way.links import Link, Links

Json = dict[str, Any]

AT_ONCE = 100


@dataclass(frozen=True)
class Found:
    """A parent: its document's id, and what the request is given for it."""

    id: str
    value: str


@dataclass(frozen=True)
class Parents:
    """Those of one job."""

    tables: Tables
    job: Item
    config: Parent

    def after(self, document_id: str) -> Iterator[list[Found]]:
        """Yield the parents whose ids follow, in groups of up to a hundred that are not empty."""
        table, tenant = self.tables.documents, Tenant.of_item(self.job)
        following: str | None = document_id
        while following is not None:
            items, following = documents.walk(table, tenant, self.config.document_type, AT_ONCE, following)
            if found := self._parents([item for item in items if self._may_be_one(item)]):
                yield found

    def _may_be_one(self, item: Item) -> bool:
        if not documents.exists(item):
            return False
        user, feed = self.job.get("userId"), item.get("feed")
        is_anothers = bool(user and feed) and not str(feed).endswith(f"#{user}")
        return not is_anothers and (self._is_own(item) or not str(item["origin"]).startswith("integration:"))

    def _is_own(self, item: Item) -> bool:
        return f"integration:{self.job['integrationId']}" in (item["origin"], item.get("source"))

    def _parents(self, items: Sequence[Item]) -> list[Found]:
        if not items:
            return []
        links = self._links([item["sk"] for item in items])
        own = [item["sk"] for item in items if self._is_own(item) or _external_id(links.get(item["sk"]))]
        if self.config.field is None:
            return [Found(name, _external_id(links.get(name)) or name) for name in own]
        return list(self._with_field(own, self.config.field))

    def _links(self, ids: Sequence[str]) -> dict[str, Link]:
        return Links.of_job(self.tables, {**self.job, "documentType": self.config.document_type}).find(ids)

    def _with_field(self, ids: Sequence[str], path: str) -> Iterator[Found]:
        """Yield the parents that have a value there: one without it has no list."""
        get = getter(path)
        contents = documents.find_many(self.tables.documents, Tenant.of_item(self.job), self.config.document_type, ids)
        for name in ids:
            try:
                yield Found(name, identifier_text(get(contents.get(name, {}))))
            except (Unfit, PathFailed):
                continue


def _external_id(link: Link | None) -> str:
    return link.external_id if link is not None and link.is_live else ""
