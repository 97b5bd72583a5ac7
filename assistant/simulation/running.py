"""Many markets and seeds, a process each core, with progress."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from assistant.settings import Settings
from assistant.simulation import arena
from assistant.simulation.outcome import Pair, Sums
from engines.worlds import Kind, draw_world
from storage.synthetic.world import MARGIN

PAIRS = "pairs.jsonl"
"""Where a run's pairs are written down, a line each."""

FIRST_DAY = date(2026, 1, 5)
"""The first day of every history."""


@dataclass(frozen=True)
class Job:
    """One pair of runs to be made."""

    kind: Kind
    seed: int
    days: int
    ways: tuple[str, ...]
    settings: Settings


def pair(job: Job, told: Callable[[], None] = lambda: None) -> Pair:
    """The same market with and without, in databases of their own that are gone after it."""
    begun = time.perf_counter()
    world = draw_world(job.kind, job.seed, FIRST_DAY.toordinal(), job.days)
    # One thread a process: cores are shared out by seeds.
    with threadpool_limits(1, user_api="blas"), _hushed(), tempfile.TemporaryDirectory() as made:
        static, acting = Path(made) / "static", Path(made) / "acting"
        arena.prepare(static, world)
        arena.copied(static, acting)
        without = arena.run(static, job.settings, world, (), told)
        active = arena.run(acting, job.settings, world, job.ways, told)
    gained = _contribution(active) - _contribution(without)
    return Pair(
        kind=job.kind,
        seed=job.seed,
        days=job.days,
        ways=job.ways,
        acting=_sums(active),
        static=_sums(without),
        gained=np.round(np.cumsum(gained), 2).tolist(),
        acts=active.acts,
        seconds=round(time.perf_counter() - begun, 2),
    )


@contextmanager
def _hushed() -> Iterator[None]:
    """The log of an arena's loops is of no use to anybody."""
    log = logging.getLogger("assistant")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _contribution(course: arena.Course) -> arena.Floats:
    return np.asarray(float(MARGIN) * np.array(course.revenue) - np.array(course.spend))


def _sums(course: arena.Course) -> Sums:
    return Sums(
        spend=round(sum(course.spend), 2),
        revenue=round(sum(course.revenue), 2),
        customers=sum(course.customers),
        margin=float(MARGIN),
    )


def keep(folder: Path, one: Pair) -> None:
    """Write down a pair that is done, so that a run that is cut off can go on."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / PAIRS).open("a", encoding="utf-8") as file:
        file.write(one.model_dump_json() + "\n")


def kept(folder: Path, jobs: Sequence[Job]) -> list[Pair]:
    """The pairs of these jobs that are written down already; a line cut off in writing is left out."""
    path = folder / PAIRS
    if not path.exists():
        return []
    wanted = {(job.kind, job.seed, job.days, job.ways) for job in jobs}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        with suppress(ValidationError):
            one = Pair.model_validate_json(line)
            if (one.kind, one.seed, one.days, one.ways) in wanted:
                found[one.kind, one.seed] = one
    return list(found.values())


def pairs(jobs: Sequence[Job], processes: int) -> Iterator[Pair]:
    """Every job's pair, as they are done."""
    if processes <= 1:
        yield from map(pair, jobs)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(pair, job) for job in jobs]):
            yield done.result()
