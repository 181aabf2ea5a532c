"""Why a connection does not work, and who must do what: said from what is stored, to those it concerns."""

from typing import Any

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.integrations.connections import connections, diagnosis
from hub.integrations.connections.diagnosis_models import ConnectionDiagnosis
from hub.outbound.breaker import Outcome
from hub.outbound.traffic import Traffic
from tests.api import connecting
from tests.api.conftest import Hub, Reply, StoppedClock
from tests.api.connection_work import LIFETIME_S, Work, answer, working
from tests.api.sync_work import recorded

Json = dict[str, Any]

HOST = "desk.example.com"
MOST_READS = 7


@pytest.fixture
def work(hub: Hub, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> Work:
    return working(hub, stopped_clock, monkeypatch)


def asked(work: Work, con_id: str = "", **options: Any) -> Reply:
    return work.hub.get(f"/api/v1/connections/{con_id or work.connection['sk']}/diagnosis", **options)


def diagnosed(work: Work) -> Json:
    found = asked(work)
    assert found.status == 200, found.body
    ConnectionDiagnosis.model_validate(found.body)
    body: Json = found.body
    return body


def test_connection_that_works_says_so_and_when_its_token_is_renewed(work: Work) -> None:
    found, now_s = diagnosed(work), work.clock.epoch_s

    assert found == {
        "connectionId": work.connection["sk"],
        "integrationId": work.integration_id,
        "provider": connecting.SLUG,
        "status": "active",
        "reason": None,
        "message": diagnosis.WORKS,
        "who": "nobody",
        "nextStep": diagnosis.NOTHING,
        "since": clock.iso(now_s),
        "evidence": {
            "lastRefreshedAt": None,
            "expiresAt": clock.iso(now_s + LIFETIME_S),
            "nextRefreshAt": clock.iso(now_s + LIFETIME_S * 0.8),
            "lastError": None,
            "circuitState": "closed",
            "failuresInARow": 0,
            "coolDownUntil": None,
        },
        "reconnect": {
            "possible": True,
            "how": f"POST /api/v1/connections/{work.connection['sk']}/reconnect-link returns a link to the provider's"
            " consent page.",
        },
    }


# What the token server answered the last renewal, and what is said of it.
CAUSES = [
    (400, "invalid_grant", "expired", "invalid_grant", "tenant_admin"),
    (401, "invalid_client", "error", "client_misconfigured", "operator"),
    (400, "invalid_scope", "error", "insufficient_scope", "tenant_admin"),
    (503, "invalid_grant", "active", "provider_unavailable", "provider"),
    (429, "invalid_grant", "active", "rate_limited", "nobody"),
    (404, "", "error", "unexpected_answer", "operator"),
]


@pytest.mark.parametrize(("status", "error", "becomes", "reason", "who"), CAUSES)
def test_failed_renewal_is_explained_without_opening_a_secret(
    work: Work, status: int, error: str, becomes: str, reason: str, who: str
) -> None:
    work.clock.advance(LIFETIME_S * 0.9)
    work.authority.failures = [answer(status, {"error": error, "error_description": "as the server says"})]
    work.run()

    with recorded() as calls:
        found = diagnosed(work)

    assert (found["status"], found["reason"], found["who"]) == (becomes, reason, who)
    assert f"answered {status}" in found["evidence"]["lastError"]
    assert found["message"]
    assert found["nextStep"].endswith(".")
    assert (found["evidence"]["failuresInARow"], found["evidence"]["coolDownUntil"]) == (
        1,
        clock.iso(work.clock.epoch_s + 30),
    )
    assert calls.of("Decrypt") == []
    assert len([each for each in calls if each.operation in ("GetItem", "BatchGetItem", "Query")]) <= MOST_READS
    assert connecting.has_canary(found) == []


def test_grant_that_has_ended_is_not_renewed_again(work: Work) -> None:
    work.clock.advance(LIFETIME_S * 0.9)
    work.authority.failures = [answer(400, {"error": "invalid_grant"})]
    work.run()

    assert diagnosed(work)["evidence"]["nextRefreshAt"] is None


def test_host_that_is_left_alone_is_the_providers_affair(work: Work) -> None:
    gate = Traffic(resources().tables.coordination, Tenant(work.hub.tenant), work.integration_id).gate(HOST)
    for _ in range(5):
        gate.leave(gate.enter((), 30.0).try_, Outcome.FAILURE)

    found = diagnosed(work)

    assert (found["status"], found["reason"], found["who"]) == ("active", "provider_unavailable", "provider")
    assert (found["evidence"]["circuitState"], found["evidence"]["failuresInARow"]) == ("open", 5)
    assert found["evidence"]["coolDownUntil"] == clock.iso(work.clock.epoch_s + 30)


def test_disconnected_connection_says_how_to_connect_again(work: Work) -> None:
    work.hub.post(f"{connecting.TENANT_PATH}/{work.integration_id}/disconnect")

    found = diagnosed(work)

    assert (found["status"], found["reason"], found["who"]) == ("revoked", "disconnected", "tenant_admin")
    assert found["reconnect"]["possible"] is True


def test_connection_with_a_key_is_mended_by_entering_it_again(work: Work) -> None:
    connecting.connect(work.hub, work.integration_id, apiKey=connecting.KEY)

    found = diagnosed(work)

    assert f"/api/tenant/integrations/{work.integration_id}/credentials" in found["reconnect"]["how"]
    assert (found["evidence"]["expiresAt"], found["evidence"]["nextRefreshAt"]) == (None, None)


def test_without_an_oauth_client_of_the_operator_nobody_can_connect_again(work: Work) -> None:
    connecting.put_provider()

    assert diagnosed(work)["reconnect"] == {"possible": False, "how": diagnosis.NO_CLIENT}


def test_scopes_that_were_asked_for_and_not_granted_are_named(work: Work) -> None:
    place = {"pk": work.connection["pk"], "sk": work.connection["sk"]}
    resources().tables.config.update(place, "SET scopes = :scopes", {"scopes": ["profile"]})

    assert diagnosed(work)["evidence"]["missingScopes"] == ["contacts"]


# ---------------------------------------------------------------- who may ask


def test_connection_of_another_tenant_or_user_is_not_there(work: Work, other_hub: Hub) -> None:
    path = f"/api/v1/connections/{work.connection['sk']}/diagnosis"

    missing = work.hub.get("/api/v1/connections/con_missing/diagnosis")
    foreign = other_hub.get(path)
    of_tenant = work.hub.get(path, roles="user")
    by_program = work.hub.get(path, roles="", scopes="integrations:read")

    assert missing.status == 404
    assert [without_id(each) for each in (foreign, of_tenant, by_program)] == [without_id(missing)] * 3


def without_id(reply: Reply) -> Json:
    return {**reply.body["error"], "requestId": ""}


def of_user(work: Work, user: str) -> str:
    """Give the integration a connection of a user's own; return its id."""
    config, tenant = resources().tables.config, Tenant(work.hub.tenant)
    place = connections.place_of(tenant, work.integration_id, f"user:{user}")
    config.batch_put([{**work.connection, **place, "id": place["sk"], "owner": f"user:{user}"}])
    mine = {"pk": work.integration["pk"], "sk": work.integration_id}
    config.update(mine, "SET userScoped = :yes", {"yes": True})
    return place["sk"]


def test_user_may_ask_about_a_connection_of_their_own_and_no_other(work: Work) -> None:
    mine, other = of_user(work, "u1"), of_user(work, "u2")

    asked_by_user = [asked(work, con_id, roles="user") for con_id in (mine, other)]
    asked_by_admin = [asked(work, con_id) for con_id in (mine, other)]

    assert [each.status for each in (*asked_by_user, *asked_by_admin)] == [200, 404, 200, 200]
    assert asked_by_user[0].body["connectionId"] == mine


def test_user_must_mend_what_is_theirs(work: Work) -> None:
    con_id = of_user(work, "u1")
    place = {"pk": work.connection["pk"], "sk": con_id}
    told = {"status": "expired", "reason": "invalid_grant"}
    resources().tables.config.update(place, "SET status = :status, reason = :reason", told)

    assert asked(work, con_id).body["who"] == "user"
