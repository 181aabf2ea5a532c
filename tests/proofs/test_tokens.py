"""One refresh per expiry and no grant lost, whoever calls, dies or stands still.

The server rotates its refresh tokens and revokes the grant when one comes twice (RFC 9700, 4.14.2). What is run is the
product's own code down to its DynamoDB expressions; the naive designs are kept as mutants that must lose grants.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from hub.core import clock
from hub.core.errors import Refused, Retryable
from hub.core.tables import Table
from hub.integrations import tokens
from hub.integrations.token_records import LEASE_S, TokenRecord
from tests.proofs.token_fleets import CALLERS, Fleet, GrantedFleet
from tests.proofs.token_world import LIFETIME_S, lose_answer
from tests.proofs.turns import Killed, Plan, Turns


@pytest.fixture(params=(Fleet, GrantedFleet), ids=("custom", "connection"))
def fleet(request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """Return what makes callers, of a custom integration and of a connection."""
    made: list[Turns] = []

    def make(seed: int = 1, callers: int = CALLERS, **options: Any) -> Fleet:
        turns = Turns(callers, seed)
        made.append(turns)
        clock.use(lambda: turns.now_s)
        made_of: Fleet = request.param(turns, **options)
        return made_of

    yield make
    for turns in made:
        turns.close()


# ---------------------------------------------------------------- callers


@pytest.mark.full_size
def test_1000_expiries_under_32_callers_cost_one_refresh_each_and_no_grant(fleet: Callable[..., Fleet]) -> None:
    found = fleet()

    found.expire_often(1000)

    assert found.server.lost_grants == 0
    assert found.calls_per_expiry == [1] * 1000
    assert found.outcomes == {"token": 1000 * CALLERS}


def test_callers_that_find_the_old_token_good_do_not_wait_for_the_new_one(fleet: Callable[..., Fleet]) -> None:
    found = fleet()
    found.expire()
    began = found.turns.now_s = found.turns.now_s + LIFETIME_S * 0.85

    got = found.turns.run([source.current for source in found.sources])

    assert Counter(got).most_common(1)[0][1] == CALLERS - 1
    assert found.turns.now_s - began < tokens.HTTP_S


# ---------------------------------------------------------------- kills, lost answers, stalls

# Steps of the worker that refreshes: read, claim before and after, data key, [server's answer, write before], after.
BEFORE_THE_ANSWER = (1, 2, 3, 4)
BEFORE_THE_WRITE = (5, 6)
AFTER_THE_WRITE = (7,)


def faults(found: Fleet, steps: tuple[int, ...], kind: str, times: int, stall_s: float = 0.0) -> None:
    """Let callers of every expiry die, or stand still, at one of these steps; one at least does not."""
    callers = len(found.sources)
    for _ in range(times):
        victims = found.turns.chance.sample(range(callers), found.turns.chance.randint(1, callers - 1))
        found.plans = {victim: Plan(found.turns.chance.choice(steps), kind, stall_s) for victim in victims}
        lost = found.server.lost_grants
        found.expire()
        found.ask_again()
        if found.server.lost_grants > lost:
            found.enter_refresh_token()


def test_no_grant_is_lost_when_workers_die_at_any_step_but_one(fleet: Callable[..., Fleet]) -> None:
    found = fleet(seed=2, callers=4)

    faults(found, (*BEFORE_THE_ANSWER, *AFTER_THE_WRITE), "kill", 500)

    assert found.server.lost_grants == 0
    assert set(found.outcomes) == {"token", "Killed"}
    assert found.outcomes["Killed"] > 500
    assert max(found.calls_per_expiry) == 1


def only_caller_dies(found: Fleet, step: int) -> Any:
    """Let one caller alone die at that step of a refresh, then return what a second one gets."""
    found.turns.now_s += LIFETIME_S * 2
    found.turns.run([found.sources[0].current], {0: Plan(step, "kill")})
    return found.turns.run([found._asks(found.sources[1])])[0]


@pytest.mark.parametrize("step", [*BEFORE_THE_ANSWER, *AFTER_THE_WRITE])
def test_next_caller_refreshes_when_the_first_died_at_step(fleet: Callable[..., Fleet], step: int) -> None:
    found = fleet(callers=2)
    found.expire()

    got = only_caller_dies(found, step)

    assert (found.server.lost_grants, got) == (0, got if found.server.accepts(got) else "a good token")


@pytest.mark.parametrize("step", BEFORE_THE_WRITE)
def test_worker_that_dies_with_the_answer_in_its_hands_costs_a_grant_and_says_so(
    fleet: Callable[..., Fleet], step: int
) -> None:
    """The one window that nobody can close, a single write long, and only with a server that forgives nothing."""
    found = fleet(callers=2)
    found.expire()

    got = only_caller_dies(found, step)

    assert found.server.lost_grants == 1
    assert isinstance(got, Refused)
    assert f"invalid_grant. {found.advice}" in got.message


@pytest.mark.parametrize("kind", ["kill", "stall"])
def test_no_grant_is_lost_at_any_step_where_the_server_forgives_a_repeat(
    fleet: Callable[..., Fleet], kind: str
) -> None:
    found = fleet(seed=3, callers=4, grace_s=120.0)

    faults(found, (*BEFORE_THE_ANSWER, *BEFORE_THE_WRITE, *AFTER_THE_WRITE), kind, 500, stall_s=LEASE_S + 15)

    assert found.server.lost_grants == 0
    assert set(found.outcomes) <= {"token", "Killed"}


def test_no_grant_is_lost_when_workers_stand_still_before_they_ask(fleet: Callable[..., Fleet]) -> None:
    """Whoever wakes up after its lease is over must not use the refresh token that another one has used meanwhile."""
    found = fleet(seed=4, callers=4)

    faults(found, BEFORE_THE_ANSWER, "stall", 500, stall_s=LEASE_S + 15)

    assert found.server.lost_grants == 0
    assert set(found.outcomes) == {"token"}


def test_no_grant_is_lost_when_answers_of_the_database_are_lost(fleet: Callable[..., Fleet]) -> None:
    found = fleet(seed=5, callers=4)
    found.database.lose = 1000

    found.expire_often(500)

    assert found.database.lost > 200
    assert found.server.lost_grants == 0
    assert set(found.outcomes) == {"token"}


def test_no_grant_is_lost_when_the_answer_of_a_forgiving_server_is_lost(fleet: Callable[..., Fleet]) -> None:
    found = fleet(seed=6, callers=4, grace_s=120.0)
    found.expire()
    found.server.before_answer = lose_answer
    found.turns.now_s += LIFETIME_S * 2
    first = found.turns.run([found.sources[0].current])[0]
    found.server.before_answer = lambda: None

    got = found.turns.run([found._asks(source) for source in found.sources])

    assert isinstance(first, Retryable)
    assert all(found.server.accepts(each) for each in got)
    assert found.server.lost_grants == 0


# ---------------------------------------------------------------- mutants: the naive designs lose grants


def test_mutant_without_a_lease_loses_grants(fleet: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch) -> None:
    read = TokenRecord.read
    monkeypatch.setattr(TokenRecord, "read", lambda record: replace(read(record), lease_until_s=0.0))
    monkeypatch.setattr("hub.integrations.token_records.FREE_OR_OURS", "attribute_not_exists(nothing)")
    found = fleet(seed=7)

    found.expire_often(50)

    assert found.server.lost_grants > 25
    assert sum(found.calls_per_expiry) > 100


def test_mutant_that_does_not_read_again_after_its_claim_loses_grants(
    fleet: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, claim = TokenRecord.read, TokenRecord.claim
    last: dict[int, Any] = {}

    def remember(record: TokenRecord) -> Any:
        last[id(record)] = read(record)
        return last[id(record)]

    def claim_blindly(record: TokenRecord, owner: str) -> Any:
        return claim(record, owner) and last[id(record)]

    monkeypatch.setattr(TokenRecord, "read", remember)
    monkeypatch.setattr(TokenRecord, "claim", claim_blindly)
    monkeypatch.setattr(tokens, "AFTER_HTTP_S", float("-inf"))  # what was read before tells of no lease
    found = fleet(seed=8, callers=4)

    faults(found, (2,), "stall", 100, stall_s=5.0)

    assert found.server.lost_grants > 10


def test_mutant_that_writes_without_a_fence_loses_grants(
    fleet: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that wakes up late writes a refresh token over that of its successor."""
    update = Table.update

    def unfenced(table: Table, place: Any, change: str, values: Any, only_if: str = "") -> Any:
        return update(table, place, change, values, "" if "version_read" in only_if else only_if)

    monkeypatch.setattr(Table, "update", unfenced)
    found = fleet(seed=3, callers=4, grace_s=120.0)

    faults(found, BEFORE_THE_WRITE, "stall", 100, stall_s=LEASE_S + 15)

    assert found.server.lost_grants > 0


def test_mutant_that_asks_whatever_is_left_of_its_lease_loses_grants(
    fleet: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "AFTER_HTTP_S", float("-inf"))
    found = fleet(seed=4, callers=4)

    faults(found, BEFORE_THE_ANSWER, "stall", 500, stall_s=LEASE_S + 15)

    assert found.server.lost_grants > 0


def test_killed_worker_is_seen_by_the_harness(fleet: Callable[..., Fleet]) -> None:
    found = fleet(callers=1)

    got = found.turns.run([found.sources[0].current], {0: Plan(4, "kill")})

    assert isinstance(got[0], Killed)
    assert found.server.calls == 0
