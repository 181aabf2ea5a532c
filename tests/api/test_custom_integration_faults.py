"""A definition that cannot work is refused on save, with every fault named by its place."""

from typing import Any

import pytest

from tests.api.conftest import Hub, Reply, make_integration
from tests.api.sync_work import Json
from tests.spec_examples import OAUTH2

PATH = "/api/v1/custom-integrations"
CANARY = "canary-secret-that-is-wrong\n"


def endpoint(**changed: Any) -> Json:
    """Return a change of the definition: one endpoint with this fault."""
    sound: Json = {
        "id": "contacts",
        "name": "Contacts",
        "method": "GET",
        "path": "/contacts",
        "responseMapping": {"dataPath": "$.items", "identifierField": "id"},
    }
    return {"endpoints": [{**sound, **changed}]}


def answer(**changed: Any) -> Json:
    return endpoint(responseMapping={"dataPath": "$.items", "identifierField": "id", **changed})


def rule(**changed: Any) -> Json:
    return answer(fieldMappings=[{"source": "$.a", "target": "b", **changed}])


def param(**changed: Any) -> Json:
    return {"name": "q", "required": False, "type": "string", **changed}


def pages(**changed: Any) -> Json:
    return endpoint(pagination={"endCondition": {"type": "empty_array"}, **changed})


def body(**changed: Any) -> Json:
    return endpoint(method="POST", body={"contentType": "application/json", "bodyType": "template", **changed})


def routing(**changed: Any) -> Json:
    sound = {"eventTypePath": "$.type", "eventTypeValue": "x", "action": "create_shard"}
    return {"webhookConfig": {"webhookSecret": "s", "eventRouting": [{**sound, **changed}]}}


def api_key(**changed: Any) -> Json:
    return {"auth": {"type": "api_key", "keyName": "k", "keyLocation": "header", "keyValue": "v", **changed}}


MAPPED = "/endpoints/0/responseMapping/fieldMappings/0"
FAULTS: list[tuple[str, Json]] = [
    ("/name", {"name": "my crm"}),
    ("/name", {"name": None}),
    ("/displayName", {"displayName": ""}),
    ("/integrationType", {"integrationType": "soap"}),
    ("/baseUrl", {"baseUrl": None}),
    ("/baseUrl", {"baseUrl": "crm.example.com"}),
    ("/baseUrl", {"baseUrl": "https://user:word@crm.example.com"}),
    ("/baseUrl", {"baseUrl": "http://crm.example.com"}),
    ("/baseUrl", {"baseUrl": "https://crm.example.com:22"}),
    ("/baseUrl", {"baseUrl": "https://169.254.169.254/latest"}),
    ("/baseUrl", {"baseUrl": "https://[::ffff:10.0.0.1]/"}),
    ("/baseUrl", {"baseUrl": "https://2130706433/"}),
    ("/timeout", {"timeout": 999}),
    ("/timeout", {"timeout": 120_001}),
    ("/timeout", {"timeout": "30000"}),
    ("/retryConfig/maxRetries", {"retryConfig": {"maxRetries": 11, "retryDelay": 0, "retryOn": []}}),
    ("/retryConfig/retryOn/0", {"retryConfig": {"maxRetries": 1, "retryDelay": 0, "retryOn": [200]}}),
    ("/defaultHeaders/Authorization", {"defaultHeaders": {"Authorization": "Bearer x"}}),
    ("/defaultHeaders/Host", {"defaultHeaders": {"Host": "evil.test"}}),
    ("/id", {"id": "int_1"}),
    ("/tenantId", {"tenantId": "another"}),
    ("/version", {"version": 1}),
    ("/base_url", {"base_url": "https://crm.example.com"}),
    ("/auth/type", {"auth": {"type": "digest"}}),
    ("/auth", {"auth": None}),
    ("/auth/token", {"auth": {"type": "bearer", "token": ""}}),
    ("/auth/token", {"auth": {"type": "bearer", "token": CANARY}}),
    ("/auth/username", {"auth": {"type": "basic", "username": "a:b", "password": "p"}}),
    ("/auth/keyLocation", api_key(keyLocation="cookie")),
    ("/auth/keyName", api_key(keyName="Host")),
    ("/auth/headers", {"auth": {"type": "custom_headers", "headers": {}}}),
    ("/auth/tokenUrl", {"auth": {**OAUTH2, "tokenUrl": "no url"}}),
    ("/auth/authorizationUrl", {"auth": {**OAUTH2, "grantType": "authorization_code"}}),
    ("/endpoints/0/method", endpoint(method="FETCH")),
    ("/endpoints/0/path", endpoint(path="contacts")),
    ("/endpoints/0/path", endpoint(path="/contacts/{id}")),
    ("/endpoints/0/pathParams/0/name", endpoint(pathParams=[param()])),
    ("/endpoints/0/queryParams/0/type", endpoint(queryParams=[param(type="date")])),
    ("/endpoints/0/queryParams/1/name", endpoint(queryParams=[param(), param()])),
    ("/endpoints/0/body", endpoint(body={"contentType": "application/json", "bodyType": "raw", "raw": "{}"})),
    ("/endpoints/0/body/template", body(template="{no json")),
    ("/endpoints/0/body/schema", body(bodyType="schema")),
    ("/endpoints/0/responseMapping/dataPath", answer(dataPath="$[")),
    ("/endpoints/0/responseMapping/identifierField", answer(identifierField="$[")),
    ("/endpoints/0/responseMapping/targetShardTypeId", answer(targetShardTypeId="a b")),
    (f"{MAPPED}/source", rule(source="$[")),
    (f"{MAPPED}/target", rule(target="$..b")),
    (f"{MAPPED}/transform/type", rule(transform={"type": "upper"})),
    (f"{MAPPED}/transform/config/mapping", rule(transform={"type": "map"})),
    ("/endpoints/0/pagination/type", pages(type="random")),
    ("/endpoints/0/pagination/cursorPath", pages(type="cursor", cursorParam="after")),
    ("/endpoints/0/pagination/nextLinkPath", pages(type="link")),
    ("/endpoints/0/rateLimit/requestsPerMinute", endpoint(rateLimit={"requestsPerMinute": 0})),
    ("/endpoints/1/id", {"endpoints": endpoint()["endpoints"] + endpoint(name="Other")["endpoints"]}),
    ("/webhookConfig/responseStatus", {"webhookConfig": {"webhookSecret": "s", "responseStatus": 500}}),
    ("/webhookConfig/eventRouting/0/action", routing(action="drop_table")),
    ("/webhookConfig/eventRouting/0/identifierPath", routing(action="delete_shard")),
]


def problems(reply: Reply, status: int = 400) -> dict[str, str]:
    """Return the message by pointer of a refusal in the envelope."""
    assert (reply.status, reply.code) == (status, "VALIDATION_ERROR"), reply.body
    found = reply.body["error"]["details"]["problems"]
    assert all({*problem} == {"pointer", "message"} and problem["message"] for problem in found)
    return {problem["pointer"]: problem["message"] for problem in found}


@pytest.mark.parametrize(("pointer", "change"), FAULTS)
def test_faulty_definition_is_refused_at_the_place_of_the_fault(hub: Hub, pointer: str, change: Json) -> None:
    reply = hub.post(PATH, make_integration(**change))

    assert [*problems(reply)] == [pointer]
    assert CANARY.strip() not in repr(reply.body)


def test_definition_without_those_faults_is_accepted(hub: Hub) -> None:
    sound: list[Json] = [
        {"timeout": 1000},
        {"retryConfig": {"maxRetries": 10, "retryDelay": 0, "retryOn": [500]}},
        {"defaultHeaders": {"X-Region": "eu"}},
        endpoint(path="/contacts/{q}", pathParams=[param()]),
        body(template='{"a": "{{b}}"}'),
        rule(transform={"type": "map", "config": {"mapping": {"a": "b"}}}),
        pages(type="cursor", cursorParam="after", cursorPath="$.next"),
        routing(action="delete_shard", identifierPath="$.id"),
        api_key(keyLocation="query"),
    ]

    made = [hub.post(PATH, make_integration(f"sound-{index}", **change)) for index, change in enumerate(sound)]

    assert [reply.status for reply in made] == [201] * len(sound)


def test_every_fault_is_named_at_once(hub: Hub) -> None:
    several = {
        **endpoint(method="FETCH", path="contacts"),
        "name": "my crm",
        "timeout": 1,
        "auth": {"type": "bearer"},
        "defaultHeaders": {"Cookie": "a"},
        "colour": "red",
    }

    found = problems(hub.post(PATH, make_integration(**several)))

    assert {"/name", "/timeout", "/auth/token", "/defaultHeaders/Cookie", "/endpoints/0/method"} < found.keys()
    assert found["/colour"] == "unknown key; did you mean 'color'?"


def test_faulty_change_is_refused_and_nothing_is_changed(hub: Hub) -> None:
    made = hub.post(PATH, make_integration()).body

    reply = hub.call("PATCH", f"{PATH}/{made['id']}", {"timeout": 1, "auth": {"type": "digest"}, "color": "red"})

    assert {*problems(reply)} == {"/timeout", "/auth/type"}
    assert hub.get(f"{PATH}/{made['id']}").body == made


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"name": NaN}'])
def test_body_that_is_no_definition_is_a_400(hub: Hub, body: bytes) -> None:
    reply = hub.post(PATH, body)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")


# Handles

HANDLE = "{{encrypted:****}}"
MISPLACED: list[tuple[str, Json]] = [
    ("/description", {"description": HANDLE}),
    ("/displayName", {"displayName": f"CRM {HANDLE}"}),
    ("/auth/token", {"auth": {"type": "bearer", "token": f"Bearer {HANDLE}"}}),
    ("/auth/username", {"auth": {"type": "basic", "username": HANDLE, "password": "p"}}),
    ("/defaultHeaders/X-A", {"defaultHeaders": {"X-A": HANDLE}}),
    ("/endpoints/0/headers/X-A", endpoint(headers={"X-A": HANDLE})),
    ("/endpoints/0/queryParams/0/value", endpoint(queryParams=[param(valueSource="static", value=HANDLE)])),
    ("/endpoints/0/body/raw", body(bodyType="raw", raw=f'{{"a": "{HANDLE}"}}')),
]


@pytest.mark.parametrize(("pointer", "change"), MISPLACED)
def test_handle_in_a_foreign_place_is_a_422(hub: Hub, pointer: str, change: Json) -> None:
    """Otherwise a stored secret could be sent to wherever the text goes."""
    made = hub.post(PATH, make_integration()).body

    created = hub.post(PATH, make_integration("second", **change))
    changed = hub.call("PATCH", f"{PATH}/{made['id']}", change)

    assert pointer in problems(created, 422)
    assert pointer in problems(changed, 422)
    assert hub.get(f"{PATH}/{made['id']}").body == made


@pytest.mark.parametrize(
    ("pointer", "change"),
    [
        ("/auth/token", {"auth": {"type": "bearer", "token": HANDLE}}),
        ("/auth/headers/X-Key", {"auth": {"type": "custom_headers", "headers": {"X-Key": HANDLE}}}),
        ("/webhookConfig/webhookSecret", {"webhookConfig": {"webhookSecret": HANDLE}}),
    ],
)
def test_handle_on_create_is_a_422_since_nothing_is_stored(hub: Hub, pointer: str, change: Json) -> None:
    assert [*problems(hub.post(PATH, make_integration(**change)), 422)] == [pointer]
