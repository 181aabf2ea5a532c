"""Matching: which names mean which events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.webhooks.events.event_types import is_name
from hub.webhooks.events.match import matches, pattern_fault, subscribed_name
from hub.webhooks.subscriptions.subscriptions import Subscription

CREATED = {"type": "contact.created", "data": '{"amount":5}'}


def subscription(*event_types: str, pattern: str = "", name: str = "sub_1") -> Subscription:
    return Subscription({"pk": "acme#subscription", "sk": name, "eventTypes": list(event_types), "filter": pattern})


@pytest.mark.parametrize(
    ("patterns", "name"),
    [
        (["contact.created"], "contact.created"),
        (["CONTACT_CREATED"], "CONTACT_CREATED"),
        (["contact.*"], "contact.created"),
        (["*"], "contact.created"),
        (["*", "CONTACT_CREATED"], "CONTACT_CREATED"),
        (["contact.created", "CONTACT_CREATED"], "contact.created"),
        (["contact.updated"], None),
        (["contact"], None),
        (["cont.*"], None),
        (["contact.created.*"], None),
        (["CARD_VIEW"], None),
        (["contact_created"], None),
        ([], None),
    ],
)
def test_event_is_sent_under_the_name_it_was_subscribed_by(patterns: list[str], name: str | None) -> None:
    assert matches(subscription(*patterns), CREATED) == name


def test_prefix_covers_all_that_is_below_it() -> None:
    assert subscribed_name(["a.*"], "a.b.c") == "a.b.c"
    assert subscribed_name(["a.b.*"], "a.b.c") == "a.b.c"
    assert subscribed_name(["a.b.*"], "a.b") is None
    assert subscribed_name(["a.*"], "ab.c") is None


def test_alias_of_a_tenants_type_is_given_by_the_caller() -> None:
    assert subscribed_name(["ORDER_PAID"], "order.paid", ["ORDER_PAID"]) == "ORDER_PAID"
    assert subscribed_name(["ORDER_PAID"], "order.paid") is None


@pytest.mark.parametrize("pattern", ["*", "webhook.*", "web*", "WEBHOOK_FAILED"])
def test_event_about_webhooks_meets_no_wildcard(pattern: str) -> None:
    assert subscribed_name([pattern], "webhook.failed") is None
    assert subscribed_name([pattern, "webhook.failed"], "webhook.failed") == "webhook.failed"


@given(st.lists(st.sampled_from(["*", "webhook.*", "sync.*", "webhook.delivered", "contact.*"])))
def test_no_wildcard_ever_means_an_event_about_webhooks(patterns: list[str]) -> None:
    for event_type in ("webhook.received", "webhook.failed", "webhook.subscription_disabled"):
        assert subscribed_name(patterns, event_type) is None


@pytest.mark.parametrize(("pattern", "name"), [('{"data":{"amount":5}}', "*"), ('{"data":{"amount":6}}', None)])
def test_filter_decides_among_the_events_of_a_type(pattern: str, name: str | None) -> None:
    assert matches(subscription("*", pattern=pattern), CREATED) == (name and "contact.created")


def test_filter_sees_the_type_as_it_is_stored() -> None:
    assert matches(subscription("CONTACT_CREATED", pattern='{"type":"contact.created"}'), CREATED) == "CONTACT_CREATED"


def test_addressed_event_is_for_one_subscription_whatever_it_subscribed_to() -> None:
    addressed = {**CREATED, "addressedTo": "sub_1"}

    assert matches(subscription("card.viewed", pattern='{"data":{"amount":6}}'), addressed) == "contact.created"
    assert matches(subscription("*", name="sub_2"), addressed) is None


@pytest.mark.parametrize(
    "pattern", ["*", "contact.created", "contact.*", "a.b.*", "CONTACT_CREATED", "webhook.failed", "a"]
)
def test_pattern_that_can_mean_something_is_accepted(pattern: str) -> None:
    assert pattern_fault(pattern) is None


@pytest.mark.parametrize(
    "pattern", ["", "**", "*.created", "contact.*.x", "con*", ".*", "webhook.*", "a b", "A.*", "x" * 129]
)
def test_pattern_that_can_mean_nothing_is_refused(pattern: str) -> None:
    assert pattern_fault(pattern)


@given(st.from_regex(r"[a-z0-9]{1,5}(\.[a-z0-9]{1,5}){0,3}", fullmatch=True))
def test_every_type_meets_itself_its_prefix_and_the_wildcard(event_type: str) -> None:
    assert is_name(event_type)
    assert subscribed_name([event_type], event_type) == event_type
    is_own = event_type.startswith("webhook.")
    assert subscribed_name(["*"], event_type) == (None if is_own else event_type)
    prefix, _, last = event_type.rpartition(".")
    assert not last or not prefix or is_own or subscribed_name([f"{prefix}.*"], event_type) == event_type
