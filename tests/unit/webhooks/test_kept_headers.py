import pytest

from hub.webhooks.endpoints.kept_headers import LONGEST_VALUE, MOST_HEADERS, kept


@pytest.mark.parametrize(
    "name",
    [
        "content-type",
        "user-agent",
        "x-github-event",
        "x-github-delivery",
        "x-gitlab-event",
        "x-event-key",
        "x-shopify-topic",
        "x-shopify-shop-domain",
        "webhook-id",
        "ce-type",
        "x-slack-retry-num",
        "x-goog-resource-state",
    ],
)
def test_what_says_what_a_webhook_is_about_is_kept(name: str) -> None:
    assert kept({name: "v"}, ()) == {name: "v"}


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "x-gitlab-token",
        "x-hub-signature-256",
        "stripe-signature",
        "x-shopify-hmac-sha256",
        "x-client-secret-type",
        "x-auth-event",
        "x-amz-security-token",
        "php-auth-pw",
    ],
)
def test_what_proves_who_sent_it_is_never_kept_even_when_routed_by(name: str) -> None:
    assert kept({name: "canary"}, [name]) == {}


def test_a_header_that_rules_read_is_kept_and_any_other_is_not() -> None:
    assert kept({"x-note": "a", "x-other": "b", "host": "c"}, ["x-note"]) == {"x-note": "a"}


def test_many_and_long_headers_are_cut() -> None:
    found = kept({f"x-{number}-event": "v" * 5000 for number in range(200)}, ())

    assert len(found) == MOST_HEADERS
    assert {len(value) for value in found.values()} == {LONGEST_VALUE}
