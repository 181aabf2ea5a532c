"""Connections stay alive: renewed before they end though nobody calls, whoever dies, and a new grant always wins.

What is run is the hub's own code on the memory cloud. The naive designs are kept as mutants that must be caught.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from hub.core import clock
from hub.core.attributes import Item
from hub.core.caller import Tenant
from hub.core.tables import CALL_FAILED, ConditionFailed
from hub.integrations.connections import connect, connections, renewals, revocations
from hub.integrations.connections.marks import Marks
from tests.proofs.connection_world import LIFETIME_S, TENANT, ConnectionWorld, grant_of
from tests.proofs.memory_cloud import Trouble
from tests.proofs.turns import Killed

Make = Callable[..., ConnectionWorld]
# From when on the token is renewed, as a part of its life.
RENEWS_FROM_S = LIFETIME_S * 0.8
GRACE_S, LOOK_EVERY_S = 120.0, 300.0


@pytest.fixture
def world() -> Iterator[Make]:
    made: list[ConnectionWorld] = []

    def make(seed: int = 1, **options: Any) -> ConnectionWorld:
        made.append(ConnectionWorld(seed, **options))
        return made[-1]

    yield make
    clock.use(None)
    for each in made:
        each.turns.close()


# ---------------------------------------------------------------- renewed though nobody calls


def bad_moments(found: ConnectionWorld, names: list[str], hours: float) -> list[tuple[float, str]]:
    """Let time pass and return when whose call would not have been let in."""
    found_bad = []
    for _ in range(round(hours * 3600 / LOOK_EVERY_S)):
        found.pass_time(LOOK_EVERY_S)
        found_bad += [(found.turns.now_s, name) for name in names if not found.is_good(name)]
    return found_bad


def test_token_is_renewed_before_it_ends_for_a_day_though_nobody_calls(world: Make) -> None:
    found, names = world(), [f"int_{number}" for number in range(20)]
    for name in names:
        found.connect(name)

    assert bad_moments(found, names, hours=24) == []
    assert found.server.lost == set()
    assert {each for name, each in found.server.calls.items()} <= set(range(28, 32))
    assert found.told() == {"integration.connected": 20}


def test_token_is_renewed_before_it_ends_though_workers_die_and_messages_are_lost(world: Make) -> None:
    trouble = Trouble(kill=0.01, lost_answer=0.05, conflict=0.02, lost_message=0.1, twice=0.1, early=0.1)
    found, names = world(seed=2, trouble=trouble, grace_s=GRACE_S * 10), [f"int_{number}" for number in range(20)]
    for name in names:
        found.connect(name)

    assert bad_moments(found, names, hours=12) == []
    assert found.cloud.line.kills.total() > 20
    assert found.server.lost == set()


def test_mutant_without_a_sweeper_lets_tokens_end(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ConnectionWorld, "sweep", lambda _world: 0)
    found = world()
    found.connect("int_1")

    assert bad_moments(found, ["int_1"], hours=2)


def test_outage_of_the_provider_changes_no_connection_and_is_survived(world: Make) -> None:
    """It answers 503 with the words `invalid_grant` for two hours: the connection stays, and works again after it."""
    found = world()
    found.connect("int_1")
    found.server.is_down = True

    found.pass_time(2 * 3600)
    during = found.connection("int_1")
    found.server.is_down = False
    found.pass_time(15 * 60 + 120)

    assert (during["status"], during.get("reason")) == ("active", None)
    assert found.is_good("int_1")
    assert found.told() == {"integration.connected": 1}


def test_grant_that_the_provider_ended_is_noted_once_with_its_reason(world: Make) -> None:
    found = world()
    found.connect("int_1")
    found.server.revoked.add("g1")

    found.pass_time(3 * 3600)
    connection, (renewal,) = found.connection("int_1"), found.items("renewal")

    assert (connection["status"], connection["reason"]) == ("expired", "invalid_grant")
    assert found.load("int_1").integration["status"] == "error"
    assert found.told() == {"integration.connected": 1, "integration.error": 1}
    assert (found.server.calls["g1"], renewal["endedFor"], "dueAt" in renewal) == (1, "the grant has ended", False)


def test_integration_that_was_switched_off_asks_for_nothing(world: Make) -> None:
    found = world()
    found.connect("int_1")
    pause(found, "int_1", "paused")
    found.pass_time(10 * 3600)
    asked = found.server.calls["g1"]
    pause(found, "int_1", "active")

    found.pass_time(8 * 3600)

    assert (asked, found.is_good("int_1")) == (0, True)


def pause(found: ConnectionWorld, name: str, status: str) -> None:
    place = {"pk": f"{TENANT.id}#integration", "sk": name}
    found.cloud.tables.config.update(place, "SET status = :status", {"status": status})


# ---------------------------------------------------------------- kills


def dies_once(found: ConnectionWorld, at: tuple[int, str]) -> None:
    """Let the worker die at one of its calls, then let the sweeper find what it left."""
    connection = found.connect("int_1")
    found.turns.now_s += RENEWS_FROM_S + 1
    found.cloud.line.plan = at
    found.turns.run([lambda: found.work(connection["sk"])])
    found.cloud.line.plan = None
    found.pass_time(10 * 60)


def calls_of_a_renewal(world: Make) -> list[str]:
    found = world()
    dies_once(found, (0, ""))
    return found.cloud.line.log[: found.cloud.line.log.index("dynamodb.UpdateItem", 8) + 4]


def kill_points(world: Make) -> list[tuple[int, str]]:
    return [(number + 1, side) for number in range(len(calls_of_a_renewal(world))) for side in ("before", "after")]


def test_sweeper_recovers_a_renewal_that_died_at_any_call(world: Make) -> None:
    """Of a server that lets a refresh token come again for a while, no death costs the grant."""
    points = kill_points(world)

    for at in points:
        found = world(grace_s=GRACE_S * 5)
        dies_once(found, at)

        (renewal,) = found.items("renewal")
        assert found.is_good("int_1"), at
        assert renewal["dueAt"] > clock.now(), at
        assert found.server.calls["g1"] in (1, 2), at
        assert found.told() == {"integration.connected": 1}, at
        found.turns.close()
    assert len(points) >= 20


def test_only_a_death_between_answer_and_write_costs_a_grant_of_a_server_that_forgives_nothing(world: Make) -> None:
    """That window is one write long, nobody can close it, and who has to act is told."""
    costly = set()
    for at in kill_points(world):
        found = world()
        dies_once(found, at)
        if found.server.lost:
            costly.add((found.cloud.line.log[at[0] - 1], at[1]))
            connection = found.connection("int_1")
            assert (connection["status"], connection["reason"]) == ("expired", "invalid_grant")
            assert found.told()["integration.error"] == 1
        else:
            assert found.is_good("int_1"), at
        found.turns.close()

    assert costly == {("http.token", "after"), ("dynamodb.UpdateItem", "before")}


# ---------------------------------------------------------------- connected anew meanwhile


def again(act: Callable[[], Any]) -> None:
    """Do what a person does until it works, as a person does."""
    for _ in range(10):
        try:
            act()
        except (ConditionFailed, Killed, *CALL_FAILED):
            continue
        return
    raise AssertionError("the hub kept refusing")


def reconnects(found: ConnectionWorld, times: int) -> list[str]:
    """Connect anew while a worker renews and another caller calls; return where the new grant does not work then.

    Every worker and every request may die at any call.
    """
    bad = []
    for number in range(times):
        name = f"int_{number}"
        connection = found.connect(name)
        found.turns.now_s += found.turns.chance.choice((RENEWS_FROM_S + 1, LIFETIME_S + 1))
        found.turns.run(
            [partial(works, found, connection), partial(connects, found, name), partial(calls, found, name)]
        )
        found.pass_time(180)
        bad += [] if has_new_grant(found, name) else [name]
    return bad


def has_new_grant(found: ConnectionWorld, name: str) -> bool:
    token = found.tokens(found.connection(name)).get("accessToken", "")
    return found.is_good(name) and grant_of(token) == found.grants[name]


def disconnects(found: ConnectionWorld, times: int) -> list[str]:
    """Disconnect and connect again before a worker gives the tokens back; return where the new grant does not work."""
    bad = []
    for number in range(times):
        name = f"int_{number}"
        connection = found.connect(name)
        found.disconnect(name)
        found.reconnect(name)
        found.turns.run([partial(works, found, connection), partial(calls, found, name)])
        bad += [] if has_new_grant(found, name) else [name]
    return bad


def works(found: ConnectionWorld, connection: Item) -> None:
    found.work(connection["sk"])
    found.work(f"{connection['sk']}.{connection['generation']}")


def connects(found: ConnectionWorld, name: str) -> None:
    found.turns.sleep(found.turns.chance.uniform(0.0, 2.0))
    with found.cloud.line.invocation():
        again(lambda: found.reconnect(name))


def calls(found: ConnectionWorld, name: str) -> None:
    with found.cloud.line.invocation(), suppress(Exception):
        found.call(name)


@pytest.mark.full_size
@pytest.mark.parametrize("ends_former", [False, True], ids=["grants side by side", "a new grant ends the former"])
def test_new_grant_wins_over_a_renewal_of_the_old_one_that_is_under_way(world: Make, ends_former: bool) -> None:
    worlds = (world(seed, workers=3, trouble=Trouble(kill=0.02), ends_former=ends_former) for seed in (3, 4, 5))

    assert [reconnects(found, 50) for found in worlds] == [[], [], []]


def test_new_grant_is_not_given_back_with_the_old_one(world: Make) -> None:
    """Disconnected and connected again at once: the provider ends all grants with any one, and so is not asked."""
    found = world(seed=4, workers=3, ends_all=True)

    assert disconnects(found, 100) == []
    assert {item["endedFor"] for item in found.items("revocation")} == {"connected anew"}


def test_new_grant_is_renewed_though_the_old_one_has_ended(world: Make) -> None:
    found = world(seed=5, workers=3, ends_former=True)
    reconnects(found, 30)

    found.pass_time(2 * 3600)

    assert [name for name in found.grants if not found.is_good(name)] == []


# ---------------------------------------------------------------- mutants: without the generation the old one wins


def test_mutant_that_marks_whatever_generation_there_is_stops_new_connections(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Marks.refused

    def blindly(marks: Marks, tenant: Tenant, connection: Item, reason: str, message: str) -> None:
        present = marks.tables.config.get({"pk": connection["pk"], "sk": connection["sk"]})
        refused(marks, tenant, present or connection, reason, message)

    monkeypatch.setattr(Marks, "refused", blindly)
    found = world(seed=3, workers=3, ends_former=True)

    assert reconnects(found, 50)


def test_mutant_with_one_token_record_for_all_generations_gives_new_grants_back(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "token_name", lambda connection: connection["sk"])
    monkeypatch.setattr(connect, "IS_NEW", "")
    store: Any = connect._store_tokens
    monkeypatch.setattr(connect, "_store_tokens", lambda *parts: store(*parts[:3], None))
    monkeypatch.setattr(
        revocations, "token_place", lambda item: {"pk": f"{TENANT.id}#token", "sk": item["connectionId"]}
    )
    found = world(seed=4, workers=3, ends_all=True)

    assert disconnects(found, 100)


def test_mutant_that_settles_whatever_renewal_there_is_forgets_new_connections(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = renewals.settled

    def blindly(activity: Any, item: Item, verdict: renewals.Verdict) -> Any:
        write = settled(activity, item, verdict)
        values = {name: value for name, value in write.values.items() if name not in ("generation", "made")}
        return type(write)(activity, write.key, write.change, values, "attribute_exists(dueShard)")

    monkeypatch.setattr(renewals, "settled", blindly)
    found = world(seed=5, workers=3, ends_former=True)
    reconnects(found, 60)

    found.pass_time(2 * 3600)

    assert [name for name in found.grants if not found.is_good(name)]
