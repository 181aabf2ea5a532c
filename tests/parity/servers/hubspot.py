"""The contacts of a HubSpot account, CRM API v3.

Source: https://developers.hubspot.com/docs/api/crm/contacts, https://developers.hubspot.com/docs/api/usage-details.
"""

from tests.parity.serving import Answer, Json, Refusal, Request

TOKEN = "hubspot-token-of-the-tests"
MOST_PER_PAGE, MOST_PER_SEARCH_PAGE, MOST_RESULTS, MOST_PER_BATCH = 100, 200, 10_000, 100
CORRELATION = "00000000-0000-4000-8000-000000000000"
# What is answered where no property was asked for.
DEFAULT_PROPERTIES = "createdate,email,firstname,hs_object_id,lastmodifieddate,lastname"


def limited(policy: str, period: str) -> Answer:
    content = {
        "status": "error",
        "message": f"You have reached your {period} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": CORRELATION,
        "policyName": policy,
    }
    return Answer(429, content)


LIMITED = limited("TEN_SECONDLY_ROLLING", "ten_secondly_rolling")
LIMITED_FOR_THE_DAY = limited("DAILY", "daily")


class Contacts:
    def __init__(self, count: int) -> None:
        self._contacts = [contact(number) for number in range(1, count + 1)]

    def __call__(self, request: Request) -> Answer:
        _check_token(request)
        if (request.method, request.path) == ("POST", "/crm/v3/objects/contacts/search"):
            return self._search(request.json())
        if (request.method, request.path) == ("POST", "/crm/v3/objects/contacts/batch/upsert"):
            return self._upserted(request.json()["inputs"])
        if request.path != "/crm/v3/objects/contacts":
            raise Refusal(Answer(404, text="Not found"))
        limit = int(request.query.get("limit", "10"))
        if limit > MOST_PER_PAGE:
            raise _refusal(400, f"The value {limit} exceeds the maximum of {MOST_PER_PAGE} for limit")
        first = self._first(request.query.get("after", "0"))
        names = request.query.get("properties", DEFAULT_PROPERTIES).split(",")
        answer: Json = {"results": [_shown(one, names) for one in self._contacts[first : first + limit]]}
        if first + limit < len(self._contacts):
            after = str(first + limit)
            answer["paging"] = {"next": {"after": after, "link": f"https://api.hubapi.com{request.path}?after={after}"}}
        return Answer(200, answer, {"x-hubspot-ratelimit-max": "100", "x-hubspot-ratelimit-remaining": "99"})

    def _search(self, body: Json) -> Answer:
        limit, first = body.get("limit", 10), self._first(str(body.get("after", "0")))
        if limit > MOST_PER_SEARCH_PAGE or first + limit > MOST_RESULTS:
            raise _refusal(400, f"A search has pages of {MOST_PER_SEARCH_PAGE} and {MOST_RESULTS} results at most")
        filters = [one for group in body.get("filterGroups", []) for one in group["filters"]]
        found = [contact for contact in self._contacts if all(_fits(contact, one) for one in filters)]
        shown = [_shown(one, body.get("properties", [])) for one in found[first : first + limit]]
        paging = {"paging": {"next": {"after": str(first + limit)}}} if first + limit < len(found) else {}
        return Answer(200, {"total": len(found), "results": shown, **paging})

    def _upserted(self, inputs: list[Json]) -> Answer:
        """A 207 where some fail; a batch that is too large, or names a contact twice, fails as a whole."""
        keys = [str(one["id"]).lower() for one in inputs]
        if len(inputs) > MOST_PER_BATCH or len(set(keys)) < len(keys):
            raise _refusal(400, f"A batch has at most {MOST_PER_BATCH} inputs, none of them twice")
        invalid = [one["id"] for one in inputs if "@" not in one["id"]]
        results = [self._one_upserted(one) for one in inputs if one["id"] not in invalid]
        answer: Json = {"status": "COMPLETE", "results": results, "startedAt": "", "completedAt": ""}
        if not invalid:
            return Answer(200, answer)
        message = "Property values were not valid: email"
        error = {"status": "error", "category": "VALIDATION_ERROR", "message": message, "context": {"ids": invalid}}
        return Answer(207, {**answer, "numErrors": 1, "errors": [error]})

    def _one_upserted(self, given: Json) -> Json:
        email = given["id"].lower()
        known = next((one for one in self._contacts if one["properties"]["email"].lower() == email), None)
        made = known or contact(len(self._contacts) + 1)
        made["properties"] |= {**given["properties"], given["idProperty"]: email}
        self._contacts += [] if known else [made]
        return {**made, "new": known is None}

    def _first(self, after: str) -> int:
        if not after.isdigit():
            raise _refusal(400, f"Unable to infer object type from after: {after}")
        return int(after)


def contact(number: int) -> Json:
    return {
        "id": str(500 + number),
        "properties": {
            "createdate": "2024-01-02T03:04:05.678Z",
            "email": f"Contact{number}@Example.com",
            "firstname": f"Ada{number}",
            "lastname": "Lovelace" if number % 2 else None,
            "hs_object_id": str(500 + number),
            "lastmodifieddate": f"2024-04-{number % 28 + 1:02}T00:00:00Z",
            "jobtitle": "",
            "annualrevenue": f"{number}000.5" if number % 3 else "",
            "hs_email_optout": "true" if number % 5 == 0 else None,
            "lifecyclestage": ("lead", "customer", "opportunity")[number % 3],
        },
        "createdAt": "2024-01-02T03:04:05.678Z",
        "updatedAt": f"2024-04-{number % 28 + 1:02}T00:00:00Z",
        "archived": False,
    }


def _fits(one: Json, filter_: Json) -> bool:
    if filter_["operator"] != "GTE":
        raise _refusal(400, f"Invalid operator {filter_['operator']}")
    return bool((one["properties"].get(filter_["propertyName"]) or "") >= filter_["value"])


def _shown(one: Json, names: list[str]) -> Json:
    """A property that a contact lacks is null, one that the account lacks is left out."""
    return {**one, "properties": {name: one["properties"][name] for name in names if name in one["properties"]}}


def _check_token(request: Request) -> None:
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        message = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
        raise _refusal(401, message, "INVALID_AUTHENTICATION")


def _refusal(status: int, message: str, category: str = "VALIDATION_ERROR") -> Refusal:
    content = {"status": "error", "message": message, "correlationId": CORRELATION, "category": category}
    return Refusal(Answer(status, content))
