from typing import Any

import pytest

from hub.connector.plan import Page
from hub.core.errors import Refused, Retryable
from tests.unit.connector.factories import Json, Provider, definition, endpoint, problems_of, reply, run

OAUTH = {
    "type": "oauth2",
    "grantType": "client_credentials",
    "tokenUrl": "https://id.example.com/token",
    "clientId": "hub",
    "clientSecret": "the-client-secret",
}
CURSOR = {"type": "cursor", "cursorParam": "after", "cursorPath": "$.next"}


class Tokens:
    """Gives token-1, and the next one each time one is refused."""

    def __init__(self) -> None:
        self.number = 1
        self.rejected: list[str] = []

    def current(self) -> str:
        return f"access-token-{self.number}"

    def renewed(self, rejected: str) -> str:
        self.rejected.append(rejected)
        self.number += 1
        return self.current()

    def known(self) -> frozenset[str]:
        return frozenset({f"access-token-{number}" for number in range(1, self.number + 1)})


def acting(*actions: Json, **changes: Any) -> Json:
    return definition(endpoint(errorActions=list(actions), **changes))


def first_page(raw: Json, *answers: Any, **means: Any) -> tuple[Page, Provider]:
    """Fetch the first page of a provider that gives the answers in turn, the last one for ever."""
    waiting = list(answers)
    provider = Provider(lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0])
    return run(raw, provider, **means).fetch(), provider


ITEMS = {"items": [{"id": 1}]}


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ({"status": [404]}, reply({"a": 1}, 404)),
        ({"status": ["4xx"]}, reply({"a": 1}, 418)),
        ({"status": [500, "4xx"]}, reply({"a": 1}, 499)),
        ({"path": "$.error"}, reply({"error": "gone"})),
        ({"path": "$.ok", "value": False}, reply({"ok": False})),
        ({"path": "$.code", "value": 5}, reply({"code": 5.0})),
        ({"path": "$.code", "value": None}, reply({"code": None})),
        ({"contains": "no such list"}, reply({"message": "no such list"})),
        ({"status": [200], "path": "$.error", "contains": "gone"}, reply({"error": "gone"})),
    ],
)
def test_action_is_taken_when_all_its_conditions_hold(condition: Json, answer: Any) -> None:
    page, _ = first_page(acting({**condition, "action": "IGNORE"}), answer)

    assert (page.records, page.next, page.stop_reason) == ([], None, "ignored")


@pytest.mark.parametrize(
    "condition",
    [
        {"status": [404]},
        {"status": ["5xx"]},
        {"path": "$.error"},
        {"path": "$.ok", "value": False},
        {"path": "$.ok", "value": 1},
        {"path": "$.missing", "value": None},
        {"contains": "No such list"},
        {"status": [200], "path": "$.ok", "contains": "gone"},
    ],
)
def test_action_is_not_taken_when_a_condition_does_not_hold(condition: Json) -> None:
    answer = {"ok": True, "error": None, "note": "no such list", **ITEMS}

    page, _ = first_page(acting({**condition, "action": "IGNORE"}), answer)

    assert [record.external_id for record in page.records] == ["1"]


def test_condition_on_the_body_does_not_hold_for_an_answer_that_is_no_json() -> None:
    raw = acting({"path": "$.error", "action": "IGNORE"})

    with pytest.raises(Refused, match="answered 404: gone"):
        first_page(raw, reply(status=404, body=b"gone"))


def test_first_rule_that_holds_decides_and_the_endpoint_comes_first() -> None:
    own = [{"status": [404], "action": "FAIL", "message": "mine"}, {"status": [404], "action": "IGNORE"}]
    raw = definition(endpoint(errorActions=own), errorActions=[{"status": [404, 410], "action": "IGNORE"}])

    with pytest.raises(Refused, match=r"answered 404.*\(mine\)"):
        first_page(raw, reply({}, 404))
    assert first_page(raw, reply({}, 410))[0].stop_reason == "ignored"


def test_failure_inside_a_200_is_an_error_with_the_words_of_the_provider_and_of_the_rule() -> None:
    failing = {"path": "$.ok", "value": False, "action": "FAIL", "message": "ask the owner of the workspace"}
    raw = acting(failing, responseMapping={"dataPath": "$.items", "identifierField": "id", "errorPath": "$.error"})

    with pytest.raises(Refused, match=r"answered 200: account_inactive \(ask the owner of the workspace\)"):
        first_page(raw, {"ok": False, "error": "account_inactive", "items": []})


def test_success_reads_an_answer_whose_status_says_otherwise() -> None:
    page, _ = first_page(acting({"status": [404], "action": "SUCCESS"}), reply(ITEMS, 404))

    assert [record.external_id for record in page.records] == ["1"]


@pytest.mark.parametrize("action", ["RETRY", "RATE_LIMITED"])
def test_retry_repeats_a_call_whose_status_is_no_reason_to(action: str) -> None:
    raw = acting({"path": "$.error", "value": "busy", "action": action})

    page, provider = first_page(raw, {"error": "busy"}, {"error": "busy"}, ITEMS)

    assert (len(provider.requests), len(page.records), page.attempts) == (3, 1, 3)


def test_retry_that_never_helps_is_an_error_that_may_be_tried_later() -> None:
    raw = acting({"path": "$.error", "value": "busy", "action": "RETRY"})

    with pytest.raises(Retryable, match="answered 200"):
        first_page(raw, {"error": "busy"})


def test_status_that_is_tried_again_by_default_can_be_made_to_fail_at_once() -> None:
    provider = Provider(lambda _: reply({}, 503))

    with pytest.raises(Refused, match="answered 503"):
        run(acting({"status": [503], "action": "FAIL"}), provider).fetch()

    assert len(provider.requests) == 1


def test_pagination_starts_again_when_the_cursor_is_forgotten_but_not_for_ever() -> None:
    raw = acting({"status": [410], "action": "RESET_PAGINATION"}, pagination=CURSOR)
    provider = Provider(lambda asked: reply({}, 410) if "after" in asked.query else {**ITEMS, "next": "c2"})
    pages, page = run(raw, provider), run(raw, provider).fetch()
    for _ in range(3):
        page = pages.fetch(pages.fetch(page.next).next)
        assert [record.external_id for record in page.records] == ["1"]

    with pytest.raises(Refused, match="answered 410"):
        pages.fetch(page.next)


def test_reset_of_the_first_page_is_a_failure() -> None:
    raw = acting({"status": [410], "action": "RESET_PAGINATION"}, pagination=CURSOR)

    with pytest.raises(Refused, match="answered 410"):
        first_page(raw, reply({}, 410))


@pytest.mark.parametrize(
    ("actions", "refusal"),
    [
        ([], reply({}, 401)),
        (
            [{"path": "$.error", "value": "token_expired", "action": "REFRESH_TOKEN_THEN_RETRY"}],
            {"error": "token_expired"},
        ),
    ],
)
def test_refused_token_is_renewed_once_and_the_call_repeated(actions: list[Json], refusal: Any) -> None:
    tokens = Tokens()
    raw = definition(endpoint(errorActions=actions), auth=OAUTH)

    page, provider = first_page(raw, refusal, ITEMS, tokens=tokens)

    assert len(page.records) == 1
    assert tokens.rejected == ["access-token-1"]
    assert [asked.headers["authorization"] for asked in provider.requests] == [
        "Bearer access-token-1",
        "Bearer access-token-2",
    ]


def test_next_rule_says_what_an_answer_means_when_a_new_token_did_not_help() -> None:
    """Salesforce: a query's locator dies with the session that it was made in."""
    gone = {"path": "$.error", "value": "INVALID_SESSION_ID"}
    rules = [{**gone, "action": "REFRESH_TOKEN_THEN_RETRY"}, {**gone, "action": "RESET_PAGINATION"}]
    raw = definition(endpoint(errorActions=rules, pagination=CURSOR), auth=OAUTH)
    refusal = {"error": "INVALID_SESSION_ID"}
    provider = Provider(lambda asked: refusal if "after" in asked.query else {**ITEMS, "next": "c2"})
    pages = run(raw, provider, tokens=Tokens())

    page = pages.fetch(pages.fetch().next)

    assert page.next is not None
    assert page.next.kind == "first"


def test_token_that_is_refused_again_is_an_error() -> None:
    provider = Provider(lambda _: reply({"seen": "access-token-1"}, 401))
    raw = definition(auth=OAUTH)

    with pytest.raises(Refused, match="credentials were refused") as caught:
        run(raw, provider, tokens=Tokens()).fetch()

    assert len(provider.requests) == 2
    assert "access-token" not in caught.value.message


def test_token_that_was_replaced_is_hidden_as_the_new_one_is() -> None:
    raw = definition(auth=OAUTH)

    page, _ = first_page(raw, reply({}, 401), {"items": [{"id": "access-token-1"}, {"id": 2}]}, tokens=Tokens())

    assert [record.external_id for record in page.records] == [None, "2"]


@pytest.mark.parametrize(
    ("action", "pointer"),
    [
        ({"action": "FAIL"}, ""),
        ({"status": [], "action": "FAIL"}, "/status"),
        ({"status": [42], "action": "FAIL"}, "/status/0"),
        ({"status": ["6xx"], "action": "FAIL"}, "/status/0"),
        ({"status": [400], "value": 1, "action": "FAIL"}, "/value"),
        ({"path": "error", "value": [1], "action": "FAIL"}, "/value"),
        ({"path": "$[", "action": "FAIL"}, "/path"),
        ({"contains": "", "action": "FAIL"}, "/contains"),
        ({"status": [400], "action": "PANIC"}, "/action"),
        ({"status": [401], "action": "REFRESH_TOKEN_THEN_RETRY"}, "/action"),
    ],
)
def test_bad_rule_is_refused_where_it_stands(action: Json, pointer: str) -> None:
    for raw, place in (
        (acting(action), "/endpoints/0/errorActions/0"),
        (definition(errorActions=[action]), "/errorActions/0"),
    ):
        found = problems_of(raw)

        assert any(where.startswith(place + pointer) for where in found), found
