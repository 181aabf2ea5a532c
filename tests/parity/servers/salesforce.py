"""The contacts of a Salesforce organisation, found by SOQL, REST API v61.0.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm.
"""

import re

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "salesforce-token-of-the-tests"
PATH = "/services/data/v61.0/query"
LOCATOR = re.compile(r"01g0000000000AAA-(\d+)")

EXPIRED = Answer(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
FORGOTTEN = Answer(400, [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}])
LIMITED = Answer(403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}])


class Contacts:
    """`tokens` are those that are good now."""

    def __init__(self, count: int) -> None:
        self._contacts = [contact(number) for number in range(1, count + 1)]
        self.tokens = {TOKEN}

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(EXPIRED)
        size = _batch_size(request.headers.get("sforce-query-options", ""))
        if request.path == PATH:
            _check_query(request.query.get("q", ""))
            return self._page(0, size)
        locator = LOCATOR.fullmatch(request.path.removeprefix(f"{PATH}/"))
        if locator is None:
            raise Refusal(FORGOTTEN)
        return self._page(int(locator[1]), size)

    def _page(self, first: int, size: int) -> Answer:
        last = first + size
        answer: Json = {"totalSize": len(self._contacts), "done": last >= len(self._contacts)}
        if not answer["done"]:
            answer["nextRecordsUrl"] = f"{PATH}/01g0000000000AAA-{last}"
        headers = {"sforce-limit-info": "api-usage=18/15000"}
        return Answer(200, {**answer, "records": self._contacts[first:last]}, headers)


def contact(number: int) -> Json:
    record_id = f"003{number:012}AAA"
    account = {"attributes": {"type": "Account", "url": "/services/data/v61.0/sobjects/Account/1"}, "Name": "Acme"}
    return {
        "attributes": {"type": "Contact", "url": f"/services/data/v61.0/sobjects/Contact/{record_id}"},
        "Id": record_id,
        "FirstName": None if number % 4 == 0 else f"Ada{number}",
        "LastName": "O'Brien",
        "Email": f"contact{number}@example.com",
        "LeadSource": ("Web", "Phone Inquiry", None)[number % 3],
        "Account": account if number % 2 else None,
        "LastModifiedDate": f"2024-04-{number % 28 + 1:02}T08:09:10.000+0000",
    }


def _batch_size(options: str) -> int:
    """Between 200 and 2000; what is asked for is a wish, and here it is granted."""
    wished = re.fullmatch(r"batchSize=(\d+)", options)
    return min(max(int(wished[1]), 200), 2000) if wished else 2000


def _check_query(soql: str) -> None:
    if not re.fullmatch(r"SELECT [\w., ]+ FROM Contact( WHERE .+)?( ORDER BY [\w, ]+)?", soql):
        raise _refusal(400, "MALFORMED_QUERY", f"unexpected token: '{soql.partition(' ')[0]}'")
    if "Company" in soql:
        raise _refusal(400, "INVALID_FIELD", "No such column 'Company' on entity 'Contact'.")


def _refusal(status: int, code: str, message: str) -> Refusal:
    return Refusal(Answer(status, [{"message": message, "errorCode": code}]))
