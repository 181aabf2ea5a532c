"""Requests per tenant, rate class and minute: `take` is exact and writes once per request, `Tally` seldom writes."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from hub.core import clock, logs
from hub.core.caller import Caller, Tenant
from hub.core.config import Settings
from hub.core.errors import RateLimited, Unavailable
from hub.core.tables import CALL_FAILED, ConditionFailed, Tables, key

WINDOW_S = 60
FOLD_EVERY = 64
# When the counter cannot be read, reads go on; what reaches other systems does not.
_CLOSED_CLASSES = frozenset({"connection", "search", "test"})


@dataclass(frozen=True)
class Allowance:
    """What is left of this minute, as the X-RateLimit headers of the catalogue specification say it."""

    limit: int
    remaining: int
    reset_epoch_s: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_epoch_s),
        }


class Limited(RateLimited):
    def __init__(self, allowance: Allowance) -> None:
        wait_s = max(1, allowance.reset_epoch_s - int(clock.epoch_s()))
        super().__init__("Rate limit exceeded. Please try again later.", wait_s)
        self.allowance = allowance


def take(tables: Tables, settings: Settings, caller: Caller, rate_class: str) -> Allowance | None:
    """Count one request; raises Limited. None where the counter failed and the class stays open."""
    limit = settings.rate_limits.get(rate_class, settings.rate_limits["integration"])
    window = int(clock.epoch_s()) // WINDOW_S
    reset = (window + 1) * WINDOW_S
    try:
        counted = tables.coordination.update(
            key(caller.tenant, f"rate#{rate_class}", str(window)),
            "ADD used :one SET expiresEpochS = :expires",
            {"one": 1, "expires": reset + WINDOW_S, "limit": limit},
            only_if="attribute_not_exists(used) OR used < :limit",
        )
    except ConditionFailed:
        raise Limited(Allowance(limit, 0, reset)) from None
    except (ClientError, BotoCoreError) as error:
        logs.failure("rate_limit.uncounted", error, tenant=caller.tenant.id, kind=rate_class)
        if rate_class in _CLOSED_CLASSES:
            raise Unavailable("The rate limit could not be checked; try again in a moment.") from error
        return None
    return Allowance(limit, limit - int(counted["used"]), reset)


class Tally:
    """The same limit without a write per request: one process counts by itself and folds its count in now and then.

    What one process lets through is exact. Several do not see each other's last requests: of a tenant's minute they
    together let through at most `FOLD_EVERY` requests each beyond the limit. Nothing is refused below the limit.
    """

    def __init__(self, tables: Tables, settings: Settings, rate_class: str) -> None:
        self._coordination = tables.coordination
        self._limit = settings.rate_limits.get(rate_class, settings.rate_limits["integration"])
        self._class = rate_class
        self._counts: dict[tuple[str, int], _Count] = {}

    def take(self, tenant: Tenant) -> None:
        """Count one request; raises Limited."""
        window = int(clock.epoch_s()) // WINDOW_S
        count = self._counts.get((tenant.id, window)) or self._begun(tenant, window)
        if count.folded + count.own >= self._limit:
            raise Limited(Allowance(self._limit, 0, (window + 1) * WINDOW_S))
        count.own += 1
        if count.own >= FOLD_EVERY:
            self._fold(tenant, window, count)

    def _begun(self, tenant: Tenant, window: int) -> "_Count":
        for old in [place for place in self._counts if place[1] != window]:
            del self._counts[old]
        count = self._counts[tenant.id, window] = _Count()
        return count

    def _fold(self, tenant: Tenant, window: int, count: "_Count") -> None:
        """Add what was counted here to the shared count, and learn what the others have added."""
        try:
            counted = self._coordination.update(
                key(tenant, f"rate#{self._class}", str(window)),
                "ADD used :own SET expiresEpochS = :expires",
                {"own": count.own, "expires": (window + 2) * WINDOW_S},
            )
        except CALL_FAILED as error:
            logs.failure("rate_limit.uncounted", error, tenant=tenant.id, kind=self._class)
            return
        count.folded, count.own = int(counted["used"]), 0


@dataclass
class _Count:
    """`folded` is the shared count as last seen, `own` what this process has let through since."""

    folded: int = 0
    own: int = 0
