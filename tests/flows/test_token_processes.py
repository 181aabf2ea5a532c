"""Fifty processes, one token: the lease holds between real processes, on a real conditional write."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.functions import environment_of
from local.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from local.sandbox.server import RunningSandbox
from local.stack import Stack
from tests.flows.test_sync_tokens import granted, token_requests

Json = dict[str, Any]

CALLERS = 50
SCRIPT = Path(__file__).with_name("token_callers.py")


def ask_at_once(stack: Stack, wanted: Json) -> list[str]:
    """Return what each of the processes printed."""
    environment = environment_of(stack.template.functions["SyncWorker"], stack.cloud.url, {})
    made = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env=environment,
        input=json.dumps(wanted),
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return [line for line in made.stdout.splitlines() if line.startswith(("token ", "error "))]


def wanted_of_connector(provider: RunningSandbox) -> Json:
    """Return what callers of a custom integration know: the refresh token is a secret of its definition."""
    auth = {**auth_of(provider), "grantType": "refresh_token", "refreshToken": "{{encrypted:****}}"}
    secrets = {"/auth/clientSecret": CLIENT_SECRET, "/auth/refreshToken": granted(provider)}
    return {"integrationId": "int_1", "auth": auth, "secrets": secrets}


def wanted_of_connection(provider: RunningSandbox) -> Json:
    """Return what callers of a provider's connection know: the record of its generation begins with the grant."""
    authorization = {"grantType": "authorization_code", "authorizationUrl": f"{provider.url}/oauth/authorize"}
    grant = {"accessToken": "over", "refreshToken": granted(provider)}
    secrets = {"/auth/clientSecret": CLIENT_SECRET}
    return {"integrationId": "con_1.1", "auth": auth_of(provider) | authorization, "secrets": secrets, "grant": grant}


def auth_of(provider: RunningSandbox) -> Json:
    client = {"clientId": CLIENT_ID, "clientSecret": "{{encrypted:****}}"}
    return {"type": "oauth2", "tokenUrl": f"{provider.url}/oauth/token", **client}


@pytest.mark.parametrize("wanted_of", [wanted_of_connector, wanted_of_connection], ids=["custom", "connection"])
def test_fifty_processes_that_need_a_token_fetch_one(
    stack: Stack, tenant: str, provider: RunningSandbox, wanted_of: Callable[[RunningSandbox], Json]
) -> None:
    """The server ends the grant when a refresh token comes twice: two fetches would leave nobody with a token."""
    wanted = {"callers": CALLERS, "tenant": tenant, **wanted_of(provider)}
    provider.faults.add("/oauth/token", "slow", delay_s=0.2)

    first = ask_at_once(stack, wanted)
    second = ask_at_once(stack, {**wanted, "rejected": first[0].removeprefix("token ")})

    assert (len(first), len(second)) == (CALLERS, CALLERS)
    assert (len(set(first)), len(set(second)), first[0] == second[0]) == (1, 1, False)
    assert token_requests(provider) == 2
    assert all(provider.app.oauth.grants.accepts(line.removeprefix("token ")) for line in (first[0], second[0]))
