"""Makes the jobs of the sync configurations that are due, once a minute and whenever the bus says scheduler.hourly."""

import time
from typing import Any

from hub.core.resources import resources
from hub.sync.configs.scheduler import Scheduler

# Of the 50 seconds that the function may take.
BUDGET_S = 40


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    return dict(Scheduler(resources(), time.monotonic() + BUDGET_S).run())
