"""A tenant's view of the hub: only what the API answers, and waiting for what a worker does."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from local.functions import FunctionFailed
from local.stack import Stack

Json = dict[str, Any]

INTEGRATIONS = "/api/v1/custom-integrations"
JOBS = "/api/v1/sync-jobs"
DOCUMENTS = "/api/v1/documents"
OPEN = ("PENDING", "RUNNING")
POLL_S = 0.03


@dataclass(frozen=True)
class HubClient:
    """One tenant with its HTTP client; every method fails the test on an unexpected status."""

    http: httpx.Client

    def call(self, method: str, path: str, body: Json | None = None, *, expect: int = 200, **options: Any) -> Json:
        answer = self.http.request(method, path, json=body, **options)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        found: Json = answer.json() if answer.content else {}
        return found

    def create(self, definition: Json) -> str:
        """Return the id of a new custom integration."""
        return str(self.call("POST", INTEGRATIONS, definition, expect=201)["id"])

    def start(self, integration_id: str, endpoint_id: str = "list") -> str:
        """Return the id of a new sync job."""
        body = {"endpointId": endpoint_id}
        return str(self.call("POST", f"{INTEGRATIONS}/{integration_id}/sync", body, expect=202)["id"])

    def job(self, job_id: str) -> Json:
        return self.call("GET", f"{JOBS}/{job_id}")

    def cancel(self, job_id: str, *, expect: int = 200) -> Json:
        return self.call("POST", f"{JOBS}/{job_id}/cancel", expect=expect)

    def job_when(self, job_id: str, is_so: Callable[[Json], object], within_s: float = 30.0) -> Json:
        """Return the job as soon as it is so."""
        ends_at = time.monotonic() + within_s
        while not is_so(job := self.job(job_id)):
            assert time.monotonic() < ends_at, f"did not happen within {within_s:g} s: {job}"
            time.sleep(POLL_S)
        return job

    def ended(self, job_id: str, within_s: float = 30.0) -> Json:
        """Return the job when it is neither pending nor running."""
        return self.job_when(job_id, lambda job: job["status"] not in OPEN, within_s)

    def synced(self, definition: Json) -> Json:
        """Create the integration, sync its endpoint `list` and return the job that ended."""
        return self.ended(self.start(self.create(definition)))

    def log(self, job_id: str) -> list[Json]:
        lines: list[Json] = self.call("GET", f"{JOBS}/{job_id}/logs", params={"limit": 100})["data"]
        return lines

    def documents(self, document_type: str = "companies") -> dict[str, Json]:
        """Return all documents by id, walked page by page; an id that comes twice fails the test."""
        found: dict[str, Json] = {}
        query: Json = {"limit": 100}
        while True:
            page = self.call("GET", f"{DOCUMENTS}/{document_type}", params=query)
            ids = {each["id"] for each in page["items"]}
            assert len(ids) == len(page["items"])
            assert not ids & found.keys()
            found |= {each["id"]: each for each in page["items"]}
            if not page["hasMore"]:
                return found
            query = {"limit": 100, "cursor": page["nextCursor"]}


def counted(**counters: int) -> Json:
    """Return a job's counters, 0 where nothing is said."""
    return dict.fromkeys(("read", "created", "updated", "unchanged", "rejected", "deleted"), 0) | counters


def adds_up(counters: Json) -> bool:
    return bool(counters["read"] == sum(count for name, count in counters.items() if name != "read"))


def tick(stack: Stack) -> None:
    """Let one minute's sweep happen now; a sweep that meets a fault of the cloud is repeated by the next."""
    try:
        stack.fire_schedule("EveryMinute")
    except FunctionFailed:
        return
