"""Single records, ETags and the world behind them."""

from datetime import UTC, datetime

import httpx
import pytest

from local.sandbox.people import ascii_name
from local.sandbox.server import RunningSandbox, start
from local.sandbox.world import World


def test_same_seed_gives_the_same_world() -> None:
    one, same, other = World(seed=1, contacts=50), World(seed=1, contacts=50), World(seed=2, contacts=50)

    contents = [[row.content for row in world.contacts.rows()] for world in (one, same, other)]

    assert contents[0] == contents[1] != contents[2]


def test_world_leaves_some_optional_fields_empty_and_some_out(sandbox: RunningSandbox) -> None:
    contacts = [row.content for row in sandbox.world.contacts.rows()]

    assert {contact["status"] for contact in contacts} == {"ACTIVE", "INACTIVE", "DELETED"}
    assert any(contact["phone"] is None for contact in contacts)
    assert any("address" not in contact for contact in contacts)
    assert any("address" in contact for contact in contacts)


def test_changes_get_later_times_when_the_clock_stands_still() -> None:
    world = World(contacts=5, companies=1, clock=lambda: datetime(2025, 1, 1, tzinfo=UTC))

    times = [world.update_contact("c00001", phone=None)["updated_at"] for _ in range(3)]

    assert times == sorted(set(times))


@pytest.mark.parametrize(("name", "expected"), [("Łukasz", "lukasz"), ("Ελένη", "eleni"), ("Weiß", "weiss")])
def test_mail_name_is_ascii(name: str, expected: str) -> None:
    assert ascii_name(name) == expected


def test_contact_is_created_changed_and_deleted(api: httpx.Client) -> None:
    created = api.post("/v1/contacts", json={"first_name": "Ada", "last_name": "Byron", "company_id": "co0002"})
    path = created.headers["location"]

    changed = api.patch(path, json={"status": "INACTIVE"})
    deleted = api.delete(path)

    assert (created.status_code, changed.status_code, deleted.status_code) == (201, 200, 204)
    assert changed.json() == {**created.json(), "status": "INACTIVE", "updated_at": changed.json()["updated_at"]}
    assert changed.json()["updated_at"] > created.json()["updated_at"]
    assert api.get(path).status_code == 404


def test_contact_is_created_from_a_form(api: httpx.Client) -> None:
    reply = api.post("/v1/contacts", data={"first_name": "Zoë", "last_name": "Byron"})

    assert reply.status_code == 201
    assert reply.json()["first_name"] == "Zoë"


@pytest.mark.parametrize(
    "body",
    [
        {"first_name": "Ada"},
        {"first_name": "Ada", "last_name": "Byron", "id": "c1"},
        {"first_name": "Ada", "last_name": "Byron", "status": "gone"},
        {"first_name": "Ada", "last_name": "Byron", "email": "nowhere"},
        {"first_name": "Ada", "last_name": "Byron", "company_id": "co9999"},
        {"first_name": "Ada", "last_name": "Byron", "company_id": ["co0001"]},
        ["Ada"],
    ],
)
def test_contact_is_refused_when_the_body_is_wrong(api: httpx.Client, sandbox: RunningSandbox, body: object) -> None:
    reply = api.post("/v1/contacts", json=body)

    assert reply.status_code == 400
    assert len(sandbox.world.contacts.rows()) == 10_000


def test_company_shows_its_contacts(api: httpx.Client) -> None:
    found = api.get("/v1/companies/co0001/contacts").json()["contacts"]

    assert found
    assert {contact["company_id"] for contact in found} == {"co0001"}
    assert api.get("/v1/companies/co9999/contacts").status_code == 404


def test_search_in_the_body_finds_what_it_names(api: httpx.Client) -> None:
    reply = api.post("/v1/contacts/search", json={"filter": {"status": "DELETED"}, "offset": 10, "limit": 5}).json()

    assert {contact["status"] for contact in reply["items"]} == {"DELETED"}
    assert len(reply["items"]) == 5
    assert reply["total"] > 500


def test_unchanged_answer_is_304_for_its_etag_until_it_changes(api: httpx.Client, sandbox: RunningSandbox) -> None:
    path = "/v1/cursor/contacts"
    tag = {"If-None-Match": api.get(path).headers["etag"]}

    unchanged = api.get(path, headers=tag)
    sandbox.world.update_contact("c00001", phone=None)
    changed = api.get(path, headers=tag)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert changed.status_code == 200


def test_unknown_path_is_404_and_wrong_method_405(api: httpx.Client) -> None:
    assert api.get("/v1/nothing").status_code == 404
    assert api.delete("/v1/page/contacts").headers["allow"] == "GET"


def test_index_tells_where_everything_is(api: httpx.Client, sandbox: RunningSandbox) -> None:
    description = api.get("/").json()

    assert description["holds"] == {"contacts": 10_000, "companies": 500}
    assert api.get(description["start_here"]).status_code == 200
    assert description["oauth"]["token"].startswith(f"{sandbox.url}/oauth/token")


def test_other_host_names_and_foreign_pages_are_kept_out(api: httpx.Client, sandbox: RunningSandbox) -> None:
    """A web page may point a name of its own at 127.0.0.1, or post across origins."""
    rebound = api.get("/v1/page/contacts", headers={"Host": "rebound.example"})
    foreign = api.post("/_control/reset", headers={"Origin": "http://page.example"})
    own = api.post("/_control/reset", headers={"Origin": sandbox.url})

    assert (rebound.status_code, foreign.status_code, own.status_code) == (421, 403, 204)


def test_two_sandboxes_share_nothing(sandbox: RunningSandbox) -> None:
    with start() as other:
        other.world.delete_contact("c00001")
        other.faults.add("/v1", "status_500")

        assert httpx.get(f"{other.url}/v1/contacts/c00001", trust_env=False).status_code == 500
        assert httpx.get(f"{sandbox.url}/v1/contacts/c00001", trust_env=False).status_code == 200
