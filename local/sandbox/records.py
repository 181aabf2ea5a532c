"""Single records: read, create, change and delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.sandbox.faults import drifted
from local.sandbox.listing import Lister, unpaged, updated_since
from local.sandbox.messages import FORM_TYPE, Json, Refusal, Request, Response, as_json
from local.sandbox.world import Row, Table, World

STATUSES = ("ACTIVE", "INACTIVE", "DELETED")
_READ_ONLY = ("id", "created_at", "updated_at", "company_name")


class Records:
    """The handlers of `/v1/contacts/{id}`, `/v1/companies/{id}` and what hangs below them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self, table: Table) -> Callable[[Request], Response]:
        return lambda request: _shown(request, _known(table.get, request))

    def contacts_of_company(self, request: Request) -> Response:
        """`{"contacts": [...]}`, not paged."""
        return unpaged("contacts", self._of_company(request), request)

    def contact_pages_of_company(self, lister: Lister) -> Callable[[Request], Response]:
        """The handler that lists a company's contacts in one of the ways of `listing`; 404 for no such company."""
        return lambda request: lister(request, self._of_company(request))

    def _of_company(self, request: Request) -> list[Row]:
        since = updated_since(request.args)
        found: list[Row] = _known(lambda company_id: self._world.contacts_of(company_id, since), request)
        return found

    def create_contact(self, request: Request) -> Response:
        """201 with the contact, from a JSON or form body; first_name and last_name are required."""
        fields = _fields(request)
        missing = [name for name in ("first_name", "last_name") if not fields.get(name)]
        if missing:
            raise Refusal(400, f"Required and missing: {', '.join(missing)}")
        contact = self._written(lambda: self._world.add_contact(**fields))
        location = f"{request.base}/v1/contacts/{contact['id']}"
        return as_json(contact, 201, (("location", location),))

    def update_contact(self, request: Request) -> Response:
        """200 with the contact; fields that are not sent stay."""
        _known(self._world.contacts.get, request)
        fields = _fields(request)
        return as_json(self._written(lambda: self._world.update_contact(request.params["id"], **fields)))

    def delete_contact(self, request: Request) -> Response:
        """204; the contact is gone from all lists."""
        _known(self._world.delete_contact, request)
        return Response(204)

    def search_contacts(self, request: Request) -> Response:
        """`{"items": [...], "total": N}` for `{"filter": {"status": "ACTIVE"}, "query"?, "offset": 0, "limit": 100}`.

        `query` is a part of a name or an e-mail address.
        """
        body = request.object()
        wanted, offset, limit = body.get("filter", {}), body.get("offset", 0), body.get("limit", 100)
        text = str(body.get("query", "")).lower()
        if not isinstance(wanted, dict) or not all(type(each) is int and each >= 0 for each in (offset, limit)):
            raise Refusal(400, "filter must be an object, offset and limit whole numbers")
        rows = [row for row in self._world.contacts.rows() if _fits(row.content, wanted, text)]
        page = rows[offset : offset + min(limit, 200)]
        return as_json({"items": [row.content for row in page], "total": len(rows)})

    def _written(self, write: Callable[[], Json]) -> Json:
        try:
            return write()
        except KeyError as cause:
            raise Refusal(400, f"company_id: there is no company {cause}") from cause


def echo(request: Request) -> Response:
    """What arrived: method, path, query parameters, headers and the body as text."""
    return as_json(
        {
            "method": request.method,
            "path": request.base + request.path,
            "query": request.args,
            "headers": dict(request.headers),
            "body": request.body.decode(errors="replace"),
        }
    )


def _known(find: Callable[[str], Any], request: Request) -> Any:
    try:
        return find(request.params["id"])
    except KeyError as cause:
        raise Refusal(404, f"There is no record {request.params['id']}") from cause


def _shown(request: Request, record: Json) -> Response:
    return as_json(drifted(record) if "schema_drift" in request.faults else record)


def _fields(request: Request) -> Json:
    fields: Json = dict(request.form()) if request.media_type == FORM_TYPE else request.object()
    fixed = [name for name in _READ_ONLY if name in fields]
    if fixed:
        raise Refusal(400, f"Set by the provider, not by you: {', '.join(fixed)}")
    if fields.get("status", "ACTIVE") not in STATUSES:
        raise Refusal(400, f"status must be one of {', '.join(STATUSES)}, found {fields['status']!r}")
    if not isinstance(fields.get("company_id"), str | None):
        raise Refusal(400, "company_id must be a string or null")
    if fields.get("email") is not None and "@" not in str(fields["email"]):
        raise Refusal(400, f"email must hold an @, found {fields['email']!r}")
    return fields


def account(_request: Request) -> Response:
    """Whose account this is: `{"id", "name", "plan"}`; for whoever wants to know that the credentials are good."""
    return as_json({"id": "sandbox-account", "name": "Sandbox account", "plan": "free"})


def _fits(content: Json, wanted: Json, text: str) -> bool:
    searched = (str(content.get(name) or "").lower() for name in ("first_name", "last_name", "email"))
    return wanted.items() <= _plain(content).items() and (not text or any(text in each for each in searched))


def _plain(content: Json) -> Json:
    """The fields that a filter can compare."""
    return {name: value for name, value in content.items() if not isinstance(value, dict | list)}
