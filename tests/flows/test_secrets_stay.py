"""A secret that was stored never leaves again, except to the provider it was entered for."""

import base64
import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest

from local.sandbox.server import RunningSandbox
from local.sandbox.server import start as start_sandbox
from local.stack import Stack
from tests.flows.conftest import WholeLog
from tests.flows.connectors import connector, endpoint
from tests.flows.echoing import EchoingProvider, echoing_provider
from tests.flows.hub_client import INTEGRATIONS, JOBS, OPEN, HubClient

Json = dict[str, Any]

# One endpoint for each way in which a provider can give a secret back.
ECHOES = (
    "401/plain",
    "401/url",
    "401/base64",
    "403/text",
    "404/plain",
    "302/plain",
    "500/plain",
    "200/plain",
    "200/text",
    "200/records",
    "200/cursor",
)
AMOUNT: Json = {"source": "$.amount", "target": "amount", "transform": {"type": "number"}}


@pytest.fixture
def echoing() -> Iterator[EchoingProvider]:
    with echoing_provider() as running:
        yield running


def canary(name: str) -> str:
    """Return a secret that looks different in a URL and in base64, and that a header can carry."""
    return f"canary-{name}-/+{secrets.token_hex(12)}"


class Secrets:
    """One secret for every field that can hold one, and the connectors that hold them."""

    def __init__(self) -> None:
        names = "key query token password first second client access fresh stale webhook replaced".split()
        self.by_name = {name: canary(name) for name in names}

    def auths(self, login: str = "https://login.provider.example") -> dict[str, Json]:
        found = self.by_name
        return {
            "key": {"type": "api_key", "keyName": "X-Key", "keyLocation": "header", "keyValue": found["key"]},
            "query": {"type": "api_key", "keyName": "k", "keyLocation": "query", "keyValue": found["query"]},
            "bearer": {"type": "bearer", "token": found["token"]},
            "basic": {"type": "basic", "username": "somebody", "password": found["password"]},
            "headers": {"type": "custom_headers", "headers": {"X-A": found["first"], "X-B": found["second"]}},
            "oauth2": {
                "type": "oauth2",
                "grantType": "refresh_token",
                "tokenUrl": f"{login}/token",
                "clientId": "client-id",
                "clientSecret": found["client"],
                "accessToken": found["access"],
                "refreshToken": found["fresh"],
            },
        }

    def sent(self) -> dict[str, list[str]]:
        """Return the texts that a request must carry, by the kind of auth."""
        found = self.by_name
        pair = base64.b64encode(f"somebody:{found['password']}".encode()).decode()
        return {
            "key": [found["key"]],
            "query": [found["query"]],
            "bearer": [f"Bearer {found['token']}"],
            "basic": [f"Basic {pair}"],
            "headers": [found["first"], found["second"]],
            "oauth2": [f"Bearer {found['access']}"],
        }


def forms(secret: str) -> set[str]:
    """Return how a secret can be written down; base64 in its three alignments, without the edges that vary."""
    raw = secret.encode()
    aligned = {base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")[4 if shift else 0 : -4] for shift in range(3)}
    urlsafe = {text.replace("+", "-").replace("/", "_") for text in aligned}
    urls = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    return {secret, json.dumps(secret)[1:-1], raw.hex(), raw.hex().upper(), *urls, *aligned, *urlsafe}


def leaks(texts: dict[str, str], planted: dict[str, str]) -> list[tuple[str, str]]:
    """Return where which secret was found."""
    wanted = {form: name for name, secret in planted.items() for form in forms(secret)}
    return [(place, name) for place, text in texts.items() for form, name in wanted.items() if form in text]


def everything_kept(stack: Stack) -> dict[str, str]:
    """Return all that the run left behind: tables, queues, files, and every line that was printed."""
    assert isinstance(stack.log, WholeLog)
    stack.cloud.command("save")
    database = stack.aws("dynamodb")
    tables = {f"table {name}": table_text(database, name) for name in database.list_tables()["TableNames"]}
    files = {
        f"file {path.relative_to(stack.state_dir)}": path.read_bytes().decode("latin-1")
        for path in stack.state_dir.rglob("*")
        if path.is_file()
    }
    return {**tables, **files, "log": stack.log.text(), "printed": "\n".join(stack.log.raw)}


def table_text(database: Any, name: str) -> str:
    """Return every value of a table as text, binary ones byte by byte."""
    pages = database.get_paginator("scan").paginate(TableName=name)
    return "\n".join(value_text(item) for page in pages for item in page["Items"])


def value_text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}={value_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "\n".join(map(value_text, value))
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


@pytest.fixture
def told(hub: HubClient) -> list[str]:
    """Every answer of the hub to this test's tenant, headers included."""
    answers: list[str] = []

    def keep(answer: httpx.Response) -> None:
        answer.read()
        answers.append(f"{answer.headers}\n{answer.text}")

    hub.http.event_hooks["response"].append(keep)
    return answers


@pytest.fixture
def published(stack: Stack, tenant: str) -> Iterator[str]:
    """The address of a queue that gets the events that the hub publishes for this tenant."""
    sqs, events = stack.aws("sqs"), stack.aws("events")
    url = sqs.create_queue(QueueName=f"seen-{tenant}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": ["hub"], "detail": {"tenantId": [tenant]}})
    bus = stack.template.functions["SyncWorker"].environment["BUS_NAME"]
    events.put_rule(Name=tenant, EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule=tenant, EventBusName=bus, Targets=[{"Id": "seen", "Arn": arn}])
    yield url
    events.remove_targets(Rule=tenant, EventBusName=bus, Ids=["seen"])
    events.delete_rule(Name=tenant, EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)


def messages(stack: Stack, url: str) -> list[str]:
    """Return all messages of a queue."""
    found: list[str] = []
    while batch := stack.aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in batch]
    return found


# ---------------------------------------------------------------- the long run, then the search


def echo_endpoint(echo: str, *mappings: Json) -> Json:
    """Return an endpoint for one of the echoing provider's paths; its records become documents as they are."""
    name = echo.replace("/", "-")
    answered = {"dataPath": "$.results", "identifierField": "$.id", "targetShardTypeId": name}
    return endpoint(
        id=name,
        name=f"echo{echo.replace('/', '')}",
        path=f"/{echo}",
        retryConfig={"maxRetries": 0},
        pagination={"type": "cursor", "cursorParam": "after", "cursorPath": "$.next"},
        responseMapping={**answered, "errorPath": "$.error.message", "fieldMappings": list(mappings)},
    )


def use_everything(hub: HubClient, definition: Json) -> list[Json]:
    """Create, read, list, change and sync every endpoint; return the jobs."""
    integration_id = hub.create(definition)
    shown = hub.call("GET", f"{INTEGRATIONS}/{integration_id}")
    hub.call("GET", INTEGRATIONS)
    hub.call("PATCH", f"{INTEGRATIONS}/{integration_id}", {"auth": shown["auth"], "description": "unchanged"})
    jobs = [hub.start(integration_id, each["id"]) for each in definition["endpoints"]]
    for job_id in jobs:
        hub.job_when(job_id, lambda job: job["status"] not in OPEN or job["errorLog"])
        hub.call("GET", f"{JOBS}/{job_id}/logs")
    return [hub.job(job_id) for job_id in jobs]


def without_token(hub: HubClient, definition: Json) -> None:
    """Sync and test a connector whose token server refuses, in the words that it was asked with."""
    definition = {**definition, "auth": {name: value for name, value in definition["auth"].items() if value}}
    integration_id = hub.create(definition)
    job = hub.ended(hub.start(integration_id))
    hub.call("GET", f"{JOBS}/{job['id']}/logs")
    tests = [hub.call("POST", f"{INTEGRATIONS}/{integration_id}/test{path}", {}) for path in ("", "/list")]
    assert (job["status"], [test["success"] for test in tests]) == ("FAILED", [False, False])


def refused_requests(hub: HubClient, planted: Secrets) -> None:
    """Send secrets in bodies that are refused: no answer may repeat them."""
    auth = planted.auths()["bearer"]
    bodies: list[Json] = [
        {"name": "no name!", "auth": auth, "endpoints": [{"id": "x"}]},
        {**connector("https://provider.example"), "auth": {**auth, "type": "nobody-knows"}},
        {**connector("https://provider.example"), "auth": {**auth, "keyValue": planted.by_name["key"]}},
        {**connector("https://provider.example"), "auth": {"type": "bearer", "token": [auth["token"]]}},
        {**connector("https://provider.example"), "auth": auth, "timeout": "soon"},
    ]
    for body in bodies:
        hub.call("POST", INTEGRATIONS, body, expect=400)
    text = json.dumps(connector("https://provider.example", auth="none", description=auth["token"]))
    broken = hub.http.post(INTEGRATIONS, content=text[:-9], headers={"content-type": "application/json"})
    assert broken.status_code == 400


def test_no_secret_is_found_in_anything_that_the_hub_answers_prints_or_keeps(
    stack: Stack,
    hub: HubClient,
    provider: RunningSandbox,
    echoing: EchoingProvider,
    told: list[str],
    published: str,
) -> None:
    planted = Secrets()
    jobs: dict[str, list[Json]] = {}
    for name, auth in planted.auths(echoing.url).items():
        webhook = {"webhookSecret": planted.by_name["webhook"]}
        good = connector(provider.url, endpoint(page_size=200), name=f"good-{name}", webhookConfig=webhook)
        bad = connector(echoing.url, *(echo_endpoint(each, AMOUNT) for each in ECHOES), name=f"bad-{name}")
        jobs[name] = use_everything(hub, {**good, "auth": auth}) + use_everything(hub, {**bad, "auth": auth})
    no_token = {**planted.auths(echoing.url)["oauth2"], "tokenUrl": f"{echoing.url}/refused"}
    no_token |= {"accessToken": None, "refreshToken": planted.by_name["stale"]}
    without_token(hub, {**connector(provider.url, name="refused"), "auth": no_token})
    changed = hub.create({**connector(provider.url, name="changed"), "auth": planted.auths()["bearer"]})
    hub.call("PATCH", f"{INTEGRATIONS}/{changed}", {"auth": {"token": planted.by_name["replaced"]}})
    refused_requests(hub, planted)

    events = messages(stack, published)
    texts = {**everything_kept(stack), "answers": "\n".join(told), "events": "\n".join(events)}

    assert leaks(texts, planted.by_name | echoing.granted) == []
    # The controls: every secret went to its provider and back, and there was something to search.
    to_sandbox = json.dumps([[each["query"], each["headers"]] for each in provider.requests])
    to_echo = "\n".join(echoing.received)
    for name, texts_sent in planted.sent().items():
        assert all(text in to_sandbox for text in texts_sent), name
        assert all(text in to_echo or quote_plus(text) in to_echo for text in texts_sent), name
        ended = {job["endpointId"]: job["status"] for job in jobs[name]}
        assert (ended["list"], ended["401-plain"], ended["200-cursor"]) == ("COMPLETED", "FAILED", "FAILED")
    fetched = [token for name, token in echoing.granted.items() if name.startswith("access_token")]
    assert fetched
    assert all(f"Bearer {token}" in to_echo for token in fetched)
    assert planted.by_name["stale"] in to_echo or quote_plus(planted.by_name["stale"]) in to_echo
    assert "invalid_grant refresh_token ****" in texts["answers"]
    assert "****" in texts["answers"]
    assert "sync.failed" in texts["events"]
    for place in ("table integration-hub-CredentialsTable", "log", "printed", "answers", "file aws/snapshot.json"):
        assert len(texts[place]) > 500, place


@pytest.mark.parametrize("form", ["plain", "base64", "hex", "url", "shifted"])
def test_search_for_secrets_finds_every_form(form: str) -> None:
    secret = canary("form")
    written = {
        "plain": secret,
        "base64": base64.b64encode(secret.encode()).decode(),
        "hex": secret.encode().hex(),
        "url": quote(secret, safe=""),
        "shifted": base64.b64encode(b"somebody:" + b"x" + secret.encode()).decode(),
    }

    assert leaks({"here": f"before {written[form]} after"}, {"it": secret}) != []
    assert leaks({"here": f"before {written[form]} after"}, {"another": canary("form")}) == []


def test_record_in_which_the_provider_repeats_the_secret_is_not_stored(
    hub: HubClient, echoing: EchoingProvider
) -> None:
    """Otherwise whoever may write connectors could have a stored secret sent back and read it."""
    secret = canary("stored")
    bearer = {"type": "bearer", "token": secret}
    definition = {**connector(echoing.url, {**echo_endpoint("200/record"), "id": "list"}), "auth": bearer}

    job = hub.synced(definition)

    assert secret in "".join(echoing.received)
    assert leaks({"documents": json.dumps(hub.documents("200-record"))}, {"it": secret}) == []
    assert job["counters"]["rejected"] == 1


def test_reason_of_a_rejection_holds_no_part_of_a_secret(hub: HubClient, echoing: EchoingProvider) -> None:
    secret = canary("long") + secrets.token_hex(40)
    bearer = {"type": "bearer", "token": secret}
    definition = {**connector(echoing.url, {**echo_endpoint("200/amount", AMOUNT), "id": "list"}), "auth": bearer}

    job = hub.synced(definition)

    assert job["counters"]["rejected"] == 1
    assert secret[:12] not in json.dumps(job["errorLog"])


# ---------------------------------------------------------------- a secret belongs to the address it was entered for


def test_secret_is_never_sent_to_another_address_than_it_was_entered_for(
    hub: HubClient, provider: RunningSandbox
) -> None:
    secret, again = canary("old"), canary("new")
    definition = {**connector(provider.url), "auth": {"type": "bearer", "token": secret}}
    integration_id = hub.create(definition)
    place = f"{INTEGRATIONS}/{integration_id}"
    hub.ended(hub.start(integration_id))

    with start_sandbox() as other:
        changed = hub.call("PATCH", place, {"baseUrl": f"{other.url}/v1"})
        refused = hub.call("POST", f"{place}/sync", {"endpointId": "list"}, expect=400)
        asked_before = list(other.requests)
        hub.call("PATCH", place, {"auth": {"token": again}})
        job = hub.ended(hub.start(integration_id))
        to_other = json.dumps(other.requests)

    assert (changed["status"], changed["secretsRequired"]) == ("inactive", ["/auth/token"])
    assert refused["error"]["details"]["problems"][0]["pointer"] == "/auth/token"
    assert asked_before == []
    assert job["status"] == "COMPLETED"
    assert leaks({"other": to_other}, {"old": secret}) == []
    assert f"Bearer {again}" in to_other
    assert f"Bearer {secret}" in json.dumps(provider.requests)


def test_handle_of_a_secret_keeps_it_when_only_the_path_changes(hub: HubClient, provider: RunningSandbox) -> None:
    """The control of the test above: the same origin keeps its secrets."""
    secret = canary("kept")
    definition = {**connector(provider.url), "auth": {"type": "bearer", "token": secret}}
    integration_id = hub.create(definition)

    hub.call("PATCH", f"{INTEGRATIONS}/{integration_id}", {"baseUrl": f"{provider.url}/v1/", "timeout": 20_000})
    job = hub.ended(hub.start(integration_id))

    assert job["status"] == "COMPLETED"
    assert {each["headers"]["authorization"] for each in provider.requests} == {f"Bearer {secret}"}
