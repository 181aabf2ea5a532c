"""A fifth of all calls to the cloud fail, half of them after they took effect: nothing is lost or done twice."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.attributes import REGION
from local.sandbox.server import RunningSandbox, start
from local.sandbox.world import World
from local.stack import TEMPLATE, Stack
from tests.flows.conftest import LEASE_S
from tests.flows.connectors import connector, endpoint
from tests.flows.hub_client import INTEGRATIONS, JOBS, OPEN, HubClient, counted, tick

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Json = dict[str, Any]

pytestmark = pytest.mark.xdist_group("faulty-cloud")  # one stack for all of them

FAULTS = 0.2
# So many calls that chance alone is never off by half.
CONTROLS = 1000
RECORDS = 1_000
ENDS_WITHIN_S = 90


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    parameters = {"SyncLeaseSeconds": str(LEASE_S), "SyncIntervalSeconds": "0", "RateLimits": "integration=100000"}
    folder = tmp_path_factory.mktemp("faulty")
    with Stack(TEMPLATE, folder, parameters=parameters, schedules=False, faults=FAULTS, faults_seed=20261121) as stack:
        yield stack


@pytest.fixture
def hub(faulty: Stack, tenant: str) -> Iterator[HubClient]:
    headers = {"authorization": f"Bearer {faulty.token(tenant)}"}
    faulty.inject_faults(FAULTS)
    with httpx.Client(base_url=faulty.url, headers=headers, timeout=35) as client:
        yield HubClient(client)


@pytest.fixture
def provider() -> Iterator[RunningSandbox]:
    with start(world=World(contacts=RECORDS, companies=20)) as running:
        yield running


def insist(hub: HubClient, method: str, path: str, body: Json | None = None, key: str | None = None) -> Json:
    """Send the request until it is answered with success, as a client that was told 5xx does."""
    headers = {"idempotency-key": key} if key else {}
    ends_at = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < ends_at:
        answer = hub.http.request(method, path, json=body, headers=headers)
        if answer.is_success:
            found: Json = answer.json()
            return found
        assert answer.status_code >= 500, answer.text
    raise AssertionError(f"{method} {path} was never answered with success")


def test_sync_ends_exact_when_the_cloud_fails_every_fifth_call(
    faulty: Stack, hub: HubClient, provider: RunningSandbox
) -> None:
    made = insist(hub, "POST", INTEGRATIONS, connector(provider.url, endpoint(records="contacts")), key="create")
    path = f"{INTEGRATIONS}/{made['id']}/sync"
    job = insist(hub, "POST", path, {"endpointId": "list"}, key="sync")

    ends_at = time.monotonic() + ENDS_WITHIN_S
    while job["status"] in OPEN:
        assert time.monotonic() < ends_at, job
        tick(faulty)
        job = insist(hub, "GET", f"{JOBS}/{job['id']}")

    faulty.inject_faults(0)
    assert (job["status"], job["page"]) == ("COMPLETED", RECORDS // 100)
    assert job["counters"] == counted(read=RECORDS, created=RECORDS)
    found = hub.documents("contacts")
    assert {name: each["content"] for name, each in found.items()} == {
        row.id: row.content for row in provider.world.contacts.rows()
    }


def test_request_that_is_repeated_until_it_succeeds_takes_effect_once(faulty: Stack, hub: HubClient) -> None:
    names = [f"made-{number}" for number in range(10)]

    def create(name: str) -> str:
        definition = connector("https://provider.example", name=name)
        return str(insist(hub, "POST", INTEGRATIONS, definition, key=f"key-of-{name}")["id"])

    with ThreadPoolExecutor(2) as threads:
        ids = list(threads.map(create, names))
        again = list(threads.map(create, names))

    faulty.inject_faults(0)
    listed = hub.call("GET", INTEGRATIONS, params={"limit": 100})
    assert again == ids
    assert {(each["id"], each["name"]) for each in listed["items"]} == set(zip(ids, names, strict=True))
    assert listed["total"] == len(names)


def test_cloud_fails_every_fifth_call(faulty: Stack) -> None:
    """The control of the tests above."""
    once = Config(retries={"total_max_attempts": 1}, region_name=REGION)
    stranger = boto3.client(
        "sqs", endpoint_url=faulty.cloud.url, config=once, aws_access_key_id="test", aws_secret_access_key="test"
    )
    faulty.inject_faults(FAULTS)

    failed = sum(is_refused(stranger) for _ in range(CONTROLS))

    assert 0.5 * FAULTS < failed / CONTROLS < 1.5 * FAULTS


def is_refused(sqs: "SQSClient") -> bool:
    try:
        sqs.list_queues()
    except ClientError:
        return True
    return False
