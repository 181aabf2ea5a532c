"""One sandbox for all these tests, as it was seeded before each of them."""

from collections.abc import Iterator

import httpx
import pytest

from local.sandbox.server import RunningSandbox, start

# Certificates are read once, not for each client.
TLS = httpx.create_ssl_context()


@pytest.fixture(scope="session")
def running() -> Iterator[RunningSandbox]:
    with start() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.reset()
    return running


@pytest.fixture
def api(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=10, verify=TLS) as client:
        yield client
