"""10,000 contacts to each CRM and mailing system: as few calls as their limits allow, and every fault told once."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from tests.parity.serving import Json
from tests.providers.connecting import Account, Written, connected
from tests.providers.shapes import BY_SLUG, contact

COUNT, LIMIT_EACH, BAD_EACH = 10_000, 7, 100
# Limits of the APIs themselves: of records in one request.
LIMITS = {"salesforce": 200, "hubspot": 100, "zoho-crm": 100, "mailchimp": 500, "sendgrid": 30_000}
ITEMS = {
    "salesforce": "records",
    "hubspot": "inputs",
    "zoho-crm": "data",
    "mailchimp": "members",
    "sendgrid": "contacts",
}
each = pytest.mark.parametrize("slug", LIMITS)


def _documents(slug: str) -> list[Json]:
    """Return contacts of which one in a hundred is bad: refused by the provider or, by turns, before it is sent."""
    forms = ("",) if slug == "sendgrid" else ("", "no address {}@@")
    return [
        contact(number, email=forms[number // BAD_EACH % len(forms)].format(number))
        if number % BAD_EACH == 50
        else contact(number)
        for number in range(COUNT)
    ]


def _sent(account: Account, slug: str) -> list[Json]:
    return [item for request in account.fake.accepted for item in json.loads(request.body)[ITEMS[slug]]]


@each
def test_ten_thousand_contacts(slug: str, capsys: pytest.CaptureFixture[str]) -> None:
    shape, documents = BY_SLUG[slug], _documents(slug)
    bad = {place for place in range(COUNT) if place % BAD_EACH == 50}
    with connected(shape.connecting, shape.fake(0)) as account:
        account.fake.limit_next(1)
        account.fake.limit_every(LIMIT_EACH)
        began = time.perf_counter()
        result = account.write(documents)
        took_s = time.perf_counter() - began
        sent = _sent(account, slug)

    unsent = sum(1 for place in bad if documents[place]["email"] == "")
    held: Any = account.fake
    assert len(account.fake.accepted) == -(-(COUNT - unsent) // LIMITS[slug])
    assert len(account.fake.calls) == len(account.fake.accepted) + account.fake.limits_given
    assert account.fake.limits_given == 1 + len(account.fake.calls) // LIMIT_EACH
    assert (len(result.results), set(result.reasons())) == (COUNT, bad)
    assert all(result.reasons().values())
    assert max(Counter(json.dumps(item, sort_keys=True) for item in sent).values()) == 1
    assert len(held.contacts) == COUNT - len(bad)
    with capsys.disabled():
        print(_figures(slug, account, result, took_s))  # noqa: T201


def test_writer_that_begins_again_after_a_limit_is_seen() -> None:
    """The broken variant: it sends everything once more, and the provider has more calls than it needs."""
    shape, documents = BY_SLUG["hubspot"], [contact(number) for number in range(300)]
    with connected(shape.connecting, shape.fake(0)) as account:
        run = account.batch_run()
        batches = run.batches(documents).batches
        for batch in [*batches[:2], *batches]:
            run.send(batch)
        sent = _sent(account, "hubspot")

    assert len(account.fake.accepted) > 300 / LIMITS["hubspot"]
    assert max(Counter(json.dumps(item, sort_keys=True) for item in sent).values()) == 2


def _figures(slug: str, account: Account, result: Written, took_s: float) -> str:
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(Counter(result.outcomes()).items()))
    limited = account.fake.limits_given
    return (
        f"\n{slug}: {COUNT} contacts in {len(account.fake.accepted)} accepted calls of {LIMITS[slug]},"
        f" {limited} limited and repeated, {outcomes}, {took_s:.1f} s"
    )
