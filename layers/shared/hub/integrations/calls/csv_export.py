"""Documents as a CSV file (RFC 4180) that a spreadsheet can open without running what stands in it."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hub import documents
from hub.core.caller import Tenant
from hub.core.errors import TooLarge
from hub.core.tables import Table

Json = dict[str, Any]

# What fits into the time of one request.
MOST_DOCUMENTS = 20_000
PAGE = 1000
CONTENT_TYPE = "text/csv"
# A spreadsheet takes a cell that begins so for a formula; numbers and telephone numbers begin so too and are none.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[\d\s().,/-]*\d[\d\s().,/-]*(?:[eE][+-]?\d+)?")
# Excel reads UTF-8 only behind this mark.
_MARK = "\ufeff"


def csv_of(table: Table, tenant: Tenant, document_type: str, columns: Sequence[str] = ()) -> bytes:
    """Return all documents of a type, one a line; without `columns` every field that one of them has, `id` first.

    Raises TooLarge for more than MOST_DOCUMENTS.
    """
    rows = [{"id": item["sk"], **json.loads(item["content"])} for item in _all(table, tenant, document_type)]
    names = list(columns) or ["id", *sorted({name for row in rows for name in row} - {"id"})]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return (_MARK + text.getvalue()).encode(errors="replace")


def _all(table: Table, tenant: Tenant, document_type: str) -> Iterator[Json]:
    after: str | None = None
    count = 0
    while True:
        items, has_more = documents.list_page(table, tenant, document_type, PAGE, after)
        count += len(items)
        if count > MOST_DOCUMENTS:
            raise TooLarge(f"There are more than {MOST_DOCUMENTS} documents of this type; export them with a sync.")
        yield from items
        if not has_more:
            return
        after = items[-1]["sk"]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    is_formula = isinstance(value, str) and _FORMULA.match(text) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
