"""The secret in a webhook's URL: whoever reads the logs does not learn it."""

import pytest

from local.stack import Stack
from tests.flows.hub_client import HubClient

CANARY = "canary-url-secret-7d1f"


@pytest.mark.parametrize("path", ["/api/v1/webhooks/custom/int_1", "/webhooks/custom/int_1"])
def test_secret_of_a_url_is_in_no_log_line(stack: Stack, hub: HubClient, path: str) -> None:
    answer = hub.http.post(f"{path}/{CANARY}?token={CANARY}", json={"a": 1})

    assert answer.status_code == 404
    assert f"POST {path.removesuffix('int_1')}{{integrationId}}/{{secret}}" in stack.log.text()
    assert CANARY not in stack.log.text()
    assert CANARY not in "\n".join(getattr(stack.log, "raw"))  # noqa: B009 - as the functions printed it
