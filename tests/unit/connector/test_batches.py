"""Writing many records: how they are cut, what an answer says of each, and what is never sent twice."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connector.batches import BatchRun, JobStatus, RecordResult, compile_batch
from hub.connector.definition import parse_definition
from hub.connector.plan import Means
from hub.connector.secrets import extract_secrets
from hub.connector.variables import Variables
from hub.core.errors import BadDefinition, BadRequest, Refused, Retryable
from hub.outbound.calls import NeverSent
from tests.unit.connector.batch_words import BY_KEY, ERRORS_BY_KEY, JOB, STATUS, batch, writes
from tests.unit.connector.factories import Answer, Asked, Json, Provider, definition, endpoint, reply
from tests.unit.connector.factories import run as pages

SECRET = "the-token-of-the-shop"
BEARER = {"type": "bearer", "token": SECRET}


def run(
    raw_endpoint: Json, answer: Answer, *more: Json, variables: Json | None = None, **changes: Any
) -> tuple[BatchRun, Provider]:
    provider = Provider(answer)
    stored, secrets = extract_secrets(definition(raw_endpoint, *more, **{"auth": BEARER, **changes}))
    plan = compile_batch(parse_definition(stored), "write")
    return BatchRun(plan, Variables(variables or {}), Means(provider, secrets)), provider


def written(made: BatchRun, documents: Sequence[Any]) -> list[RecordResult]:
    cut = made.batches(documents)
    results = [*cut.rejected, *(result for each in cut.batches for result in made.send(each).results)]
    return sorted(results, key=lambda result: result.index)


def echo(asked: Asked) -> Json:
    """Accept every record; its number is its id."""
    return {"results": [{"ok": True, "id": item["n"], "new": item["n"] % 2 == 0} for item in asked.json["inputs"]]}


def numbered(count: int) -> list[Json]:
    return [{"n": number, "email": f"A{number}@x.test"} for number in range(count)]


# How documents are cut


@settings(deadline=None)
@given(count=st.integers(0, 40), size=st.integers(1, 12))
def test_records_take_as_few_calls_as_the_limit_allows_and_keep_their_order(count: int, size: int) -> None:
    made, provider = run(writes(batch(size=size)), echo)

    results = written(made, numbered(count))

    assert len(provider.requests) == -(-count // size)
    assert [item["n"] for asked in provider.requests for item in asked.json["inputs"]] == list(range(count))
    assert [(result.index, result.external_id) for result in results] == [(n, str(n)) for n in range(count)]


DOCUMENT = st.fixed_dictionaries({"n": st.integers(0, 9), "text": st.text(max_size=700)})
UNSENDABLE: list[Any] = [None, 5, "x", [], {"text": "no number"}, {"n": float("nan")}]
ANY_DOCUMENT: st.SearchStrategy[Any] = DOCUMENT | st.sampled_from(UNSENDABLE)


@settings(deadline=None)
@given(documents=st.lists(ANY_DOCUMENT, max_size=30), size=st.integers(1, 8), max_bytes=st.integers(1000, 1500))
def test_every_document_has_one_result_and_no_body_is_too_large(
    documents: list[Any], size: int, max_bytes: int
) -> None:
    body = {"contentType": "application/json", "bodyType": "template", "template": '{"type": "contact"}'}
    made, provider = run(writes(batch(size=size, maxBytes=max_bytes, required=["$.n"]), body=body), echo)

    cut = made.batches(documents)
    results = written(made, documents)

    assert [result.index for result in results] == list(range(len(documents)))
    assert [len(asked.body or b"") for asked in provider.requests] == [each.body_bytes for each in cut.batches]
    assert all(each.body_bytes <= max_bytes and 1 <= len(each.items) <= size for each in cut.batches)
    assert all(
        before.body_bytes + after.items[0].size + 1 > max_bytes or len(before.items) == size
        for before, after in zip(cut.batches, cut.batches[1:], strict=False)
    )
    assert cut == made.batches(documents)


def test_key_in_the_body_counts_for_its_size() -> None:
    auth = {"type": "api_key", "keyName": "key", "keyLocation": "body", "keyValue": "k" * 300}
    made, provider = run(writes(batch(size=100, maxBytes=1000)), echo, auth=auth)

    written(made, numbered(60))

    assert all(len(asked.body or b"") <= 1000 for asked in provider.requests)
    assert all(asked.json["key"] == "k" * 300 for asked in provider.requests)


def test_documents_become_records_by_the_rules_and_the_body_gives_the_rest() -> None:
    rules = [
        {"source": "$.name", "target": "properties.firstname"},
        {"source": "$.none", "target": "type", "default": "Contact"},
    ]
    body = {"contentType": "application/json", "bodyType": "template", "template": '{"all": {{all}}, "inputs": null}'}
    made, provider = run(
        writes(batch(fieldMappings=rules), body=body), lambda _: {"results": [{}]}, variables={"all": 1}
    )

    written(made, [{"name": "Ada"}])

    record = {"properties": {"firstname": "Ada"}, "type": "Contact"}
    assert provider.requests[0].json == {"all": 1, "inputs": [record]}


def test_records_can_be_the_whole_body() -> None:
    made, provider = run(writes(batch(itemsPath="$")), lambda _: {"results": [{"ok": True}] * 2})

    written(made, [{"n": 1}, {"n": 2}])

    assert provider.requests[0].body == b'[{"n":1},{"n":2}]'


LOCAL: list[tuple[str, Any, str, str]] = [
    ("missing", {"name": "Ada"}, "REQUIRED_FIELD_MISSING", "expected a value at $.email, found none"),
    ("empty", {"email": ""}, "REQUIRED_FIELD_MISSING", "$.email"),
    ("null", {"email": None}, "REQUIRED_FIELD_MISSING", "$.email"),
    ("no object", ["x"], "UNMAPPABLE", "expected an object, found a list"),
    ("unfit", {"email": "a@x.test", "age": "old"}, "UNMAPPABLE", "Field 'age'"),
    ("large", {"email": "x" * 2000}, "RECORD_TOO_LARGE", "a request may have 1000"),
]


@pytest.mark.parametrize(("document", "code", "reason"), [case[1:] for case in LOCAL], ids=[case[0] for case in LOCAL])
def test_record_that_cannot_be_sent_is_rejected_here_with_the_reason(document: Any, code: str, reason: str) -> None:
    rules = [
        {"source": "$.email", "target": "email"},
        {"source": "$.n", "target": "n"},
        {"source": "$.age", "target": "age", "transform": {"type": "number"}},
    ]
    words = batch(fieldMappings=rules, required=["$.email"], maxBytes=1000)
    made, provider = run(writes(words), echo)

    results = written(made, [{"n": 0, "email": "b@x.test"}, document, {"n": 2, "email": "c@x.test"}])

    assert [result.outcome for result in results] == ["created", "rejected", "created"]
    assert results[1].code == code
    assert reason in str(results[1].reason)
    assert len(provider.requests[0].json["inputs"]) == 2


def test_nothing_to_write_sends_nothing() -> None:
    made, provider = run(writes(), echo)

    assert written(made, []) == []
    assert written(made, [None])[0].outcome == "rejected"
    assert provider.requests == []


# By position


def test_results_are_matched_by_position() -> None:
    answer = [
        {"ok": True, "id": 7, "new": True},
        {"ok": False, "why": "no name", "code": "E1"},
        {"ok": True, "id": "8"},
    ]
    made, _ = run(writes(), lambda _: {"results": answer})

    assert written(made, numbered(3)) == [
        RecordResult(0, "created", "7"),
        RecordResult(1, "rejected", None, "E1", "no name"),
        RecordResult(2, "updated", "8"),
    ]


def test_without_signs_every_result_is_a_record_that_was_written() -> None:
    made, _ = run(writes(batch({"match": "position", "path": "$"})), lambda _: [{}, None])

    assert {(result.outcome, result.external_id) for result in written(made, numbered(2))} == {("written", None)}


def test_refusal_without_words_has_a_reason_all_the_same() -> None:
    made, _ = run(writes(), lambda _: {"results": [{"why": None}]})

    assert "does not say why" in str(written(made, numbered(1))[0].reason)


UNFIT: list[tuple[str, Any, str]] = [
    ("fewer", {"results": [{"ok": True}]}, "expected 2 results at $.results, found 1"),
    ("more", {"results": [{"ok": True}] * 3}, "expected 2 results at $.results, found 3"),
    ("elsewhere", {"items": [1, 2], "count": 2}, "found 0; keys at top level: ['count', 'items']"),
    ("no list", {"results": {"a": 1, "b": 2}}, "found 0"),
    ("no JSON", reply(body=b"<html>", content_type="text/html"), "the answer is not JSON: status 200, 6 bytes"),
    ("nothing", reply(body=b"", status=204), "it has no content"),
]


@pytest.mark.parametrize(("answer", "reason"), [case[1:] for case in UNFIT], ids=[case[0] for case in UNFIT])
def test_answer_that_does_not_fit_leaves_no_record_without_a_result(answer: Any, reason: str) -> None:
    made, provider = run(writes(), lambda _: answer)

    results = written(made, numbered(2))

    assert [(result.index, result.outcome, result.code) for result in results] == [
        (0, "rejected", "RESULT_UNKNOWN"),
        (1, "rejected", "RESULT_UNKNOWN"),
    ]
    assert all(reason in str(result.reason) for result in results)
    assert len(provider.requests) == 1


# By key


def test_results_and_errors_are_matched_by_key_whatever_their_order_and_case() -> None:
    answer = {
        "results": [{"email": "A2@X.TEST", "id": 2}, {"email": "a0@x.test", "id": 0}],
        "errors": [{"emails": ["a1@X.test"], "why": "bad", "code": "E"}],
    }
    made, _ = run(writes(batch(BY_KEY)), lambda _: reply(answer, 207))

    assert written(made, numbered(3)) == [
        RecordResult(0, "written", "0"),
        RecordResult(1, "rejected", None, "E", "bad"),
        RecordResult(2, "written", "2"),
    ]


def test_record_that_no_result_names_is_not_taken_for_written() -> None:
    answer = {"results": [{"email": "a0@x.test"}, {"email": "other@x.test"}], "errors": [{"why": "all too much"}]}
    made, _ = run(writes(batch(BY_KEY)), lambda _: answer)

    results = written(made, numbered(2))

    assert [result.code for result in results] == [None, "RESULT_UNKNOWN"]
    for found in ("2 results and 1 errors", "other@x.test", "all too much"):
        assert found in str(results[1].reason)


def test_errors_by_key_take_silence_for_success() -> None:
    answer = {"new": [{"email": "a0@x.test", "id": 5}], "old": [], "errors": [{"emails": ["a1@x.test"], "why": "bad"}]}
    made, _ = run(writes(batch(ERRORS_BY_KEY)), lambda _: answer)

    assert written(made, numbered(3)) == [
        RecordResult(0, "created", "5"),
        RecordResult(1, "rejected", None, None, "bad"),
        RecordResult(2, "written"),
    ]


def test_silence_is_no_success_beside_an_error_that_names_no_record() -> None:
    answer = {"old": [{"email": "a0@x.test"}], "errors": [{"emails": ["who@x.test"], "why": "no such list"}]}
    made, _ = run(writes(batch(ERRORS_BY_KEY)), lambda _: answer)

    results = written(made, numbered(2))

    assert [result.outcome for result in results] == ["updated", "rejected"]
    assert "no such list" in str(results[1].reason)


def test_record_without_a_key_or_with_that_of_another_is_not_sent() -> None:
    made, provider = run(writes(batch(BY_KEY)), lambda _: {"results": [{"email": "a0@x.test"}]})

    results = written(made, [{"email": "a0@x.test"}, {"email": " A0@X.test"}, {"name": "Ada"}, {"email": ["x"]}])

    assert [result.code for result in results] == [None, "DUPLICATE_KEY", "KEY_MISSING", "KEY_MISSING"]
    assert "record 0" in str(results[1].reason)
    assert len(provider.requests[0].json["inputs"]) == 1


Says = st.sampled_from(["result", "error", "both", "nothing"])


@settings(deadline=None)
@given(says=st.lists(Says, max_size=12), strays=st.integers(0, 2), match=st.sampled_from(["key", "errors_by_key"]))
def test_every_record_has_one_result_whatever_an_answer_names(says: list[str], strays: int, match: str) -> None:
    keys = {
        kind: [f"a{n}@x.test" for n, said in enumerate(says) if said in (kind, "both")] for kind in ("result", "error")
    }
    answer = {
        "results": [{"email": key} for key in keys["result"]],
        "errors": [{"emails": keys["error"], "why": "bad"}, *[{"emails": ["who"]}] * strays],
    }
    made, _ = run(writes(batch({**BY_KEY, "match": match}, size=20)), lambda _: answer)

    results = written(made, numbered(len(says)))

    # An error that names nobody is a stray one.
    is_written = match == "errors_by_key" and not strays and keys["error"]
    silent = ("written", None) if is_written else ("rejected", "RESULT_UNKNOWN")
    expected = {"result": ("written", None), "error": ("rejected", None), "both": ("rejected", None), "nothing": silent}
    assert [(result.outcome, result.code) for result in results] == [expected[said] for said in says]


# By the status


@pytest.mark.parametrize("answer", [reply(body=b"ok"), reply({"id": 1}), reply(body=b"", status=204)])
def test_status_alone_may_say_that_all_were_written(answer: Any) -> None:
    made, _ = run(writes(batch({"match": "status"})), lambda _: answer)

    assert written(made, numbered(2)) == [RecordResult(0, "written"), RecordResult(1, "written")]


def test_error_in_an_answer_counts_for_more_than_its_status() -> None:
    raw = writes(batch({"match": "status"}), responseMapping={"errorPath": "$.error"})

    with pytest.raises(Refused, match="no hook"):
        written(run(raw, lambda _: {"error": "no hook"})[0], numbered(2))


# By a job


def test_job_accepts_the_records_and_tells_later() -> None:
    states = iter([{"state": "running"}, {"state": "done", "made": 2, "bad": "1", "more": 5}, {"state": "broken"}])

    def answer(asked: Asked) -> Any:
        return reply({"job": "j/1"}, 202) if asked.method == "POST" else next(states)

    made, provider = run(writes(batch({"match": "job"}, job=JOB)), answer, STATUS)
    sent = made.send(made.batches(numbered(3)).batches[0])
    polls = [made.poll(str(sent.job_id)) for _ in range(3)]

    assert {result.outcome for result in sent.results} == {"accepted"}
    assert polls == [
        JobStatus("pending", "running", {}),
        JobStatus("done", "done", {"created": 2, "rejected": 1}),
        JobStatus("failed", "broken", {}),
    ]
    assert [poll.is_finished for poll in polls] == [False, True, True]
    assert provider.requests[1].url == "https://api.example.com/v1/jobs/j%2F1"


def test_answer_that_names_no_job_is_no_success() -> None:
    made, _ = run(writes(batch({"match": "job"}, job=JOB)), lambda _: {"id": 1}, STATUS)

    assert written(made, numbered(1))[0].code == "RESULT_UNKNOWN"


@pytest.mark.parametrize("answer", [{"made": 1}, {"state": None}, reply(body=b"<html>"), reply({"why": "gone"}, 404)])
def test_job_that_says_nothing_is_an_error(answer: Any) -> None:
    made, _ = run(writes(batch({"match": "job"}, job=JOB)), lambda _: answer, STATUS)

    with pytest.raises(Refused):
        made.poll("j1")


def test_endpoint_without_jobs_cannot_be_asked_for_one() -> None:
    with pytest.raises(BadDefinition):
        run(writes(), echo)[0].poll("j1")


# Failures of a whole batch


def failing(*answers: Any) -> Answer:
    """Give these answers first, raise those that are errors, then accept what comes."""
    waiting = list(answers)

    def answer(asked: Asked) -> Any:
        if not waiting:
            return echo(asked)
        first = waiting.pop(0)
        if isinstance(first, Exception):
            raise first
        return first

    return answer


LIMITED = reply({"error": "slow down"}, 429)
LOST = Retryable("The answer did not come in time.")


@pytest.mark.parametrize("failure", [LIMITED, reply("no", 503), LOST], ids=["limited", "down", "lost"])
@pytest.mark.parametrize("word", [{"idempotent": True}, {"method": "PUT"}], ids=["idempotent", "PUT"])
def test_failure_that_passes_repeats_the_same_batch_alone(failure: Any, word: Json) -> None:
    made, provider = run({**writes(), **word}, failing(echo_of(3), failure))

    results = written(made, numbered(9))

    bodies = [asked.body for asked in provider.requests]
    assert len(bodies) == 4
    assert bodies[1] == bodies[2]
    assert [result.index for result in results] == list(range(9))


def echo_of(count: int) -> Json:
    return {"results": [{"ok": True, "id": n} for n in range(count)]}


@pytest.mark.parametrize("failure", [reply("no", 503), LOST], ids=["down", "lost"])
def test_batch_that_may_have_been_written_is_not_sent_again_where_that_writes_twice(failure: Any) -> None:
    made, provider = run(writes(), failing(failure))

    with pytest.raises(Refused, match="not marked `idempotent`"):
        made.send(made.batches(numbered(3)).batches[0])
    assert len(provider.requests) == 1


@pytest.mark.parametrize("failures", [[LIMITED], [NeverSent("No connection")] * 3], ids=["limited", "never sent"])
def test_batch_that_was_not_written_may_be_sent_again(failures: list[Any]) -> None:
    made, _ = run(writes(), failing(*failures))
    first = made.batches(numbered(3)).batches[0]

    with pytest.raises(Retryable):
        made.send(first)

    assert [result.index for result in made.send(first).results] == [0, 1, 2]


def test_refusal_of_a_batch_is_told_in_the_words_of_the_provider() -> None:
    answer = reply({"why": "the list is locked"}, 400)
    made, _ = run(writes(responseMapping={"errorPath": "$.why"}), lambda _: answer)

    with pytest.raises(Refused, match=r"POST \S+/v1/batch answered 400: the list is locked$"):
        written(made, numbered(1))


def test_error_inside_a_200_is_a_refusal_of_the_batch() -> None:
    made, _ = run(writes(responseMapping={"errorPath": "$.why"}), lambda _: {"why": f"no {SECRET}"})

    with pytest.raises(Refused, match=r"answered with an error: no \*\*\*\*"):
        written(made, numbered(1))


def test_error_actions_say_what_an_answer_means() -> None:
    actions = [
        {"status": [200], "path": "$.ok", "value": False, "action": "FAIL", "message": "see the list of errors"},
        {"status": [404], "action": "IGNORE", "message": "the list is gone"},
    ]
    made, _ = run(writes(errorActions=actions), failing({"ok": False}, reply("no", 404)))
    first = made.batches(numbered(2)).batches[0]

    with pytest.raises(Refused, match="see the list of errors"):
        made.send(first)
    assert made.send(first).results == [
        RecordResult(index, "rejected", None, "IGNORED", "the list is gone") for index in (0, 1)
    ]


def test_missing_parameter_is_found_before_anything_is_sent() -> None:
    with pytest.raises(BadRequest):
        run({**writes(), "path": "/lists/{list}", "pathParams": [{"name": "list"}]}, echo)


# Secrets


@pytest.mark.parametrize(
    "answer",
    [
        {"results": [{"ok": True, "id": SECRET}]},
        {"results": [{"ok": False, "why": f"bad token {SECRET}", "code": SECRET}]},
        {SECRET: 1},
        {"results": [{"ok": False, "why": {"said": [SECRET]}}]},
    ],
)
def test_no_result_repeats_a_secret(answer: Any) -> None:
    made, _ = run(writes(), lambda _: answer)

    result = written(made, numbered(1))[0]

    assert SECRET not in repr(result)
    assert result.outcome in ("updated", "rejected")


def test_call_is_told_for_the_log_without_its_query() -> None:
    query = [{"name": "q", "value": "1"}]
    made, _ = run(writes(queryParams=query), echo)

    sent = made.send(made.batches(numbered(1)).batches[0])

    assert (sent.method, sent.url, sent.status) == ("POST", "https://api.example.com/v1/batch", 200)
    assert (sent.attempts, sent.elapsed_ms, sent.job_id) == (1, 7, None)


# Endpoints without records


@pytest.mark.parametrize("answer", [reply(body=b"ok"), reply({"a": 1}), reply(body=b"", status=204)])
@pytest.mark.parametrize("operation", ["post", "health", "get", "upsert", "upload"])
def test_endpoint_without_a_response_mapping_reads_nothing(operation: str, answer: Any) -> None:
    raw = endpoint(method="POST", operation=operation)
    raw.pop("responseMapping")

    page = pages(definition(raw), Provider(lambda _: answer)).fetch()

    assert (page.records, page.next, page.stop_reason) == ([], None, "single_page")


def test_endpoint_with_an_error_path_alone_tells_its_errors() -> None:
    raw = endpoint(method="POST", operation="post", responseMapping={"errorPath": "$.error"})
    answers: list[Callable[[Asked], Any]] = [lambda _: {"ok": True}, lambda _: {"ok": False, "error": "no_channel"}]

    assert pages(definition(raw), Provider(answers[0])).fetch().records == []
    with pytest.raises(Refused, match="no_channel"):
        pages(definition(raw), Provider(answers[1])).fetch()
