"""A webhook that is sent a thousand times at once is one event, and nobody who sent it can tell."""

import hmac
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from local.stack import Stack
from tests.flows.conftest import WholeLog
from tests.flows.hub_client import HubClient

COPIES, CLIENTS = 1000, 64
BODY = b'{"event":"contact.created","data":{"id":"c1","name":"Ada"}}'
ACTIVITY = "integration-hub-ActivityTable"
# What differs in every answer, whoever is asked.
OF_THE_REQUEST = {"date", "x-request-id", "apigw-requestid"}


def received(stack: Stack, pk: str) -> list[str]:
    """Return the ids of the events that were stored."""
    query: dict[str, Any] = {"ExpressionAttributeValues": {":pk": {"S": pk}}, "KeyConditionExpression": "pk = :pk"}
    found = stack.aws("dynamodb").query(TableName=ACTIVITY, ConsistentRead=True, **query)
    return [item["sk"]["S"] for item in found["Items"]]


def seen(answer: httpx.Response) -> tuple[Any, ...]:
    headers = {name: value for name, value in answer.headers.items() if name not in OF_THE_REQUEST}
    return answer.status_code, tuple(sorted(headers.items())), answer.content


def test_a_thousand_copies_from_64_clients_are_one_event_and_a_thousand_equal_answers(
    stack: Stack, hub: HubClient, tenant: str
) -> None:
    body = {"endpointPath": "orders/new", "eventTypes": [], "handlerType": "orders", "signatureHeader": "X-Signature"}
    endpoint = hub.call("POST", "/api/v1/webhooks/endpoints", body, expect=201)
    signature = hmac.digest(endpoint["secretKey"].encode(), BODY, "sha256").hex()
    headers = {"content-type": "application/json", "x-signature": signature}
    url = f"/api/v1/webhooks/receive/{tenant}/orders/new"

    with httpx.Client(base_url=stack.url, timeout=60, limits=httpx.Limits(max_connections=CLIENTS)) as client:
        send = lambda _: seen(client.post(url, content=BODY, headers=headers))  # noqa: E731
        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = Counter(clients.map(send, range(COPIES)))
        forged = client.post(url, content=BODY + b" ", headers=headers)

    assert len(received(stack, f"{tenant}#inbound#{endpoint['id']}")) == 1
    ((answer, times),) = answers.items()
    assert (answer[0], times) == (200, COPIES)
    assert forged.status_code == 401


def test_a_body_of_five_mebibytes_is_received_and_a_byte_more_is_not(stack: Stack, hub: HubClient, tenant: str) -> None:
    body = {"endpointPath": "files", "eventTypes": [], "handlerType": "files", "signatureHeader": "X-Signature"}
    endpoint = hub.call("POST", "/api/v1/webhooks/endpoints", body, expect=201)

    def post(content: bytes) -> int:
        signature = hmac.digest(endpoint["secretKey"].encode(), content, "sha256").hex()
        headers = {"content-type": "application/json", "x-signature": signature}
        return httpx.post(
            f"{stack.url}/api/v1/webhooks/receive/{tenant}/files", content=content, headers=headers
        ).status_code

    largest = b'"' + b"x" * (5 * 2**20 - 2) + b'"'

    assert [post(largest), post(largest + b" ")] == [200, 413]
    assert len(received(stack, f"{tenant}#inbound#{endpoint['id']}")) == 1


def test_where_a_webhook_comes_from_is_not_what_it_says_of_itself(stack: Stack, hub: HubClient, tenant: str) -> None:
    def statuses(path: str, allowed: str) -> list[int]:
        body = {"endpointPath": path, "eventTypes": [], "handlerType": "orders", "ipWhitelist": [allowed]}
        hub.call("POST", "/api/v1/webhooks/endpoints", body, expect=201)
        url = f"{stack.url}/api/v1/webhooks/receive/{tenant}/{path}?challenge=1"
        return [httpx.get(url, headers={"x-forwarded-for": said}).status_code for said in ("127.0.0.1", "10.0.0.1")]

    assert statuses("ours", "127.0.0.0/8") == [200, 200]
    assert statuses("theirs", "10.0.0.0/8") == [401, 401]


def test_the_secret_of_a_url_is_in_no_line_of_any_log(stack: Stack, hub: HubClient) -> None:
    definition = {
        "name": "sender",
        "displayName": "Sender",
        "integrationType": "webhook",
        "baseUrl": "https://sender.example.com",
        "auth": {"type": "none"},
        "endpoints": [],
        "webhookConfig": {"signatureConfig": {"header": "X-Signature", "algorithm": "hmac-sha256"}, "eventRouting": []},
    }
    integration_id = hub.create(definition)
    url = hub.call("GET", f"/api/v1/custom-integrations/{integration_id}/webhook-url")["webhookUrl"]
    url_secret = url.rpartition("/")[2]

    statuses = [httpx.post(url, content=BODY).status_code, httpx.post(url + "x", content=BODY).status_code]

    assert url.startswith(f"{stack.url}/api/v1/webhooks/custom/{integration_id}/")
    assert statuses == [401, 404]
    assert isinstance(stack.log, WholeLog)
    logged = stack.log.text() + "\n".join(stack.log.raw)
    assert "/api/v1/webhooks/custom/{integrationId}/{secret}" in logged
    assert url_secret not in logged
