"""The providers that the hub ships with come into the catalogue at each deployment; only what changed is written."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from hub.core import resources as of_the_process
from hub.core.errors import Retryable
from hub.core.resources import resources
from hub.core.tables import Tables
from hub.integrations.catalog import providers, seeding
from hub.outbound.calls import Call, Reply
from hub.providers import provider_files
from hub.providers.provider_files import ProviderFile
from tests.api.catalogue import CANARY, Json, callable_body, forget, fresh, item, operator, seeded
from tests.api.conftest import Cloud, Hub, app

EVENT = {
    "RequestType": "Create",
    "ResponseURL": "https://cloudformation-custom-resource-response.s3.amazonaws.com/signed?X-Amz-Signature=abc%2Fdef",
    "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/hub/1",
    "RequestId": "request-1",
    "LogicalResourceId": "ProviderCatalogue",
    "ResourceType": "AWS::CloudFormation::CustomResource",
    "ResourceProperties": {},
}


class Answered:
    """CloudFormation's end: takes the call of the function."""

    def __init__(self, status: int = 200) -> None:
        self.calls: list[Call] = []
        self._status = status

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        assert timeout_s > 0
        self.calls.append(call)
        if self._status == 0:
            raise Retryable("no answer")
        return Reply(self._status, {}, b"", elapsed_ms=1)

    @property
    def said(self) -> Json:
        said: Json = json.loads(self.calls[-1].content or b"")
        return said


pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture(autouse=True)
def own_catalogue() -> Iterator[None]:
    """What a test adds to the catalogue goes with it."""
    yield
    forget()


@pytest.fixture
def deploy(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answered]:
    """Call the function as CloudFormation does, with its own rights."""

    def deployed(status: int = 200, **changed: Any) -> Answered:
        answered = Answered(status)
        monkeypatch.setattr(app(cloud.template.functions["ProviderSeed"].code_dir), "client", lambda: answered)
        with cloud.running("ProviderSeed"):
            cloud.handler("ProviderSeed")({**EVENT, **changed}, None)
        return answered

    return deployed


def file(slug: str, **changed: Any) -> ProviderFile:
    """Return a provider as a file has it."""
    written = {name: value for name, value in callable_body(slug).items() if name != "status"}
    return ProviderFile.model_validate({**written, "status": "active", **changed})


def seed(*files: ProviderFile) -> seeding.Seeded:
    """Seed these files as if there were no others; those of the hub stay beside them."""
    return seeding.seed(resources().tables, [*provider_files.load_all(), *files])


def patch(hub: Hub, slug: str, change: Json) -> None:
    reply = operator(hub, "PATCH", f"/api/admin/integrations/{item(slug)['category']}/{slug}", change)
    assert reply.status == 200, reply.body


# ---------------------------------------------------------------- the deployment


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_deployment_fills_the_catalogue_and_says_so(deploy: Callable[..., Answered], kind: str) -> None:
    answered = deploy(RequestType=kind)

    (call,) = answered.calls
    assert (call.method, call.url) == ("PUT", EVENT["ResponseURL"])
    assert "content-type" not in {name.lower() for name in call.headers}  # it would not fit the signature
    expected = {name: EVENT[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    assert expected.items() <= answered.said.items()
    assert (answered.said["Status"], answered.said["PhysicalResourceId"]) == ("SUCCESS", "ProviderCatalogue")
    present = {each["sk"] for each in providers.list_all(resources().tables.config)}
    assert {file.provider for file in provider_files.load_all()} <= present


def test_resource_keeps_its_identity(deploy: Callable[..., Answered]) -> None:
    assert deploy(RequestType="Update", PhysicalResourceId="as-before").said["PhysicalResourceId"] == "as-before"


def test_deleted_stack_is_answered_and_nothing_is_written(
    deploy: Callable[..., Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(seeding, "seed", never)

    assert deploy(RequestType="Delete").said["Status"] == "SUCCESS"


def test_failure_is_told_to_cloudformation_without_what_it_found(
    deploy: Callable[..., Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment without an answer hangs for an hour."""

    def broken(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(seeding, "seed", broken)

    said = deploy().said

    assert said["Status"] == "FAILED"
    assert said["Reason"].startswith("RuntimeError")
    assert CANARY not in json.dumps(said)


@pytest.mark.parametrize("status", [0, 403, 500])
def test_answer_that_does_not_arrive_fails_the_call_so_that_lambda_repeats_it(
    deploy: Callable[..., Answered], status: int
) -> None:
    with pytest.raises(Exception, match=r"answer"):
        deploy(status)


# ---------------------------------------------------------------- what a run writes


def test_second_run_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded()

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Tables, "write", never)
    again = seeded()

    assert (again.created, again.updated, again.deprecated) == ([], [], [])
    assert set(again.unchanged) >= {each.provider for each in provider_files.load_all()}


def test_unchanged_catalogue_costs_few_calls() -> None:
    seeded()
    calls: list[str] = []
    events = of_the_process.resources().dynamodb.meta.events

    def counted(model: Any, **_: Any) -> None:
        calls.append(model.name)

    events.register("before-call.dynamodb", counted)
    try:
        seeded()
    finally:
        events.unregister("before-call.dynamodb", counted)

    assert sorted(calls) == ["BatchGetItem", "Query", "Query"]


def test_changed_file_updates_its_provider_and_no_other() -> None:
    slug = fresh("file")
    seed(file(slug))

    done = seed(file(slug, displayName="Renamed"))

    assert (done.created, done.updated) == ([], [slug])
    assert item(slug)["displayName"] == "Renamed"
    assert providers.get(resources().tables.config, slug).version == 1
    seed()


def test_changed_connector_becomes_a_version() -> None:
    slug = fresh("file")
    seed(file(slug))
    connector = {**callable_body(slug)["connector"], "timeout": 5000}

    seed(file(slug, connector=connector))

    config = resources().tables.config
    entry = providers.get(config, slug)
    assert (entry.version, entry.connector["timeout"]) == (2, 5000)
    assert "timeout" not in providers.at_version(config, entry, 1).connector
    seed()


def test_provider_that_left_the_files_is_deprecated_and_may_come_back() -> None:
    slug = fresh("file")
    seed(file(slug))

    left, later = seed(), seed()
    assert (left.deprecated, later.deprecated, item(slug)["status"]) == ([slug], [], "deprecated")

    seed(file(slug))
    assert item(slug)["status"] == "active"
    seed()


def test_what_a_super_admin_set_stays(hub: Hub) -> None:
    slug = fresh("file")
    seed(file(slug))
    client = {"clientId": "our-client", "clientSecret": CANARY, "scopes": ["read", "write"]}
    patch(hub, slug, {"displayName": "As we say", "requiredPlan": "gold", "description": None, "oauthConfig": client})
    operator(hub, "PATCH", f"/api/admin/integrations/crm/{slug}/status", {"status": "beta"})

    seed(file(slug, displayName="As the file says", color="#654321", requiredPlan=None))

    kept = item(slug)
    assert (kept["displayName"], kept["requiredPlan"], kept["status"]) == ("As we say", "gold", "beta")
    assert (kept.get("description"), kept["color"]) == (None, "#654321")
    entry = providers.get(resources().tables.config, slug)
    assert {"clientId": "our-client", "hasClientSecret": True}.items() <= entry.oauth_config.items()
    assert entry.methods[0]["auth"]["scope"] == "read write"
    assert seed(file(slug, color="#654321")).updated == []
    seed()


def test_connector_that_a_super_admin_changed_stays_while_the_rest_follows_the_file(hub: Hub) -> None:
    slug = fresh("file")
    seed(file(slug))
    patch(hub, slug, {"connector": {"timeout": 9000}})

    seed(file(slug, connector={**callable_body(slug)["connector"], "timeout": 5000}, icon="another"))

    entry = providers.get(resources().tables.config, slug)
    assert (entry.connector["timeout"], entry.item["icon"]) == (9000, "another")
    seed()


def test_provider_that_was_deleted_stays_away(hub: Hub) -> None:
    slug = fresh("file")
    seed(file(slug))
    assert operator(hub, "DELETE", f"/api/admin/integrations/crm/{slug}").status == 204

    done = seed(file(slug))

    assert slug not in done.created
    assert operator(hub, "GET", f"/api/admin/integrations/crm/{slug}").status == 404


def test_provider_that_a_super_admin_made_is_not_taken_over(hub: Hub) -> None:
    slug = fresh("file")
    assert operator(hub, "POST", "/api/admin/integrations", callable_body(slug)).status == 201

    done = seed(file(slug, displayName="As the file says"))

    assert slug not in {*done.created, *done.updated, *done.deprecated}
    assert item(slug)["displayName"] == "Acme CRM"


def test_two_deployments_at_once_leave_one_catalogue() -> None:
    """The second finds the first one's items when it writes its own."""
    slug = fresh("file")
    tables = resources().tables
    seed(file(slug))
    entry = providers.get(tables.config, slug)
    stale = replace(entry, item={**entry.item, "version": entry.item["version"] - 1})

    with pytest.raises(Exception, match="condition"):
        seeding._write(tables, stale, replace(stale, item={**stale.item, "color": "#000000"}))

    assert item(slug)["color"] == "#112233"
    seed()
