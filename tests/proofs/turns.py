"""Workers that run one at a time, in an order of chance, on a clock that only moves when all of them wait.

Each worker is a thread that gives up its turn at every call to the outside: what can come between two calls of one
worker in a cloud comes between them here, thousands of times in seconds, and the same seed gives the same order.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any


class Killed(BaseException):
    """The process ends here: no handler of the product may catch it."""


@dataclass
class Plan:
    """What happens to a worker at one of its steps: `kill` it, or let it stand still for a while."""

    step: int
    kind: str
    stall_s: float = 0.0


def closed_lock() -> Any:
    """Return a lock that waits to be released, by any thread: quicker than a semaphore."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass
class Worker:
    number: int
    task: Callable[[], Any] | None = None
    wakes_at: float = 0.0
    steps: int = 0
    plan: Plan | None = None
    outcome: Any = None
    goes: Any = field(default_factory=closed_lock)


class Turns:
    """A pool of workers and their clock (epoch seconds)."""

    def __init__(self, workers: int, seed: int, now_s: float = 1_800_000_000.0) -> None:
        self.chance, self.now_s = Random(seed), now_s
        self.workers = [Worker(number) for number in range(workers)]
        self._mine = threading.local()
        self._done = closed_lock()
        self._threads = [threading.Thread(target=self._live, args=(each,), daemon=True) for each in self.workers]
        for thread in self._threads:
            thread.start()

    def run(self, tasks: Sequence[Callable[[], Any]], plans: dict[int, Plan] | None = None) -> list[Any]:
        """Run the tasks side by side; return what each returned or raised."""
        busy = self.workers[: len(tasks)]
        for worker, task in zip(busy, tasks, strict=True):
            worker.task, worker.outcome, worker.steps = task, None, 0
            worker.plan = (plans or {}).get(worker.number)
            worker.wakes_at = self.now_s + self.chance.random() * 0.5
        following = self._following()
        assert following is not None
        following.goes.release()
        self._done.acquire()
        return [worker.outcome for worker in busy]

    def step(self) -> None:
        """Let others come between, or not; a worker may die or stand still here."""
        worker: Worker | None = getattr(self._mine, "worker", None)
        if worker is None:  # the test itself
            return
        worker.steps += 1
        plan = worker.plan
        if plan and plan.step == worker.steps:
            if plan.kind == "kill":
                raise Killed
            self.sleep(plan.stall_s)
        elif self.chance.random() < 0.5:
            self.sleep(0.0)

    def sleep(self, seconds: float) -> None:
        worker: Worker = self._mine.worker
        worker.wakes_at = self.now_s + seconds
        following = self._following()
        if following is not None and following is not worker:
            following.goes.release()
            worker.goes.acquire()

    def close(self) -> None:
        for worker in self.workers:
            worker.goes.release()
        for thread in self._threads:
            thread.join()

    def _following(self) -> Worker | None:
        """Choose whose turn it is and set the clock to when that worker wakes up; None when all are done."""
        waiting = [worker for worker in self.workers if worker.task]
        if not waiting:
            return None
        self.now_s = max(self.now_s, min(worker.wakes_at for worker in waiting))
        return self.chance.choice([worker for worker in waiting if worker.wakes_at <= self.now_s])

    def _live(self, worker: Worker) -> None:
        self._mine.worker = worker
        while True:
            worker.goes.acquire()
            if worker.task is None:
                return
            try:
                worker.outcome = worker.task()
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                worker.outcome = error
            worker.task = None
            following = self._following()
            (following.goes if following else self._done).release()
