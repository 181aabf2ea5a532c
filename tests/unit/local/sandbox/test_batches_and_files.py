"""Many contacts with one request, and files: what is taken, what is refused, and what came of each."""

import httpx
import pytest

from local.sandbox.batches import MOST_RECORDS
from local.sandbox.files import MOST_BYTES, MOST_FILES
from local.sandbox.server import RunningSandbox

ADA = {"email": "ada@new.example", "first_name": "Ada", "last_name": "King"}


def upsert(api: httpx.Client, *records: object) -> list[dict[str, object]]:
    reply = api.post("/v1/batch/contacts", json={"contacts": records})
    assert reply.status_code == 200, reply.text
    results: list[dict[str, object]] = reply.json()["results"]
    return results


def test_contact_is_created_once_and_then_changed(api: httpx.Client) -> None:
    (created,) = upsert(api, ADA)
    (updated,) = upsert(api, {"email": ADA["email"].upper(), "phone": "+1"})

    assert (created["outcome"], updated["outcome"], created["id"]) == ("created", "updated", updated["id"])
    shown = api.get(f"/v1/contacts/{created['id']}").json()
    assert (shown["first_name"], shown["phone"]) == ("Ada", "+1")


def test_same_address_twice_in_one_batch_is_one_contact(api: httpx.Client) -> None:
    first, second = upsert(api, ADA, {**ADA, "last_name": "Byron"})

    assert (first["outcome"], second["outcome"], first["id"]) == ("created", "updated", second["id"])


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"first_name": "Ada"}, "BAD_EMAIL"),
        ({"email": "nobody"}, "BAD_EMAIL"),
        ({"email": "a@new.example"}, "MISSING_FIELD"),
        ({**ADA, "status": "GONE"}, "BAD_STATUS"),
        ({**ADA, "id": "c00001"}, "UNKNOWN_FIELD"),
        ({**ADA, "company_id": "co9999"}, "NO_COMPANY"),
        ("ada", "NO_OBJECT"),
    ],
)
def test_record_that_is_refused_keeps_no_other_out(api: httpx.Client, record: object, code: str) -> None:
    refused, taken = upsert(api, record, {**ADA, "email": "other@new.example"})

    assert refused["error"]["code"] == code  # type: ignore[index]
    assert "id" not in refused
    assert taken["outcome"] == "created"


@pytest.mark.parametrize("count", [0, MOST_RECORDS + 1])
def test_batch_of_another_size_is_refused_as_a_whole(api: httpx.Client, sandbox: RunningSandbox, count: int) -> None:
    before = len(sandbox.world.contacts.rows())

    reply = api.post(
        "/v1/batch/contacts", json={"contacts": [{**ADA, "email": f"{n}@x.example"} for n in range(count)]}
    )

    assert reply.status_code == 400
    assert str(MOST_RECORDS) in reply.json()["error"]["message"]
    assert len(sandbox.world.contacts.rows()) == before


def test_search_finds_a_part_of_a_name_in_any_case(api: httpx.Client) -> None:
    upsert(api, {**ADA, "last_name": "Zzyzx"})

    found = api.post("/v1/contacts/search", json={"query": "zZYz"}).json()

    assert (found["total"], found["items"][0]["email"]) == (1, ADA["email"])


def test_file_comes_back_as_it_was_sent(api: httpx.Client) -> None:
    made = api.post("/v1/files?name=a.csv", content=b"name\nAda\n", headers={"content-type": "text/csv"})

    back = api.get(made.headers["location"])

    assert (made.status_code, made.json()["size"]) == (201, 9)
    assert (back.content, back.headers["content-type"]) == (b"name\nAda\n", "text/csv")
    assert api.get("/v1/files").json() == {"files": [made.json()]}


def test_files_have_bounds(api: httpx.Client) -> None:
    assert api.post("/v1/files", content=b"x").status_code == 400
    assert api.post("/v1/files?name=a", content=b"x" * (MOST_BYTES + 1)).status_code == 413
    for number in range(MOST_FILES):
        assert api.post(f"/v1/files?name={number}", content=b"").status_code == 201
    assert api.post("/v1/files?name=a", content=b"").status_code == 507
    assert api.get("/v1/files/f9999").status_code == 404


def test_reset_removes_files(api: httpx.Client) -> None:
    api.post("/v1/files?name=a", content=b"x")

    api.post("/_control/reset")

    assert api.get("/v1/files").json() == {"files": []}


def test_account_says_whose_credentials_they_are(api: httpx.Client) -> None:
    assert api.get("/v1/account").json()["id"] == "sandbox-account"
    assert api.get("/auth/bearer/v1/account").status_code == 401
