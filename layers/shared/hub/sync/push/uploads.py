"""The upload of a job: the documents of a type go out as one CSV file, to a provider that keeps files.

The file arrives at least once. A worker that dies between the provider's answer and the end of the job leaves a file
behind that the next one sends again, under the same name, with what the documents are by then.
"""

import csv
import io
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from hub.connector.uploads import UploadRun, compile_upload
from hub.core import jsontext
from hub.core.attributes import Item
from hub.integrations import connected
from hub.integrations.calls import csv_export
from hub.integrations.plans import definition_of
from hub.sync import calling, jobs, pauses
from hub.sync.jobs import Cancelled, Claim, Counters
from hub.sync.working import Noted, Work

if TYPE_CHECKING:
    from hub.connector.plan import Plan

STOP_REASON = "uploaded"


def run(work: Work, held: Claim) -> None:
    """Send the file and end the job; raises what sending raises."""
    running, secrets = calling.chosen(work, held)
    plan = compile_upload(definition_of(running.definition_text), held.job["endpointId"])
    # An upload's plan has all that its calls go out by, as any other plan has.
    means = calling.means(work, running, secrets, cast("Plan", plan))
    variables = connected.variables_of(running, jsontext.load(held.job["params"]))
    content = csv_export.csv_of(work.resources.tables.documents, held.tenant, jobs.document_type(held.job))
    give_up_at = time.monotonic() + work.resources.settings.sync_lease_s * 0.75
    name = _name(held.job)
    sent = UploadRun(plan, variables, means).send(content, name, csv_export.CONTENT_TYPE, give_up_at)
    rows = _rows(content)
    progress = {
        "page": held.job["page"] + 1,
        "counters": asdict(Counters(read=rows, created=rows)),
        "total": rows,
        "stopReason": STOP_REASON,
        "hops": 0,
        **pauses.OVER,
    }
    facts = {"fileId": sent.id, "fileName": name, "bytes": len(content), "read": rows, "created": rows}
    try:
        work.end(held, "COMPLETED", progress, Noted("completed", "file uploaded", facts))
    except Cancelled:
        work.end(held, "CANCELLED", progress, Noted("cancelled", "cancelled after the file was sent", facts))


def _name(job: Item) -> str:
    """Return for example `contact-2026-07-01T10-00-00.csv`: the same for whoever goes on with the job."""
    at = str(job["createdAt"])[:19].replace(":", "-")
    return f"{jobs.document_type(job)}-{at}.csv"


def _rows(content: bytes) -> int:
    """Return how many documents a file holds: a line of its text need not be one."""
    return sum(1 for _ in csv.reader(io.StringIO(content.decode(), newline=""))) - 1
