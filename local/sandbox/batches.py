"""Writing many contacts with one request: an upsert by e-mail address that tells of each record what became of it."""

from __future__ import annotations

from typing import Any

from local.sandbox.messages import Json, Refusal, Request, Response, as_json
from local.sandbox.records import STATUSES
from local.sandbox.world import World

MOST_RECORDS = 50
_WRITABLE = frozenset({"email", "first_name", "last_name", "phone", "status", "job_title", "company_id", "tags"})


class Batches:
    """The handler of `/v1/batch/contacts`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def upsert_contacts(self, request: Request) -> Response:
        """`{"results": [{"email", "id", "outcome": "created"} or {"email", "error": {code, message}}]}`, in order."""
        records = request.object().get("contacts")
        if not isinstance(records, list) or not 1 <= len(records) <= MOST_RECORDS:
            found = len(records) if isinstance(records, list) else "none"
            raise Refusal(400, f"contacts must be a list of 1 to {MOST_RECORDS} records, found {found}")
        known = {str(row.content.get("email")).lower(): row.id for row in self._world.contacts.rows()}
        return as_json({"results": [self._upserted(record, known) for record in records]})

    def _upserted(self, record: Any, known: dict[str, str]) -> Json:
        email = str(record.get("email") or "") if isinstance(record, dict) else ""
        fault = _fault(record, email, is_new=email.lower() not in known)
        if fault:
            return {"email": email, "error": {"code": fault[0], "message": fault[1]}}
        try:
            contact_id, outcome = self._written(record, known.get(email.lower()))
        except KeyError as cause:
            return {"email": email, "error": {"code": "NO_COMPANY", "message": f"There is no company {cause}"}}
        known[email.lower()] = contact_id
        return {"email": email, "id": contact_id, "outcome": outcome}

    def _written(self, record: Json, contact_id: str | None) -> tuple[str, str]:
        if contact_id is not None:
            self._world.update_contact(contact_id, **record)
            return contact_id, "updated"
        return self._world.add_contact(**record)["id"], "created"


def _fault(record: Any, email: str, is_new: bool) -> tuple[str, str] | None:
    if not isinstance(record, dict):
        return "NO_OBJECT", "A record must be a JSON object"
    if "@" not in email:
        return "BAD_EMAIL", f"email must hold an @, found {email!r}"
    if unknown := sorted(record.keys() - _WRITABLE):
        return "UNKNOWN_FIELD", f"Not a field that can be set: {', '.join(unknown)}"
    if is_new and (missing := [name for name in ("first_name", "last_name") if not record.get(name)]):
        return "MISSING_FIELD", f"Required for a new contact and missing: {', '.join(missing)}"
    if record.get("status", "ACTIVE") not in STATUSES:
        return "BAD_STATUS", f"status must be one of {', '.join(STATUSES)}"
    return None
