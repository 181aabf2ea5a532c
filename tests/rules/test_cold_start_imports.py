"""What a function loads before its first request: a package that only some calls need is left to those calls."""

import os
import subprocess
import sys

import pytest

from tests.rules.reading import ROOT, groups

# Models, other systems' servers, paths, tokens and ciphers: some calls need them, a start does not.
HEAVY = {"pydantic", "pydantic_core", "httpx", "httpcore", "jsonpath", "jsonpath_ng", "jwt", "cryptography", "graphql"}
# Only a definition with expressions starts an engine, and that is a process of its own.
HEAVY |= {"quickjs", "_quickjs", "jsonschema", "standardwebhooks"}
# For each function the packages that its start must not load.
LEFT_OUT = {
    "authorizer": HEAVY,
    # It decrypts and sends in nearly every run.
    "calls": HEAVY - {"cryptography", "httpcore"},
    "catalog": HEAVY,
    # It decrypts and asks token servers in nearly every run.
    "connection_worker": HEAVY - {"cryptography", "httpcore", "pydantic", "pydantic_core"},
    "connections": HEAVY,
    "custom_integrations": HEAVY,
    # It decrypts and sends in nearly every run.
    "delivery_worker": HEAVY - {"cryptography", "httpcore"},
    "documents": HEAVY,
    "event_router": HEAVY,
    "events": HEAVY,
    "inbound_worker": HEAVY,
    "insights": HEAVY,
    "integrations": HEAVY,
    "integration_tests": {"jwt", "graphql", "quickjs", "_quickjs"},
    # It parses, decrypts and asks a token server in nearly every run.
    "oauth": HEAVY - {"cryptography", "httpcore", "pydantic", "pydantic_core"},
    "operations": HEAVY,
    "provider_admin": HEAVY,
    # It runs once per deployment and needs what reads files and answers.
    "provider_seed": HEAVY - {"pydantic", "pydantic_core", "httpcore"},
    "sweeper": HEAVY,
    "sync": HEAVY,
    "sync_proofs": HEAVY,
    "sync_scheduler": {"jwt", "graphql", "quickjs", "_quickjs"},
    "sync_worker": {"jwt", "graphql", "quickjs", "_quickjs"},
    "webhook_endpoints": HEAVY,
    "webhook_receiver": HEAVY,
    "webhook_subscriptions": HEAVY,
}
PROBE = "import app, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def packages_loaded(group: str) -> set[str]:
    """Return the packages that a new process has after importing the function."""
    path = os.pathsep.join(str(ROOT / part) for part in (f"functions/{group}", "layers/shared"))
    command = [sys.executable, "-P", "-W", "error", "-c", PROBE]
    environment = {"PYTHONPATH": path, "PATH": os.environ["PATH"]}
    return set(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split())


def test_every_function_says_what_its_start_leaves_out() -> None:
    assert LEFT_OUT.keys() == groups()


@pytest.mark.parametrize("group", sorted(LEFT_OUT))
def test_start_does_not_load_what_only_some_calls_need(group: str) -> None:
    loaded = packages_loaded(group)

    assert "hub" in loaded
    assert loaded & LEFT_OUT[group] == set()
