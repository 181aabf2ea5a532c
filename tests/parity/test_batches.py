"""Writing with the examples: many records in few calls, and each with its own result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from hub.connector.batches import BatchResult, BatchRun, RecordResult, compile_batch
from hub.connector.definition import parse_definition
from hub.connector.pages import Means
from hub.connector.secrets import extract_secrets
from hub.connector.variables import Variables
from hub.core.errors import Refused, Retryable
from hub.outbound.client import Client
from hub.outbound.guard import Guard
from tests.parity.servers import hubspot, mailchimp
from tests.parity.serving import Answer, Api, Handle, Json, serving
from tests.parity.walking import OPERATORS_LIST, Setting, at, example


@dataclass(frozen=True)
class Target:
    """An API that records are written to: `known` is the e-mail address of a record that is there before."""

    name: str
    server: Callable[[int], Handle]
    setting: Setting
    size: int
    known: str
    limited: Answer


TARGETS = (
    Target(
        "mailchimp-members",
        mailchimp.Members,
        Setting({"password": mailchimp.KEY}, settings={"listId": mailchimp.LIST}),
        size=500,
        known="member3@example.com",
        limited=mailchimp.LIMITED,
    ),
    Target(
        "hubspot-contacts",
        hubspot.Contacts,
        Setting({"token": hubspot.TOKEN}),
        size=100,
        known="contact3@example.com",
        limited=hubspot.LIMITED,
    ),
)
each = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@dataclass(frozen=True)
class Writing:
    """What writes, and what the API saw of it."""

    api: Api
    run: BatchRun

    def written(self, documents: list[Json]) -> list[RecordResult]:
        """Send every batch and return one result for each document, in their order."""
        made = self.run.batches(documents)
        sent: list[BatchResult] = [self.run.send(batch) for batch in made.batches]
        results = made.rejected + [result for one in sent for result in one.results]
        return sorted(results, key=lambda result: result.index)


@contextmanager
def writing(target: Target, setting: Setting | None = None, *, retries: int = 3) -> Iterator[Writing]:
    chosen = setting or target.setting
    with serving(target.server(5)) as api, Client(Guard.from_text(OPERATORS_LIST)) as client:
        stored, secrets = extract_secrets(at(example(target.name), api.url, chosen))
        plan = compile_batch(parse_definition(stored), "upsert")
        policy = replace(plan.plan.exchange.policy, first_delay_s=0.0, max_delay_s=0.0, max_retries=retries)
        quick = replace(plan.plan, exchange=replace(plan.plan.exchange, policy=policy))
        run = BatchRun(replace(plan, plan=quick), Variables({}, chosen.settings), Means(client, secrets))
        yield Writing(api, run)


def contact(number: int, **changes: Any) -> Json:
    return {"email": f"new{number}@example.com", "firstName": f"Ada{number}", "lastName": "King", **changes}


@each
def test_records_are_written_in_as_few_calls_as_the_api_allows(target: Target) -> None:
    count = 2 * target.size + 1

    with writing(target) as write:
        results = write.written([contact(number) for number in range(count)])

    assert [result.index for result in results] == list(range(count))
    assert {result.outcome for result in results} == {"created"}
    assert len({result.external_id for result in results}) == count
    assert len(write.api.requests) == 3


@each
def test_record_that_fails_is_told_with_its_reason_and_the_others_are_written(target: Target) -> None:
    documents = [
        contact(0, email=target.known.upper()),
        contact(1, email="nobody"),
        contact(2),
        contact(3, email=None),
        contact(4, email=target.known),
        contact(5, email="nowhere"),
    ]

    with writing(target) as write:
        results = write.written(documents)

    assert [result.outcome for result in results] == [
        "updated",
        "rejected",
        "created",
        "rejected",
        "rejected",
        "rejected",
    ]
    assert [result.code for result in results][3:5] == ["REQUIRED_FIELD_MISSING", "DUPLICATE_KEY"]
    assert results[1].code == results[5].code
    assert "valid" in str(results[1].reason)
    assert len(write.api.requests) == 1


@each
def test_rate_limit_repeats_its_own_batch_and_no_other(target: Target) -> None:
    documents = [contact(number) for number in range(3 * target.size)]

    with writing(target) as write:
        made = write.run.batches(documents)
        write.run.send(made.batches[0])
        write.api.instead.append(target.limited)
        write.run.send(made.batches[1])
        write.run.send(made.batches[2])

    bodies = [request.body for request in write.api.requests]
    assert len(bodies) == 4
    assert bodies[1] == bodies[2]
    assert len(set(bodies)) == 3


@each
def test_rate_limit_that_stays_leaves_the_batch_to_be_sent_again(target: Target) -> None:
    with writing(target, retries=1) as write:
        batch = write.run.batches([contact(1)]).batches[0]
        write.api.instead.extend([target.limited] * 2)
        with pytest.raises(Retryable):
            write.run.send(batch)
        results = write.run.send(batch).results

    assert [result.outcome for result in results] == ["created"]


@each
def test_wrong_credentials_are_told_as_such_and_write_nothing(target: Target) -> None:
    with writing(target, replace(target.setting, auth={})) as write, pytest.raises(Refused) as caught:
        write.written([contact(1)])

    assert "the credentials were refused" in caught.value.message
    assert len(write.api.requests) == 1
