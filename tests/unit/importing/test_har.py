"""HAR logs: the requests of one API, with what their answers tell."""

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from hub.core.errors import BadDefinition
from hub.integrations.importing import seen
from hub.integrations.importing.exchange import Exchange
from hub.integrations.importing.read import FROM_HAR
from hub.integrations.importing.warnings import Warnings
from tests.unit.importing.sources import Json, endpoint, entry, har, imported, messages, only

SECRET = "s3cr3t-0123456789-canary"
APP = "https://app.example.com"
ORDERS = json.dumps({"orders": [{"order_id": 1, "customer": "Ann"}], "next_cursor": "abc", "total": 2})


def test_answer_tells_where_records_are_and_how_they_are_paged() -> None:
    log = har(entry(f"{APP}/api/v2/orders?cursor=NTI1&limit=25", ORDERS), entry(f"{APP}/api/v2/orders/7", '{"id": 7}'))

    made = imported(har=log)

    assert made.definition["baseUrl"] == f"{APP}/api/v2"
    assert endpoint(made, "get-orders") == {
        "id": "get-orders",
        "name": "GET /orders",
        "method": "GET",
        "path": "/orders",
        "responseMapping": {"dataPath": "$.orders", "identifierField": "order_id", "targetShardTypeId": "orders"},
        "pagination": {
            "type": "cursor",
            "cursorParam": "cursor",
            "cursorPath": "$.next_cursor",
            "limitParam": "limit",
            "maxLimit": 25,
        },
    }


def test_requests_that_differ_in_ids_are_one_endpoint() -> None:
    uuid = "0b0e7a52-7c0e-4c7e-9d5a-3c2f8f6a1b2c"
    urls = [f"{APP}/users/{user}/orders/{order}?v=1&t={order}" for user in (1, 2) for order in (7, uuid)]

    made = only(imported(har=har(*map(entry, urls))))

    assert made["path"] == "/users/{userId}/orders/{orderId}"
    assert [each["name"] for each in made["pathParams"]] == ["userId", "orderId"]
    assert made["queryParams"] == [
        {"name": "v", "type": "number", "default": 1},
        {"name": "t", "type": "number"},
    ]


def test_single_id_stays_as_it_is() -> None:
    assert only(imported(har=har(entry(f"{APP}/users/17/orders"))))["path"] == "/users/17/orders"


def test_files_pages_and_other_hosts_are_left_out() -> None:
    log = har(
        entry(f"{APP}/", "<html>", mime="text/html"),
        entry(f"{APP}/main.js", "x", mime="application/javascript"),
        entry(f"{APP}/logo.png", None, mime=""),
        entry("https://stats.example.net/collect", "{}", method="POST"),
        entry(f"{APP}/api/me", method="OPTIONS"),
        entry(f"{APP}/api/me"),
        entry(f"{APP}/api/things"),
    )

    made = imported(har=log)

    assert [each["id"] for each in made.definition["endpoints"]] == ["get-me", "get-things"]
    assert "1 other origins" in messages(made)
    assert "scripts, images and other files" in messages(made)


def test_recorded_values_of_a_body_are_not_kept() -> None:
    """What somebody typed once belongs to nobody else's request."""
    posted = {"mimeType": "application/json", "text": json.dumps({"name": "Ann Smith", "tags": ["x"], "a": {"b": 1}})}
    form = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "who", "value": "Ann Smith"}]}
    log = har(entry(f"{APP}/a", method="POST", postData=posted), entry(f"{APP}/b", method="POST", postData=form))

    made = imported(har=log)

    assert endpoint(made, "post-a")["body"]["schema"]["properties"] == {
        "name": {"type": "string"},
        "tags": {"type": "array"},
        "a": {"type": "object", "properties": {"b": {"type": "number"}}},
    }
    assert endpoint(made, "post-b")["body"]["schema"]["properties"] == {"who": {"type": "string"}}
    assert "Ann" not in json.dumps(made.definition)


def test_graphql_requests_are_told_apart_by_their_text() -> None:
    bodies = [
        json.dumps({"query": f"query {{ {name} {{ id }} }}", "variables": {"a": 1}}) for name in ("users", "orders")
    ]
    log = har(
        *(
            entry(f"{APP}/graphql", method="POST", postData={"mimeType": "application/json", "text": body})
            for body in (*bodies, bodies[0])
        )
    )

    made = imported(har=log)

    queries = [each["body"]["schema"]["properties"]["query"]["value"] for each in made.definition["endpoints"]]
    assert queries == ["query { users { id } }", "query { orders { id } }"]


@pytest.mark.parametrize("found", [{"status": 500}, {"answer": '{"cut'}, {"answer": None}, {"status": 302}])
def test_answer_that_says_nothing_is_not_used(found: Json) -> None:
    made = imported(har=har(entry(f"{APP}/a", **{"answer": ORDERS, **found})))

    assert only(made)["responseMapping"]["dataPath"] == "$"
    assert "the answer is not known" in messages(made, "/har/log/entries/0")


def test_answer_in_base64_is_read() -> None:
    seen = entry(f"{APP}/orders", base64.b64encode(ORDERS.encode()).decode())
    seen["response"]["content"]["encoding"] = "base64"

    assert only(imported(har=har(seen)))["responseMapping"]["dataPath"] == "$.orders"


def test_link_header_of_an_answer_is_followed() -> None:
    seen = entry(f"{APP}/orders?page=1", '[{"id": 1}]')
    seen["response"]["headers"] = [{"name": "Link", "value": '<https://x>; rel="next"'}]

    assert only(imported(har=har(seen)))["pagination"] == {"type": "link", "nextLinkPath": "header:Link"}


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ({"headers": {"Authorization": f"Bearer {SECRET}"}}, "bearer"),
        ({"headers": {"Cookie": f"sid={SECRET}"}}, "api_key"),
        ({"cookies": [{"name": "sid", "value": SECRET}]}, "api_key"),
        ({"headers": {"X-CSRF-Token": SECRET, "Cookie": f"a={SECRET}"}}, "custom_headers"),
        ({"url": f"{APP}/a?access_token={SECRET}"}, "api_key"),
    ],
)
def test_credentials_become_auth_and_stand_nowhere_else(sent: Json, kind: str) -> None:
    made = imported(har=har(entry(**{"url": f"{APP}/a", **sent})))

    assert made.definition["auth"]["type"] == kind
    assert SECRET in json.dumps(made.definition["auth"])
    assert SECRET not in json.dumps([made.shown(), made.warnings, made.definition["endpoints"]])


def test_headers_of_the_browser_are_left_out() -> None:
    headers = {":authority": "x", "sec-fetch-mode": "cors", "referer": APP, "x-client-version": "7", "accept": "*/*"}

    assert only(imported(har=har(entry(f"{APP}/a", headers=headers))))["headers"] == {"x-client-version": "7"}


@pytest.mark.parametrize("log", [{}, {"log": []}, {"log": {"entries": {}}}, har(), har({}), har(entry("/a")), "{"])
def test_what_is_no_log_is_refused(log: Any) -> None:
    with pytest.raises(BadDefinition) as error:
        imported(har=log)

    assert error.value.problems[0].pointer.startswith("/har")


@pytest.mark.parametrize("names", [2, 500])
def test_query_is_read_as_often_when_it_is_long(names: int) -> None:
    """Read once per name, a log of 200 KB would keep the function busy until it is ended."""
    reads: list[int] = []

    class Counted(Exchange):
        @property
        def query(self) -> list[tuple[str, str]]:
            reads.append(names)
            return super().query

    url = urlsplit("https://api.example.com/things?" + "&".join(f"name{number}=1" for number in range(names)))

    made = seen.definition([Counted("here", "GET", url)], FROM_HAR, None, Warnings())

    assert len(made["endpoints"][0]["queryParams"]) == names
    assert len(reads) < 10
