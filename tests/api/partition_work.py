"""Lists that exist once per parent, in a test: a provider with tickets and the comments of each."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.core import clock
from hub.outbound.calls import Call, Reply
from tests.api.conftest import Hub, StoppedClock
from tests.api.sync_work import Provider, Sync, connector

Json = dict[str, Any]
HOUR_S = 3600
COMMENTS = re.compile(r"/tickets/([^/]+)/comments$")


@dataclass
class Tickets(Provider):
    """Answers `/tickets`, and `/tickets/{id}/comments` in pages; a ticket that is not there is a 404.

    `refusals` are answers to the comments of a ticket, by its id.
    """

    comments: dict[str, list[Json]] = field(default_factory=dict)
    refusals: dict[str, Callable[[], Reply]] = field(default_factory=dict)

    def _page(self, call: Call) -> Reply:
        query = {**dict(parse_qsl(urlsplit(call.url).query)), **dict(call.params)}
        match = COMMENTS.search(urlsplit(call.url).path)
        if match is None:
            return self._listed([{"id": ticket, "title": ticket} for ticket in sorted(self.comments)], query)
        if match[1] in self.refusals:
            return self.refusals[match[1]]()
        if match[1] not in self.comments:
            return Reply(404, {"content-type": "application/json"}, b'{"message": "no such ticket"}', 1)
        since = query.get("since", "")
        return self._listed([each for each in self.comments[match[1]] if each["at"] >= since], query)

    def _listed(self, records: Sequence[Json], query: Json) -> Reply:
        start = int(query.get("after", 0))
        end = start + self.page_size
        following = str(end) if end < len(records) else None
        body = {"items": records[start:end], "next": following, "total": len(records)}
        return Reply(200, {"content-type": "application/json"}, json.dumps(body).encode(), 1)

    def asked(self) -> list[tuple[str, str | None]]:
        """Return for which ticket each first page was asked, and from when."""
        return list(self._asked())

    def _asked(self) -> Iterator[tuple[str, str | None]]:
        for call in self.calls:
            match, query = COMMENTS.search(urlsplit(call.url).path), dict(call.params)
            if match is not None and "after" not in query:
                yield match[1], query.get("since")


def ticket_list() -> Json:
    raw = connector()["endpoints"][0]
    mapping = {"dataPath": "$.items", "identifierField": "$.id", "targetShardTypeId": "ticket"}
    return {**raw, "id": "tickets", "name": "tickets", "path": "/tickets", "responseMapping": mapping}


def comment_list(parent: Json | None = None, **changed: Any) -> Json:
    """Return the endpoint `list`, which has one list of comments for each ticket."""
    return {
        **connector()["endpoints"][0],
        "path": "/tickets/{ticketId}/comments",
        "pathParams": [{"name": "ticketId", "required": True}],
        "parent": {"documentType": "ticket", "param": "ticketId", "as": "ticket", **(parent or {})},
        "responseMapping": {
            "dataPath": "$.items",
            "identifierField": "$.id",
            "targetShardTypeId": "comment",
            "metadataMapping": {"totalCount": "$.total"},
        },
        **changed,
    }


def comments(ticket: str, count: int, at: str = "2026-01-01T00:00:00Z") -> list[Json]:
    return [{"id": f"{ticket}-{number:03}", "text": f"comment {number}", "at": at} for number in range(count)]


@dataclass(frozen=True)
class Desk:
    """One tenant's integration with the provider of tickets."""

    sync: Sync
    provider: Tickets
    id: str
    clock: StoppedClock | None = None

    @property
    def hub(self) -> Hub:
        return self.sync.hub

    def start(self, endpoint_id: str = "list", **body: Any) -> str:
        path = f"/api/v1/custom-integrations/{self.id}/sync"
        reply = self.hub.post(path, {"endpointId": endpoint_id, **body})
        assert reply.status == 202, reply.body
        return str(reply.body["id"])

    def run(self, endpoint_id: str = "list", **body: Any) -> Json:
        """Return the job of a sync that a worker has dealt with; where a clock stands still, an hour passes."""
        job_id = self.start(endpoint_id, **body)
        self.sync.work(job_id)
        if self.clock is not None:
            self.clock.advance(HOUR_S)
        return self.sync.job(job_id)

    def stored(self, kind: str = "comment") -> dict[str, Json]:
        """Return the documents that are there, by id."""
        found = [item for item in self.hub.documents(kind) if "deletedAt" not in item]
        return {item["sk"]: json.loads(item["content"]) for item in found}

    def log(self, job: Json) -> list[Json]:
        lines: list[Json] = self.hub.get(f"/api/v1/sync-jobs/{job['id']}/logs").body["data"]
        return lines

    def proof(self, job: Json) -> Json:
        body: Json = self.hub.get(f"/api/v1/sync-jobs/{job['id']}/proof").body
        return body


def desk(hub: Hub, counts: dict[str, int], parent: Json | None = None, **changed: Any) -> Desk:
    """Return an integration whose tickets are stored already, each with so many comments at the provider."""
    provider = Tickets([], comments={ticket: comments(ticket, count) for ticket, count in counts.items()})
    sync = Sync(hub, provider)
    made = sync.connect(endpoints=[ticket_list(), comment_list(parent, **changed)])
    found = Desk(sync, provider, made)
    assert found.run("tickets")["status"] == "COMPLETED"
    return found


def at(stopped: StoppedClock, seconds: float) -> str:
    return clock.iso(stopped.epoch_s + seconds)
