"""Requests per tenant, rate class and minute; exact under concurrency, one write per request."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from hub.core import clock, logs
from hub.core.caller import Caller
from hub.core.config import Settings
from hub.core.errors import RateLimited, Unavailable
from hub.core.tables import ConditionFailed, Tables, key

WINDOW_S = 60
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
