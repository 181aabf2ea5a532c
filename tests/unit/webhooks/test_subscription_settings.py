"""How the words of S004 become a retry rule and the rest of a subscription's settings."""

from typing import Any

import pytest

from hub.core import jsontext
from hub.core.attributes import Item
from hub.webhooks.subscriptions.subscription_models import NewSubscription
from hub.webhooks.subscriptions.subscription_settings import delays, settled
from hub.webhooks.subscriptions.subscriptions import CARDS, STANDARD, V1, DisableRule, RetryRule


def of(surface: str = "v1", **changed: Any) -> Item:
    body = {"name": "n", "url": "https://a.example.com", "eventTypes": ["a"], **changed}
    return settled(NewSubscription.model_validate(body), surface)


def rule(item: Item) -> RetryRule:
    return RetryRule.of(jsontext.load(item["retry"]))


@pytest.mark.parametrize(
    ("intervals", "retries", "expected"),
    [
        ([60, 300], 2, (60, 300)),
        ([60, 300], 1, (60,)),
        ([60, 300], 0, ()),
        ([60, 300], 5, (60, 300, 300, 300, 300)),
    ],
)
def test_delays_are_cut_or_the_last_one_repeated(
    intervals: list[float], retries: int, expected: tuple[float, ...]
) -> None:
    assert delays(intervals, retries) == expected


@pytest.mark.parametrize(("profile", "expected"), [("cards", CARDS), ("v1", V1), ("standard", STANDARD)])
def test_profile_alone_is_its_rule(profile: str, expected: RetryRule) -> None:
    assert rule(of(retryProfile=profile)) == expected


@pytest.mark.parametrize(
    ("surface", "expected", "payload_format", "disable"),
    [
        ("cards", CARDS, "cards", DisableRule(failures_in_a_row=10)),
        ("v1", V1, "standard", DisableRule(hours_without_success=120)),
    ],
)
def test_each_surface_has_its_defaults(
    surface: str, expected: RetryRule, payload_format: str, disable: DisableRule
) -> None:
    found = of(surface)

    assert (rule(found), found["payloadFormat"]) == (expected, payload_format)
    assert DisableRule.of(jsontext.load(found["autoDisable"])) == disable


def test_own_intervals_keep_jitter_and_time_of_the_profile() -> None:
    assert rule(of(retryIntervals=[1, 2], timeoutMs=1234)) == RetryRule((1, 2), 1234, V1.jitter)


def test_one_attempt_where_retries_are_off_and_the_words_stay() -> None:
    found = of(retryEnabled=False, maxRetries=3)

    assert rule(found).max_attempts == 1
    assert jsontext.load(found["retryConfig"]) == {
        "retryProfile": "v1",
        "retryEnabled": False,
        "maxRetries": 3,
        "retryIntervals": [60, 300, 900, 3600, 7200],
    }


def test_empty_rule_never_disables() -> None:
    assert DisableRule.of(jsontext.load(of(autoDisable={})["autoDisable"])) == DisableRule()


def test_type_that_is_named_twice_is_kept_once_and_as_it_is_written() -> None:
    assert of(eventTypes=["CARD_VIEW", "a.*", "CARD_VIEW"])["eventTypes"] == ["CARD_VIEW", "a.*"]
