"""Idempotency-Key: a request that is sent again has one effect and gets the first answer."""

from typing import Any

import pytest

from tests.api.conftest import Hub, Reply, StoppedClock, just_before, make_integration

NOTES = "/small/notes"
DAY_S = 24 * 3600


def post(hub: Hub, body: Any = None, key: str = "k1", path: str = NOTES, **options: Any) -> Reply:
    return hub.post(path, {"text": "hello"} if body is None else body, headers={"Idempotency-Key": key}, **options)


def replayed(reply: Reply) -> bool:
    return reply.headers.get("Idempotent-Replayed") == "true"


def test_repeat_gets_the_first_answer_and_changes_nothing(small_hub: Hub) -> None:
    first, second, third = (post(small_hub) for _ in range(3))

    assert (first.status, second.status, third.status) == (201, 201, 201)
    assert first.body == second.body == third.body
    assert [replayed(reply) for reply in (first, second, third)] == [False, True, True]
    assert len(small_hub.documents("note")) == 1
    assert len(small_hub.audit_entries()) == 1


def test_requests_without_a_key_each_have_their_effect(small_hub: Hub) -> None:
    """The control of the one above."""
    one, two = (small_hub.post(NOTES, {"text": "hello"}) for _ in range(2))

    assert one.body["id"] != two.body["id"]
    assert len(small_hub.documents("note")) == len(small_hub.audit_entries()) == 2


def test_other_key_is_another_request(small_hub: Hub) -> None:
    post(small_hub, key="k1")
    post(small_hub, key="k2")

    assert len(small_hub.documents("note")) == 2


def test_repeat_of_an_answer_without_a_body_has_none_either(small_hub: Hub) -> None:
    first, second = (post(small_hub, path="/small/empty/1") for _ in range(2))

    assert (first.status, second.status) == (204, 204)
    assert (first.body, second.body, replayed(second)) == (None, None, True)
    assert len(small_hub.audit_entries()) == 1


def test_same_key_with_another_body_is_a_conflict(small_hub: Hub) -> None:
    post(small_hub, {"text": "hello"})

    other = post(small_hub, {"text": "bye"})

    assert (other.status, other.code) == (409, "IDEMPOTENCY_CONFLICT")
    assert len(small_hub.documents("note")) == 1
    assert post(small_hub, {"text": "hello"}).status == 201


def test_same_key_on_another_thing_of_the_same_route_is_a_conflict(small_hub: Hub) -> None:
    post(small_hub, path="/small/empty/1")

    other = post(small_hub, path="/small/empty/2")

    assert (other.status, other.code) == (409, "IDEMPOTENCY_CONFLICT")


def test_same_key_on_another_route_is_another_request(small_hub: Hub) -> None:
    assert post(small_hub).status == 201
    assert post(small_hub, path="/small/empty/1").status == 204


def test_key_is_free_again_after_a_day_even_if_the_item_is_still_there(
    small_hub: Hub, stopped_clock: StoppedClock
) -> None:
    """DynamoDB removes expired items late, so the time is checked in code."""
    first = post(small_hub)

    stopped_clock.advance(DAY_S - 1)
    assert replayed(post(small_hub))

    stopped_clock.advance(1)
    second = post(small_hub, {"text": "bye"})
    assert (second.status, replayed(second)) == (201, False)
    assert second.body["id"] != first.body["id"]
    assert replayed(post(small_hub, {"text": "bye"}))
    assert len(small_hub.documents("note")) == 2


def test_twins_at_the_same_moment_have_one_effect_and_one_answer(small_hub: Hub) -> None:
    """The first one has looked and found nothing; then its twin does the whole work before it writes."""
    twin: list[Reply] = []

    with just_before("TransactWriteItems", lambda: twin.append(post(small_hub))):
        first = post(small_hub)

    assert (first.status, twin[0].status) == (201, 201)
    assert first.body == twin[0].body
    assert (replayed(first), replayed(twin[0])) == (True, False)
    assert len(small_hub.documents("note")) == 1
    assert len(small_hub.audit_entries()) == 1


def test_other_request_with_the_same_key_at_the_same_moment_is_a_conflict(small_hub: Hub) -> None:
    other: list[Reply] = []

    with just_before("TransactWriteItems", lambda: other.append(post(small_hub, {"text": "bye"}))):
        first = post(small_hub, {"text": "hello"})

    assert (first.status, first.code) == (409, "IDEMPOTENCY_CONFLICT")
    assert other[0].status == 201
    assert len(small_hub.documents("note")) == 1


def test_key_belongs_to_the_tenant(small_hub: Hub, other_small_hub: Hub) -> None:
    mine, theirs = post(small_hub), post(other_small_hub)

    assert (mine.status, theirs.status) == (201, 201)
    assert not replayed(theirs)
    assert mine.body["id"] != theirs.body["id"]
    assert len(other_small_hub.documents("note")) == 1


def test_key_belongs_to_who_sent_it(small_hub: Hub) -> None:
    """One user of a tenant does not get the answer that another one was given."""
    context = {"tenant": small_hub.tenant, "user": "u2", "roles": "tenant_admin", "scopes": "", "keyId": ""}

    mine, theirs = post(small_hub), post(small_hub, context=context)

    assert not replayed(theirs)
    assert mine.body["id"] != theirs.body["id"]


def test_repeat_by_a_caller_who_lost_the_right_is_refused(small_hub: Hub) -> None:
    post(small_hub)

    assert post(small_hub, roles="user").status == 403
    assert post(small_hub).status == 201


def test_refused_request_leaves_the_key_free(small_hub: Hub) -> None:
    assert post(small_hub, b"{").status == 400

    assert post(small_hub, {"text": "hello"}).status == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\nb", "a\x00"])
def test_key_that_is_no_key_is_refused(small_hub: Hub, key: str) -> None:
    reply = post(small_hub, key=key)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert small_hub.documents("note") == []
    assert post(small_hub, key="x" * 255).status == 201


def test_integration_is_created_once(hub: Hub) -> None:
    """The same on a real route, where the answer shows handles and the vault holds a secret."""
    path, body = "/api/v1/custom-integrations", make_integration()

    first, second = (post(hub, body, path=path) for _ in range(2))

    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert replayed(second)
    assert hub.get(path).body["total"] == 1
    assert len(hub.audit_entries()) == 1
