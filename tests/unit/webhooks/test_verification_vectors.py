"""The published signatures of well-known senders, and the ways in which each must be refused."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.core import clock
from hub.webhooks.endpoints.schemes import Received
from hub.webhooks.endpoints.verification import Unverified, Verification, verify

REPOSITORY = Path(__file__).parents[3]
SAMPLES = Path(os.environ.get("HUB_SAMPLES", REPOSITORY.parent / "shared" / "samples"))
FILE = SAMPLES / "vectors" / "webhook_signatures.json"
NAMES = {"standardwebhooks": "standard-webhooks"}

pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason=f"the signature vectors are not at {FILE}; HUB_SAMPLES says where their folder is"
)


@pytest.fixture(autouse=True)
def real_clock_afterwards() -> Iterator[None]:
    yield
    clock.use(None)


def vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"]
    return found


def scheme_of(vector: dict[str, Any]) -> str:
    if vector["provider"] == "hubspot":
        return f"hubspot-{vector['scheme'][:2]}"
    provider: str = vector["provider"]
    return NAMES.get(provider, provider)


def is_accepted(vector: dict[str, Any], secret: str) -> bool:
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    url = vector.get("url", "https://hub.test/hook")
    request = Received(vector.get("method", "POST"), url, headers, vector["body"].encode())
    clock.use(lambda: vector.get("now", 1_700_000_000.0))
    try:
        verify(Verification(scheme_of(vector)), [secret], request)
    except Unverified:
        return False
    return True


def test_every_vector_is_judged_right() -> None:
    judged = [(vector, is_accepted(vector, vector["secret"])) for vector in vectors() if vector["secret"]]

    assert len(judged) == 31
    assert [vector for vector, accepted in judged if accepted is not vector["valid"]] == []


def test_no_vector_is_accepted_with_another_secret() -> None:
    another = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

    assert [vector for vector in vectors() if is_accepted(vector, another)] == []
