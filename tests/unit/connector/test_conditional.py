"""Conditional requests (RFC 9110, 13.1): a page that has not changed is not sent again."""

import json
from dataclasses import replace
from typing import Any

import pytest

from hub.connector.conditional import Validators
from hub.core.errors import Refused
from tests.unit.connector.factories import Asked, Provider, definition, endpoint, reply, run

ETAG, SINCE = '"v1"', "Sat, 21 Nov 2026 10:00:00 GMT"


def versioned(asked: Asked) -> Any:
    if asked.headers.get("if-none-match") == ETAG:
        return reply(status=304, body=b"")
    return reply({"items": [{"id": 1}]}, etag=ETAG, last_modified=SINCE)


def validators_before() -> Validators:
    found = run(definition(), Provider(versioned)).fetch().validators
    assert found is not None
    return Validators.from_json(json.loads(json.dumps(found.to_json())))


def test_page_tells_how_to_ask_whether_it_changed() -> None:
    assert validators_before().headers == {"if-none-match": ETAG, "if-modified-since": SINCE}


def test_unchanged_page_is_read_as_one_without_records() -> None:
    page = run(definition(), Provider(versioned), validators=validators_before()).fetch()

    assert (page.records, page.next, page.stop_reason, page.status) == ([], None, "not_modified", 304)


def test_unchanged_page_can_be_asked_for_in_the_same_way_again() -> None:
    validators = validators_before()
    unchanged = reply(status=304, body=b"", etag=ETAG)

    page = run(definition(), Provider(lambda _: unchanged), validators=validators).fetch()

    assert page.validators is not None
    assert page.validators.request == validators.request


def test_changed_page_is_read_as_always() -> None:
    old = replace(validators_before(), headers={"if-none-match": '"v0"'})

    page = run(definition(), Provider(versioned), validators=old).fetch()

    assert len(page.records) == 1


def test_another_request_is_not_answered_by_the_version_of_this_one() -> None:
    provider = Provider(versioned)
    other = definition(endpoint(queryParams=[{"name": "since", "value": "2026-11-21"}]))

    page = run(other, provider, validators=validators_before()).fetch()

    assert "if-none-match" not in provider.requests[0].headers
    assert len(page.records) == 1


def test_304_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(Refused, match="304"):
        run(definition(), Provider(lambda _: reply(status=304, body=b""))).fetch()


@pytest.mark.parametrize("etag", ["", "x" * 513, 'W/"\u00e9"', '"the-stored-secret"'])
def test_validator_that_cannot_be_sent_back_or_repeats_a_secret_is_not_kept(etag: str) -> None:
    auth = {"type": "bearer", "token": "the-stored-secret"}
    provider = Provider(lambda _: reply({"items": []}, etag=etag))

    assert run(definition(auth=auth), provider).fetch().validators is None
