"""What a receiver that dies leaves: every webhook that was answered is stored once, whatever was lost on the way.

The naive receivers below fail at it: they show that these checks could fail.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hub.core.answers import Answer
from hub.core.attributes import Item
from hub.core.ids import new_id
from hub.core.resources import resources
from hub.core.tables import Put
from hub.webhooks.endpoints import endpoints
from hub.webhooks.endpoints.receive import Post, Receiver
from hub.webhooks.endpoints.schemes import Received
from tests.api.conftest import Hub, just_before
from tests.api.receiving import BODY, URL_SECRET, Posted, make_custom, signature
from tests.api.sync_work import recorded

STEPS = [
    ("dynamodb", "Query"),
    ("dynamodb", "GetItem"),
    ("kms", "Decrypt"),
    ("dynamodb", "PutItem"),
    ("sqs", "SendMessage"),
]


class Killed(BaseException):
    """The process ends here."""


def kill() -> None:
    raise Killed


class HintsOnly(Receiver):
    """Lets the queue carry the webhook."""

    def _put(self, _event: Item) -> Item | None:
        return None


class EachIsNew(Receiver):
    """Gives every request an id of its own."""

    def _put(self, event: Item) -> Item | None:
        resources().tables.write(Put(resources().tables.activity, {**event, "sk": new_id("iev")}))
        return None


def sent_until_answered(endpoint: Posted, make: Callable[[Any], Receiver]) -> Iterator[Answer]:
    """Yield the answers to one webhook that is sent again after each death, by a new process each time."""
    request = Received("POST", "https://hub.test/hook", {"x-signature": signature(BODY)}, BODY)
    sent = Post(endpoints.custom_lookup(endpoint.id), URL_SECRET, request, {}, "192.0.2.1")
    for service, operation in STEPS:
        with just_before(operation, kill, service):
            try:
                yield make(resources()).receive(sent)
            except Killed:
                continue
    for _ in range(3):
        yield make(resources()).receive(sent)


def stored(hub: Hub, make: Callable[[Any], Receiver]) -> list[Item]:
    """Return the events that are stored after all that."""
    endpoint = make_custom(hub)
    answers = list(sent_until_answered(endpoint, make))
    assert answers
    assert {answer.status for answer in answers} == {200}
    return endpoint.events()


def test_a_webhook_whose_receiver_dies_at_every_step_is_one_event_that_the_sweeper_finds(hub: Hub) -> None:
    (event,) = stored(hub, Receiver)

    assert event["state"] == "queued"
    assert event["dueShard"]
    assert event["dueAt"]


def test_a_receiver_that_only_hints_loses_it(hub: Hub) -> None:
    assert stored(hub, HintsOnly) == []


def test_a_receiver_that_names_events_at_random_doubles_it(hub: Hub) -> None:
    assert len(stored(hub, EachIsNew)) > 1


def test_a_hint_is_only_sent_for_what_is_stored(hub: Hub) -> None:
    endpoint = make_custom(hub)

    with recorded() as record, just_before("PutItem", kill), pytest.raises(Killed):
        endpoint.post()

    assert record.hints(hub.tenant) == []


def test_a_secret_that_cannot_be_read_is_no_business_of_the_sender(hub: Hub) -> None:
    """It is answered 503, so that the webhook comes again when the secret has been entered anew."""
    endpoint = make_custom(hub)
    table = resources().tables.credentials
    (record,) = table.query_all("pk = :pk", {"pk": f"{hub.tenant}#{endpoints.SECRETS_KIND}"})
    record["fields"]["secret.1"]["c"] = b"no ciphertext"
    resources().tables.write(Put(table, record))

    broken = endpoint.post()

    assert (broken.status, broken.code) == (503, "SERVICE_UNAVAILABLE")
    assert "secret" not in broken.body["error"]["message"]
    endpoint.store(secret_1="canary-signing-secret-of-an-endpoint")
    assert endpoint.post().status == 200
