"""Every way of paging walks over all records once, in pages of the size asked for."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.sandbox.server import RunningSandbox

Pages = Iterator[list[dict[str, Any]]]

QUERY = """query Walk($after: String, $since: String) {
  contacts(first: 200, after: $after, updatedSince: $since) {
    edges { node { id firstName lastName email company { name } } } pageInfo { hasNextPage endCursor } totalCount
  }
}"""


def offset_pages(api: httpx.Client, path: str, **params: str) -> Pages:
    offset = 0
    while items := api.get(path, params={"offset": offset, "limit": 200, **params}).json()["data"]["items"]:
        yield items
        offset += len(items)


def page_pages(api: httpx.Client, path: str, **params: str) -> Pages:
    number, more = 1, True
    while more:
        body = api.get(path, params={"page": number, "per_page": 200, **params}).json()
        yield body["results"]
        number, more = number + 1, body["has_more"]


def cursor_pages(api: httpx.Client, path: str, **params: str) -> Pages:
    after: dict[str, str] | None = {}
    while after is not None:
        body = api.get(path, params={"limit": "200", **after, **params}).json()
        yield body["results"]
        after = body.get("paging", {}).get("next")


def link_pages(api: httpx.Client, path: str, **params: str) -> Pages:
    url: str | None = str(httpx.URL(path, params={"per_page": "200", **params}))
    while url:
        reply = api.get(url)
        yield reply.json()
        url = reply.links.get("next", {}).get("url")


def nextlink_pages(api: httpx.Client, path: str, **params: str) -> Pages:
    url: str | None = str(httpx.URL(path, params={"limit": "200", **params}))
    while url:
        body = api.get(url).json()
        yield body["records"]
        assert body["done"] is ("nextRecordsUrl" not in body)
        url = body.get("nextRecordsUrl")


def graphql_pages(api: httpx.Client, _path: str, updated_since: str | None = None) -> Pages:
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        variables = {"after": page["endCursor"], "since": updated_since}
        found = api.post("/graphql", json={"query": QUERY, "variables": variables}).json()["data"]["contacts"]
        yield [edge["node"] for edge in found["edges"]]
        page = found["pageInfo"]


Walk = Callable[..., Pages]
REST_WALKS: list[tuple[str, Walk]] = [
    ("offset", offset_pages),
    ("page", page_pages),
    ("cursor", cursor_pages),
    ("link", link_pages),
    ("nextlink", nextlink_pages),
]
ALL_WALKS = [*REST_WALKS, ("graphql", graphql_pages)]
KINDS = [kind for kind, _ in REST_WALKS]


@pytest.mark.parametrize(("kind", "walk"), ALL_WALKS, ids=[kind for kind, _ in ALL_WALKS])
def test_walk_meets_every_contact_once(api: httpx.Client, kind: str, walk: Walk) -> None:
    pages = list(walk(api, f"/v1/{kind}/contacts"))

    ids = [contact["id"] for page in pages for contact in page]
    assert len(ids) == len(set(ids)) == 10_000
    assert {len(page) for page in pages} == {200}


@pytest.mark.parametrize(("kind", "walk"), REST_WALKS, ids=KINDS)
def test_walk_meets_every_company_once(api: httpx.Client, kind: str, walk: Walk) -> None:
    ids = [company["id"] for page in walk(api, f"/v1/{kind}/companies") for company in page]

    assert len(ids) == len(set(ids)) == 500


@pytest.mark.parametrize(("kind", "walk"), ALL_WALKS, ids=[kind for kind, _ in ALL_WALKS])
def test_walk_meets_only_later_contacts_when_filtered(
    api: httpx.Client, sandbox: RunningSandbox, kind: str, walk: Walk
) -> None:
    border = sandbox.world.contacts.get("c09701")["updated_at"]

    pages = list(walk(api, f"/v1/{kind}/contacts", updated_since=border))

    ids = [contact["id"] for page in pages for contact in page]
    assert ids == [f"c{number:05d}" for number in range(9_701, 10_001)]


NESTED = [(kind, walk) for kind, walk in REST_WALKS if kind != "nextlink"]


@pytest.mark.parametrize(("kind", "walk"), NESTED, ids=[kind for kind, _ in NESTED])
def test_walk_meets_every_contact_of_one_company_once(
    api: httpx.Client, sandbox: RunningSandbox, kind: str, walk: Walk
) -> None:
    path, own = f"/v1/{kind}/companies/co0001/contacts", sandbox.world.contacts_of("co0001")
    changed = sandbox.world.update_contact(own[-1].id, job_title="Pilot")

    every = [contact["id"] for page in walk(api, path) for contact in page]
    later = [contact["id"] for page in walk(api, path, updated_since=changed["updated_at"]) for contact in page]

    assert every == [row.id for row in own]
    assert later == [changed["id"]]


def test_company_that_is_gone_has_no_list(api: httpx.Client, sandbox: RunningSandbox) -> None:
    sandbox.world.delete_company("co0001")

    assert api.get("/v1/cursor/companies/co0001/contacts").status_code == 404
    assert api.get("/v1/companies/co0001/contacts").status_code == 404


def test_changed_contact_passes_the_filter_of_the_latest_change(api: httpx.Client, sandbox: RunningSandbox) -> None:
    first = sandbox.world.update_contact("c00005", job_title="Pilot")

    second = sandbox.world.add_contact(first_name="Ada", last_name="Byron", company_id="co0001")

    found = api.get("/v1/cursor/contacts", params={"updated_since": first["updated_at"]}).json()["results"]
    assert [contact["id"] for contact in found] == ["c00005", second["id"]]
    assert second["company_name"] == sandbox.world.companies.get("co0001")["name"]


def test_cursor_goes_on_behind_its_place_when_that_contact_is_deleted(
    api: httpx.Client, sandbox: RunningSandbox
) -> None:
    paging = api.get("/v1/cursor/contacts", params={"limit": "100"}).json()["paging"]

    sandbox.world.delete_contact("c00100")

    following = api.get("/v1/cursor/contacts", params={"limit": "100", **paging["next"]}).json()["results"]
    assert following[0]["id"] == "c00101"


def test_page_is_cut_to_the_largest_size_when_more_is_asked(api: httpx.Client) -> None:
    assert len(api.get("/v1/offset/contacts?limit=5000").json()["data"]["items"]) == 200
    assert len(api.get("/v1/offset/contacts").json()["data"]["items"]) == 100


@pytest.mark.parametrize(
    "query",
    [
        "offset/contacts?limit=x",
        "offset/contacts?limit=0",
        "offset/contacts?offset=-1",
        "page/contacts?page=0",
        "page/contacts?per_page=%C2%B2",
        "link/contacts?page=1.5",
        "cursor/contacts?after=not-a-cursor",
        "cursor/contacts?after=bnVsbA",
        "nextlink/contacts/xx",
        "cursor/contacts?updated_since=yesterday",
        "cursor/contacts?updated_since=9999-12-31T23:59:59-14:00",
    ],
)
def test_list_refuses_a_bad_parameter(api: httpx.Client, query: str) -> None:
    reply = api.get(f"/v1/{query}")

    assert reply.status_code == 400
    assert reply.json()["error"]["message"]


def test_links_keep_the_access_prefix(api: httpx.Client) -> None:
    headers = {"Authorization": "Bearer sandbox-bearer-0123456789abcdef"}

    link = api.get("/auth/bearer/v1/link/contacts", headers=headers).links["next"]["url"]
    body = api.get("/auth/bearer/v1/nextlink/contacts", headers=headers).json()

    assert "/auth/bearer/v1/link/contacts?" in link
    assert body["nextRecordsUrl"].startswith("/auth/bearer/v1/nextlink/contacts/")


def test_graphql_error_comes_in_a_200(api: httpx.Client) -> None:
    unknown = api.post("/graphql", json={"query": "{ nobody }"})
    refused = api.post("/graphql", json={"query": "{ contacts(first: 0) { totalCount } }"})

    assert [unknown.status_code, refused.status_code] == [200, 200]
    assert "nobody" in unknown.json()["errors"][0]["message"]
    assert refused.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


def test_graphql_shows_nested_and_single_records(api: httpx.Client, sandbox: RunningSandbox) -> None:
    contact = sandbox.world.contacts.get("c00001")

    reply = api.post(
        "/graphql", json={"query": '{ contact(id: "c00001") { jobTitle company { id } address { city } } }'}
    )

    assert reply.json()["data"]["contact"] == {
        "jobTitle": contact["job_title"],
        "company": {"id": contact["company_id"]},
        "address": {"city": contact["address"]["city"]},
    }
