"""The real template on the local stack, once per session; every test has a tenant of its own."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from local.logs import Log
from local.sandbox.server import RunningSandbox
from local.sandbox.server import start as start_sandbox
from local.stack import TEMPLATE, Stack
from tests.flows.hub_client import HubClient

LEASE_S = 3
# Certificates are read once, not for each of a thousand clients.
TLS = httpx.create_ssl_context()
FOLDER = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker run all that share the stack, first of all: it waits a lot, and the others work meanwhile."""
    for item in items:
        if item.path.parent == FOLDER and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("stack"))


class WholeLog(Log):
    """Keeps every line that a function printed, as it was printed."""

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[str] = []

    def function_line(self, function: str, raw: str) -> None:
        self.raw.append(raw)
        super().function_line(function, raw)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running stack; schedules tick only when a test says `stack.fire_schedule(name)`.

    A worker that died is replaced after seconds, not minutes, and tests may poll as often as they like.
    """
    parameters = {"SyncLeaseSeconds": str(LEASE_S), "SyncIntervalSeconds": "0", "RateLimits": "integration=100000"}
    folder = tmp_path_factory.mktemp("hub")
    with Stack(TEMPLATE, folder, parameters=parameters, schedules=False, log=WholeLog()) as running:
        yield running


@pytest.fixture
def provider() -> Iterator[RunningSandbox]:
    """A sandbox of the test's own, whose faults and journal nobody else sees."""
    with start_sandbox() as running:
        yield running


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test uses."""
    return f"tenant-{secrets.token_hex(6)}"


@pytest.fixture
def token(stack: Stack) -> Callable[..., str]:
    """Make a token: `token(tenant, roles=..., scopes=...)`."""

    def make(tenant: str, roles: Sequence[str] = ("tenant_admin",), scopes: Sequence[str] = ()) -> str:
        return stack.token(tenant, roles, scopes)

    return make


@pytest.fixture
def api(stack: Stack, token: Callable[..., str]) -> Iterator[Callable[..., httpx.Client]]:
    """Make a client of the API for a tenant: `api(tenant, roles=...)`."""
    clients: list[httpx.Client] = []

    def make(tenant: str, roles: Sequence[str] = ("tenant_admin",), scopes: Sequence[str] = ()) -> httpx.Client:
        headers = {"authorization": f"Bearer {token(tenant, roles, scopes)}"}
        clients.append(httpx.Client(base_url=stack.url, headers=headers, timeout=35, verify=TLS))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def hub(api: Callable[..., httpx.Client], tenant: str) -> HubClient:
    """The hub as an administrator of a tenant of the test's own sees it."""
    return HubClient(api(tenant))


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a check holds: `eventually(lambda: ..., within_s=10)`; fails when it never does."""

    def wait(check: Callable[[], object], within_s: float = 10.0) -> None:
        ends_at = time.monotonic() + within_s
        while not check():
            assert time.monotonic() < ends_at, f"did not happen within {within_s:g} s"
            time.sleep(0.02)

    return wait
