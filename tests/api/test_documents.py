"""Documents through their routes: local edits, reading, the change stream, and nobody else's."""

import pytest

from hub.documents import SETTLE_S
from tests.api.conftest import Hub, StoppedClock

PATH = "/api/v1/documents/contact"


def put(hub: Hub, document_id: str, **content: object) -> dict[str, object]:
    reply = hub.call("PUT", f"{PATH}/{document_id}", {"content": content})
    assert reply.status in (200, 201)
    body: dict[str, object] = reply.body
    return body


def test_document_is_created_then_replaced_with_the_next_version(hub: Hub) -> None:
    first = hub.call("PUT", f"{PATH}/c1", {"content": {"name": "Ada"}})
    second = hub.call("PUT", f"{PATH}/c1", {"content": {"name": "Grace"}})

    assert (first.status, second.status) == (201, 200)
    assert (first.body["version"], second.body["version"]) == (1, 2)
    assert hub.get(f"{PATH}/c1").body["content"] == {"name": "Grace"}


def test_deleted_document_can_be_created_again_and_keeps_counting_versions(hub: Hub) -> None:
    put(hub, "c1", name="Ada")
    hub.call("DELETE", f"{PATH}/c1")

    again = hub.call("PUT", f"{PATH}/c1", {"content": {"name": "Grace"}})

    assert (again.status, again.body["version"]) == (201, 3)
    assert hub.get(f"{PATH}/c1").body["content"] == {"name": "Grace"}


def test_edit_with_an_old_version_is_refused(hub: Hub) -> None:
    put(hub, "c1", name="Ada")
    put(hub, "c1", name="Grace")

    late = hub.call("PUT", f"{PATH}/c1", {"content": {"name": "Mallory"}}, headers={"If-Match": '"1"'})

    assert (late.status, late.code) == (409, "CONFLICT")
    assert hub.get(f"{PATH}/c1").body["content"] == {"name": "Grace"}


def test_list_walks_every_document_once_by_cursor(hub: Hub) -> None:
    names = [f"c{number:02}" for number in range(25)]
    for name in names:
        put(hub, name, n=name)
    hub.call("DELETE", f"{PATH}/c03")

    seen: list[str] = []
    query: dict[str, object] = {"limit": 7}
    while True:
        page = hub.get(PATH, query=query).body
        seen += [item["id"] for item in page["items"]]
        if not page["hasMore"]:
            break
        query = {"limit": 7, "cursor": page["nextCursor"]}

    assert seen == [name for name in names if name != "c03"]


def test_changes_show_edits_and_deletions_in_order_and_wait_for_more(hub: Hub, stopped_clock: StoppedClock) -> None:
    put(hub, "c1", n=1)
    stopped_clock.advance(1)
    put(hub, "c2", n=2)
    stopped_clock.advance(1)
    hub.call("DELETE", f"{PATH}/c1")
    stopped_clock.advance(SETTLE_S + 1)

    page = hub.get(f"{PATH}/changes").body
    again = hub.get(f"{PATH}/changes", query={"cursor": page["nextCursor"]}).body

    assert [(change["id"], change["operation"]) for change in page["changes"]] == [("c2", "upsert"), ("c1", "delete")]
    assert again["changes"] == []
    assert again["hasMore"] is False


def test_change_is_not_shown_before_slower_writes_have_settled(hub: Hub) -> None:
    put(hub, "c1", n=1)

    assert hub.get(f"{PATH}/changes").body["changes"] == []


def test_foreign_document_answers_byte_for_byte_like_a_missing_one(hub: Hub, other_hub: Hub) -> None:
    put(other_hub, "c1", name="theirs")

    foreign = hub.get(f"{PATH}/c1")
    missing = hub.get(f"{PATH}/c-missing")

    for reply in (foreign, missing):
        reply.body["error"].pop("requestId")
    assert (foreign.status, foreign.body) == (missing.status, missing.body)
    assert other_hub.get(f"{PATH}/c1").status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"content": 1}', b'{"content": {"a": NaN}}', b'{"other": {}}'])
def test_bad_body_is_a_400_in_the_envelope(hub: Hub, body: bytes) -> None:
    reply = hub.call("PUT", f"{PATH}/c1", body)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert reply.body["error"]["requestId"] == reply.headers["X-Request-Id"]


def test_deep_json_is_a_400(hub: Hub) -> None:
    deep = b'{"content": ' + b'{"a":' * 80 + b"1" + b"}" * 81

    assert hub.call("PUT", f"{PATH}/c1", deep).status == 400
    assert hub.call("PUT", f"{PATH}/c1", b'{"content": ' + b'{"a":' * 50 + b"1" + b"}" * 51).status == 201


def test_program_needs_the_scope_and_no_role(hub: Hub) -> None:
    allowed = hub.get(PATH, roles="", scopes="contacts:read")
    refused = hub.get(PATH, roles="", scopes="integrations:read")

    assert allowed.status == 200
    assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")


def test_call_without_a_verified_tenant_is_a_401_that_says_why(hub: Hub) -> None:
    reply = hub.get(PATH, context={"denied": "The token has expired."})

    assert (reply.status, reply.code) == (401, "UNAUTHENTICATED")
    assert reply.body["error"]["message"] == "The token has expired."
