"""A job that is run once per call, each time with a death right before or right after that call takes effect."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from hub.core.attributes import Item
from tests.proofs.job_world import JobWorld


class Begins(Protocol):
    """What a job is prepared as: at least the job, which has not begun."""

    @property
    def job(self) -> Item: ...


Ready = TypeVar("Ready", bound=Begins)
Make = Callable[..., JobWorld]


def dying(worlds: Make, prepare: Callable[[JobWorld], Ready], step: int, side: str) -> tuple[JobWorld, Ready]:
    """Run the job to its end, with a death at one call; at 0 nobody dies."""
    world = worlds(step)
    ready = prepare(world)
    line = world.cloud.line
    line.number, line.plan = 0, (step, side)
    world.ended(ready.job)
    return world, ready


def at_every_call(
    worlds: Make, prepare: Callable[[JobWorld], Ready], side: str
) -> Iterator[tuple[int, JobWorld, Ready]]:
    """Yield the run in which nobody dies as number 0, then one for each of its calls."""
    world, ready = dying(worlds, prepare, 0, side)
    calls = world.cloud.line.number
    yield 0, world, ready
    for step in range(1, calls + 1):
        world, ready = dying(worlds, prepare, step, side)
        assert world.cloud.line.kills.total() == 1
        yield step, world, ready
