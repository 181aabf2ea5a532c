"""The real template on the local stack, once per session; every test has a tenant of its own."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence

import httpx
import pytest

from local.stack import TEMPLATE, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running stack; schedules tick only when a test says `stack.fire_schedule(name)`."""
    with Stack(TEMPLATE, tmp_path_factory.mktemp("hub"), schedules=False) as running:
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
        clients.append(httpx.Client(base_url=stack.url, headers=headers, timeout=35))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a check holds: `eventually(lambda: ..., within_s=10)`; fails when it never does."""

    def wait(check: Callable[[], object], within_s: float = 10.0) -> None:
        ends_at = time.monotonic() + within_s
        while not check():
            assert time.monotonic() < ends_at, f"did not happen within {within_s:g} s"
            time.sleep(0.02)

    return wait
