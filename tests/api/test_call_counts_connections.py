"""How many calls of AWS integrations, connections and calls through them make.

`python -m tests.api.test_call_counts_connections` prints the table for the README.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hub.core import cursors
from hub.core.resources import resources
from hub.outbound.calls import Call
from hub.outbound.calls import Reply as Answered
from tests.api import connecting, consent
from tests.api.calls_work import operate, proxied
from tests.api.conftest import Hub, Reply, StoppedClock
from tests.api.connecting import ACCESS, KEY, REFRESH
from tests.api.connection_work import LIFETIME_S, working
from tests.api.consent import AuthorizationServer
from tests.api.test_call_counts import Counts, markdown, of
from tests.api.tested import Json, Provider, reply

V1, TENANT = "/api/v1/integrations", connecting.TENANT_PATH
WRITE: Json = {
    "id": "write",
    "name": "write",
    "method": "POST",
    "path": "/batch",
    "operation": "upsert",
    "batch": {
        "size": 2,
        "itemsPath": "$.items",
        "fieldMappings": [{"source": "$.email", "target": "mail"}],
        "results": {"match": "position", "path": "$.results", "success": {"path": "$.id"}, "idPath": "$.id"},
    },
}
# Integration, connector and connection are one read, the provider and its connector another; then come the credentials
# or the token, and the circuit of the host.
CALL = {"UpdateItem": 1, "BatchGetItem": 2, "GetItem": 2}
LINE, LINE_AND_AUDIT = {"PutItem": 1}, {"TransactWriteItems": 1}

# The rate limit of a request is one UpdateItem; a credential is decrypted once in a process.
TABLE: dict[str, dict[str, int]] = {
    "GET providers": {"UpdateItem": 1, "Query": 1, "GetItem": 1},
    "POST integration": {
        "UpdateItem": 1,
        "BatchGetItem": 1,
        "GetItem": 1,
        "TransactWriteItems": 1,
        "SendMessage": 1,
    },
    "GET integration": {"UpdateItem": 1, "BatchGetItem": 1},
    "PATCH integration": {"UpdateItem": 1, "BatchGetItem": 2, "TransactWriteItems": 1},
    "Connect with an API key": {
        "UpdateItem": 1,
        "BatchGetItem": 2,
        "GetItem": 1,
        "GenerateDataKey": 1,
        "TransactWriteItems": 1,
        "SendMessage": 1,
    },
    "Proxy: GET with an API key": CALL | LINE,
    "Proxy: GET with an OAuth connection": CALL | LINE,
    "Proxy: POST": CALL | LINE_AND_AUDIT,
    "Operation: a page of a list": CALL | LINE,
    "Operation: write six records, three requests": CALL | LINE_AND_AUDIT,
    "GET health": {"UpdateItem": 1, "BatchGetItem": 2, "GetItem": 1, "Query": 1},
    "GET diagnosis": {"UpdateItem": 1, "GetItem": 3, "BatchGetItem": 2},
    "Disconnect": {"UpdateItem": 1, "BatchGetItem": 1, "TransactWriteItems": 1, "SendMessage": 1},
}
FLOW: dict[str, dict[str, int]] = {
    "OAuth: begin": {"UpdateItem": 1, "BatchGetItem": 2, "TransactWriteItems": 1},
    "OAuth: finish": {
        "UpdateItem": 1,
        "GetItem": 2,
        "BatchGetItem": 2,
        "Decrypt": 1,
        "GenerateDataKey": 1,
        "TransactWriteItems": 1,
        "SendMessage": 1,
    },
}
# By the worker; the secret of the client and the refresh token were last decrypted more than five minutes ago.
RENEWAL: dict[str, dict[str, int]] = {
    "OAuth: renew a token": {"GetItem": 8, "BatchGetItem": 2, "Decrypt": 2, "GenerateDataKey": 1, "UpdateItem": 4},
}


def taken(call: Call) -> Answered:
    """Answer a record, and an id for each one that is written."""
    items = json.loads(call.content or b"{}").get("items", [])
    return reply({"items": [{"id": "c1"}], "results": [{"id": f"c{number}"} for number, _ in enumerate(items)]})


def answered(ask: Callable[[], Reply]) -> Counts:
    """Return the calls of a request that is answered 2xx."""
    made: list[Reply] = []
    found = of(lambda: made.append(ask()))
    assert made[0].status < 300, made[0].body
    return found


def measured(hub: Hub) -> dict[str, Counts]:
    """Do everything that a tenant does with integrations once and return its calls."""
    own = connecting.connector()
    connecting.put_provider(connecting.provider_document(connector={**own, "endpoints": [*own["endpoints"], WRITE]}))
    keyed, granted = connecting.create(hub, "Keyed"), connecting.create(hub, "Granted")
    connecting.connect(hub, granted, accessToken=ACCESS, refreshToken=REFRESH)
    one, body = f"{TENANT}/{keyed}", {"integrationId": connecting.SLUG, "name": "Third"}
    return {
        "GET providers": answered(lambda: hub.get("/api/integrations")),
        "POST integration": answered(lambda: hub.post(TENANT, body)),
        "GET integration": answered(lambda: hub.get(one)),
        "PATCH integration": answered(lambda: hub.call("PATCH", one, {"description": "x"})),
        "Connect with an API key": answered(lambda: hub.post(f"{one}/connect/api-key", {"apiKey": KEY})),
        **of_calls(hub, keyed, granted),
        **of_a_connection(hub, granted),
    }


def of_calls(hub: Hub, keyed: str, granted: str) -> dict[str, Counts]:
    """Return the calls of AWS behind calls of the other system, after a first one of each connection."""
    for each in (keyed, granted):
        assert proxied(hub, each).status == 200
    records = {"records": [{"email": f"{number}@example.com"} for number in range(6)]}
    return {
        "Proxy: GET with an API key": answered(lambda: proxied(hub, keyed)),
        "Proxy: GET with an OAuth connection": answered(lambda: proxied(hub, granted)),
        "Proxy: POST": answered(lambda: proxied(hub, granted, "POST", body={})),
        "Operation: a page of a list": answered(lambda: operate(hub, granted, "contacts")),
        "Operation: write six records, three requests": answered(lambda: operate(hub, granted, "write", records)),
    }


def of_a_connection(hub: Hub, integration_id: str) -> dict[str, Counts]:
    connection_id = connecting.connection(hub, integration_id)["sk"]
    return {
        "GET health": answered(lambda: hub.get(f"{V1}/{integration_id}/health")),
        "GET diagnosis": answered(lambda: hub.get(f"/api/v1/connections/{connection_id}/diagnosis")),
        "Disconnect": answered(lambda: hub.post(f"{TENANT}/{integration_id}/disconnect")),
    }


@pytest.fixture
def warm(hub: Hub) -> Hub:
    """The hub after its first requests: the keys that a process reads once are read."""
    cursors.Cursors(resources().tables)
    return hub


def test_what_a_tenant_does_makes_the_calls_of_the_table(warm: Hub, upstream: Provider) -> None:
    upstream.answer = taken

    assert measured(warm) == TABLE


def test_flow_in_the_browser_makes_the_calls_of_the_table(warm: Hub, oauth: AuthorizationServer) -> None:
    integration_id, begun = consent.enabled(warm), list[Any]()

    start = of(lambda: begun.append(consent.begin(warm, integration_id)["authorizationUrl"]))
    back = consent.path_of(begun[0]), oauth.consent(begun[0])
    finish = of(lambda: consent.come_back(warm, *back))

    assert {"OAuth: begin": start, "OAuth: finish": finish} == FLOW


def test_renewal_makes_the_calls_of_the_table(
    warm: Hub, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = working(warm, stopped_clock, monkeypatch)
    work.clock.advance(LIFETIME_S * 0.8)

    assert {"OAuth: renew a token": of(work.run)} == RENEWAL
    assert len(work.authority.paths("/token")) == 1


def main() -> None:
    print(markdown({**TABLE, **FLOW, **RENEWAL}))  # noqa: T201


if __name__ == "__main__":
    main()
