"""The connection worker on DynamoDB, with the rights that the template gives it: renewals, revocations, marks."""

from typing import Any

import pytest

from hub.core import clock
from hub.core.caller import Tenant
from hub.core.resources import resources
from hub.core.tables import key
from hub.integrations.connected import load, secrets_of, token_source_of
from hub.integrations.connections import renewals
from tests.api import connecting
from tests.api.conftest import Hub, StoppedClock, make_integration
from tests.api.connection_work import LIFETIME_S, Work, answer, working
from tests.api.queued import hints_in
from tests.api.sync_work import vault

Json = dict[str, Any]

OUTAGES = [(503, {"error": "invalid_grant"}), (429, {"error": "invalid_grant"}), (500, {}), (408, {})]


@pytest.fixture
def work(hub: Hub, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> Work:
    return working(hub, stopped_clock, monkeypatch)


def audited(work: Work, action: str) -> list[Json]:
    return [entry for entry in work.hub.audit_entries() if entry["action"] == action]


# ---------------------------------------------------------------- renewals


def test_token_is_renewed_when_it_is_due_and_not_before(work: Work) -> None:
    early = work.run()
    asked_early = len(work.authority.asked)
    work.clock.advance(LIFETIME_S * 0.8)

    late = work.run()

    assert (early, late) == ({"batchItemFailures": []},) * 2
    (form,) = work.authority.paths("/token")
    assert (asked_early, form["refresh_token"]) == (0, connecting.REFRESH)
    assert work.item("renewal")["dueAt"] == clock.iso(work.clock.epoch_s + LIFETIME_S * 0.8)
    assert work.connection["lastRefreshedAt"] == clock.now()
    assert work.connection["expiresAt"] == clock.iso(work.clock.epoch_s + LIFETIME_S)


def test_sweeper_hints_at_the_renewal(work: Work) -> None:
    work.clock.advance(LIFETIME_S * 0.8)

    with work.hub.cloud.running("Sweeper"):
        work.hub.cloud.handler("Sweeper")({}, None)

    found = hints_in("connection", work.hub.tenant)
    assert found == [{"tenant": work.hub.tenant, "id": work.connection["sk"]}]


def test_hint_that_comes_twice_renews_once(work: Work) -> None:
    work.clock.advance(LIFETIME_S)

    work.run(work.connection["sk"], work.connection["sk"])
    work.run()

    assert len(work.authority.paths("/token")) == 1


@pytest.mark.parametrize(("status", "body"), OUTAGES)
def test_outage_is_waited_for_longer_each_time_and_changes_no_connection(work: Work, status: int, body: Json) -> None:
    work.clock.advance(LIFETIME_S * 2)
    work.authority.failures = [answer(status, body)] * 5
    waits = []
    for _ in range(5):
        work.run()
        due_s = clock.epoch_of(work.item("renewal")["dueAt"])
        waits.append(round(due_s - work.clock.epoch_s))
        work.clock.epoch_s = due_s
    work.run()

    assert waits == [30, 60, 120, 240, 480]
    assert (work.connection["status"], work.connection.get("reason")) == ("active", None)
    assert len(work.authority.paths("/token")) == 6
    assert connecting.events(work.hub).count("integration.error") == 0


def test_end_of_the_grant_expires_the_connection_once_and_keeps_its_token(work: Work) -> None:
    work.clock.advance(LIFETIME_S * 0.9)
    work.authority.failures = [answer(400, {"error": "invalid_grant", "error_description": "revoked by the user"})]

    work.run()
    work.run()

    connection, renewal = work.connection, work.item("renewal")
    assert (connection["status"], connection["reason"]) == ("expired", "invalid_grant")
    assert connection["since"] == clock.now()
    assert "revoked by the user" in connection["reasonMessage"]
    assert (work.integration["status"], work.integration["lastErrorAt"]) == ("error", clock.now())
    assert connecting.events(work.hub).count("integration.error") == 1
    assert ("dueAt" in renewal, len(work.authority.asked), work.record() is None) == (False, 1, False)


def test_client_that_the_provider_refuses_is_an_error_that_heals_by_itself(work: Work) -> None:
    work.clock.advance(LIFETIME_S * 0.9)
    work.authority.failures = [answer(401, {"error": "invalid_client"})]
    work.run()
    refused = work.connection

    work.clock.epoch_s = clock.epoch_of(work.item("renewal")["dueAt"])
    work.run()

    assert (refused["status"], refused["reason"]) == ("error", "client_misconfigured")
    assert (work.connection["status"], work.connection.get("reason")) == ("active", None)
    assert (work.integration["status"], work.integration.get("lastError")) == ("active", None)
    assert connecting.events(work.hub)[-2:] == ["integration.error", "integration.connected"]


def test_last_token_without_a_refresh_token_says_when_it_is_over(work: Work) -> None:
    ends = clock.iso(work.clock.epoch_s + LIFETIME_S)
    connecting.connect(work.hub, work.integration_id, accessToken=connecting.ACCESS, expiresAt=ends)
    work.run()
    before = work.connection["status"]
    work.clock.advance(LIFETIME_S + 1)

    work.run()

    assert (before, work.connection["status"]) == ("active", "expired")
    assert work.connection["reason"] == "access_token_expired"


def test_renewal_of_a_connection_that_was_made_anew_is_another_one(work: Work) -> None:
    work.clock.advance(LIFETIME_S * 0.9)
    work.reconnect()

    work.run()

    assert work.item("renewal")["generation"] == 2
    assert work.authority.asked == []


def test_token_goes_to_no_other_address_than_it_was_entered_for(work: Work) -> None:
    """Whoever may write settings must not get the refresh token of the present connection."""
    place = {"pk": work.integration["pk"], "sk": work.integration_id}
    settings = '{"authUrl":"https://thief.example.com"}'
    resources().tables.config.update(place, "SET settings = :settings", {"settings": settings})
    work.clock.advance(LIFETIME_S)

    work.run()

    assert work.authority.asked == []
    assert work.item("renewal")["endedFor"] == "address_changed"


def test_token_of_a_custom_integration_is_renewed_by_its_own_item(work: Work) -> None:
    auth = {
        "type": "oauth2",
        "grantType": "refresh_token",
        "tokenUrl": "https://id.example.com/token",
        "clientId": "own",
        "clientSecret": connecting.CLIENT_SECRET,
        "refreshToken": connecting.REFRESH,
    }
    made = work.hub.post("/api/v1/custom-integrations", make_integration(auth=auth)).body["id"]
    tables, tenant = resources().tables, Tenant(work.hub.tenant)
    found = load(tables.config, tenant, made)
    source = token_source_of(vault(), work.authority, found, secrets_of(tables.config, vault(), found))
    assert source is not None
    source.current()
    renew_from_s = work.clock.epoch_s + LIFETIME_S * 0.8
    tables.write(renewals.renewal_of_custom(tables.activity, tenant, made, renew_from_s))
    work.clock.epoch_s = renew_from_s

    work.run(made)

    assert [form["refresh_token"] for form in work.authority.paths("/token")] == [
        connecting.REFRESH,
        "canary-refresh-1",
    ]
    assert work.item("renewal", made)["dueAt"] == clock.iso(renew_from_s + LIFETIME_S * 0.8)


def test_hint_of_nothing_is_fine(work: Work) -> None:
    assert work.run("con_missing", "con_missing.7", "x") == {"batchItemFailures": []}


def test_message_that_breaks_fails_alone(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.clock.advance(LIFETIME_S)
    from hub.integrations.connections.renew import Renewer

    run = Renewer.run

    def broken(renewer: Renewer, hint: Any) -> None:
        if hint.id == "con_bad":
            raise ZeroDivisionError
        run(renewer, hint)

    monkeypatch.setattr(Renewer, "run", broken)

    answered = work.run("con_bad", work.connection["sk"])

    assert answered == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert len(work.authority.paths("/token")) == 1


# ---------------------------------------------------------------- revocations


def disconnected(work: Work) -> str:
    """Disconnect; return the id of the revocation."""
    name = work.revocation_id()
    answered = work.hub.post(f"{connecting.TENANT_PATH}/{work.integration_id}/disconnect")
    assert answered.status in (200, 204), answered.body
    return name


def token_record(work: Work, name: str) -> Json | None:
    return resources().tables.credentials.get(key(Tenant(work.hub.tenant), "token", name))


def test_tokens_of_an_ended_connection_are_given_back_and_deleted(work: Work) -> None:
    name = disconnected(work)

    work.run(name)
    work.run(name)

    (form,) = work.authority.paths("/revoke")
    assert (form["token"], form["token_type_hint"]) == (connecting.REFRESH, "refresh_token")
    assert (token_record(work, name), "dueAt" in work.item("revocation", name)) == (None, False)
    (entry,) = audited(work, "connection.tokens_deleted")
    assert '"outcome":"revoked"' in entry["facts"]
    assert "canary" not in entry["facts"]


def test_provider_that_cannot_be_reached_is_asked_for_a_day_then_the_tokens_go_anyway(work: Work) -> None:
    name, began = disconnected(work), work.clock.epoch_s
    work.authority.failures = [answer(503)] * 100
    waits = []
    while "dueAt" in work.item("revocation", name):
        work.run(name)
        due = work.item("revocation", name).get("dueAt")
        waits += [round(clock.epoch_of(due) - work.clock.epoch_s)] if due else []
        work.clock.epoch_s = clock.epoch_of(due) if due else work.clock.epoch_s

    assert waits[:8] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert 24 <= (work.clock.epoch_s - began) / 3600 <= 25
    assert token_record(work, name) is None
    (entry,) = audited(work, "connection.tokens_deleted")
    assert '"outcome":"unreachable"' in entry["facts"]


def claimed(work: Work, until_s: float) -> None:
    """Let a renewal be under way, which began before the integration was disconnected."""
    record = work.record()
    assert record is not None
    values = {"other": "other", "until": until_s}
    place = {"pk": record["pk"], "sk": record["sk"]}
    resources().tables.credentials.update(place, "SET leaseOwner = :other, leaseUntilS = :until", values)


def renewed_meanwhile(work: Work, name: str) -> None:
    """Write what a renewal brings, as its worker does."""
    place = key(Tenant(work.hub.tenant), "token", name)
    sealed = vault().sealer(place, 2)({"accessToken": "canary-access-2", "refreshToken": "canary-refresh-2"})
    values = {"two": 2, **sealed}
    sets = ", ".join(f"{each} = :{each}" for each in sealed)
    resources().tables.credentials.update(place, f"SET version = :two, {sets} REMOVE leaseOwner, leaseUntilS", values)


def test_tokens_that_a_renewal_brings_after_the_disconnection_are_those_given_back(work: Work) -> None:
    """The former refresh token was used up by then: to give it back would leave the grant alive."""
    claimed(work, work.clock.epoch_s + 30)
    name = disconnected(work)
    work.run(name)
    asked_early = work.authority.paths("/revoke")
    renewed_meanwhile(work, name)
    work.clock.epoch_s = clock.epoch_of(work.item("revocation", name)["dueAt"])

    work.run(name)

    (form,) = work.authority.paths("/revoke")
    assert (asked_early, form["token"]) == ([], "canary-refresh-2")
    assert (token_record(work, name), "dueAt" in work.item("revocation", name)) == (None, False)


def test_tokens_that_come_while_the_former_are_given_back_are_given_back_too(work: Work) -> None:
    name = disconnected(work)
    send = work.authority.send

    def renew_then_send(call: Any, *, timeout_s: float) -> Any:
        renewed_meanwhile(work, name)
        return send(call, timeout_s=timeout_s)

    work.authority.send = renew_then_send  # type: ignore[method-assign]
    work.run(name)
    kept = token_record(work, name)
    work.authority.send = send  # type: ignore[method-assign]

    work.run(name)

    assert kept is not None
    assert [form["token"] for form in work.authority.paths("/revoke")] == [connecting.REFRESH, "canary-refresh-2"]
    assert token_record(work, name) is None


def test_worker_that_died_during_a_renewal_keeps_no_token_from_being_given_back(work: Work) -> None:
    claimed(work, work.clock.epoch_s + 30)
    name = disconnected(work)
    work.clock.advance(31)

    work.run(name)

    assert [form["token"] for form in work.authority.paths("/revoke")] == [connecting.REFRESH]


def test_provider_that_refuses_is_not_asked_again(work: Work) -> None:
    name = disconnected(work)
    work.authority.failures = [answer(400, {"error": "unsupported_token_type"})]

    work.run(name)

    assert (token_record(work, name), len(work.authority.asked)) == (None, 1)
    assert '"outcome":"refused"' in audited(work, "connection.tokens_deleted")[0]["facts"]


def test_tokens_are_not_given_back_once_it_was_connected_anew(work: Work) -> None:
    """Some providers end all grants of an account with any one of them."""
    name = disconnected(work)
    work.reconnect()

    work.run(name)

    assert (work.authority.asked, token_record(work, name)) == ([], None)
    assert work.connection["status"] == "active"
    assert work.record() is not None


def test_tokens_are_not_sent_to_a_changed_address_to_be_given_back(work: Work) -> None:
    name = disconnected(work)
    place = {"pk": work.integration["pk"], "sk": work.integration_id}
    settings = '{"revokeUrl":"https://thief.example.com"}'
    resources().tables.config.update(place, "SET settings = :settings", {"settings": settings})

    work.run(name)

    assert (work.authority.asked, token_record(work, name)) == ([], None)
    assert '"outcome":"not offered"' in audited(work, "connection.tokens_deleted")[0]["facts"]
