"""Fires the schedules of the template."""

import json
import re
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.attributes import ACCOUNT, REGION
from local.functions import FunctionFailed, Pool
from local.intrinsics import TemplateError
from local.logs import Log
from local.template import Schedule

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_UNIT_S = {"minute": 60, "hour": 3600, "day": 86400}
_RESOURCE = {"aws.events": "events:{}:{}:rule/{}", "aws.scheduler": "scheduler:{}:{}:schedule/default/{}"}


def interval_s(expression: str) -> int:
    """Return the seconds between two ticks of `rate(5 minutes)`."""
    rate = _RATE.fullmatch(expression)
    if not rate:
        raise TemplateError(f"{expression}: the local stack knows schedules of the form rate(5 minutes) only")
    return int(rate[1]) * _UNIT_S[rate[2]]


def tick_event(schedule: Schedule) -> Any:
    """Return the event of one tick: the schedule's own input, or the event AWS makes up."""
    if schedule.payload is not None:
        return json.loads(schedule.payload)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": schedule.source,
        "account": ACCOUNT,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": ["arn:aws:" + _RESOURCE[schedule.source].format(REGION, ACCOUNT, schedule.name)],
        "detail": "{}" if schedule.source == "aws.scheduler" else {},
    }


@dataclass
class Timer:
    """One thread per schedule; the first tick comes one interval after the start."""

    schedules: Sequence[Schedule]
    pools: Mapping[str, Pool]
    log: Log
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to tick."""
        for schedule in self.schedules:
            every_s = interval_s(schedule.expression)
            thread = threading.Thread(target=self._tick, args=(schedule, every_s), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop_ticking(self) -> None:
        """Start no more ticks."""
        self._stopping.set()

    def stop(self) -> None:
        """Wait for the end of the tick in progress."""
        self.stop_ticking()
        for thread in self._threads:
            thread.join()

    def _tick(self, schedule: Schedule, every_s: int) -> None:
        while not self._stopping.wait(every_s):
            self._fire_and_log(schedule)

    def _fire_and_log(self, schedule: Schedule) -> None:
        started = time.monotonic()
        try:
            self.fire(schedule)
            outcome = "ok"
        except FunctionFailed as error:
            outcome = error.error_type
        ms = round((time.monotonic() - started) * 1000)
        self.log.line(f"schedule {schedule.name} -> {schedule.function}", outcome=outcome, ms=ms)

    def fire(self, schedule: Schedule) -> Any:
        """Run one tick now and return what the function returned."""
        return self.pools[schedule.function].invoke(tick_event(schedule))
