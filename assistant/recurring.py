"""What a loop is: a function that is called again and again, declared once."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import Connection

from assistant.bus import Bus
from assistant.clocks import times_of
from assistant.work import LostError
from storage import loops
from storage.people import Person

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Done:
    """What one run came to."""

    told: str
    """In a sentence or two."""
    result: BaseModel | None = None


@dataclass(frozen=True)
class Run:
    """One run in hand."""

    bus: Bus
    """The one door; its clock stands at ``now``."""
    person: Person
    """The service that acts, named after the loop."""
    loop: loops.Loop
    now: datetime
    """UTC."""
    holder: str
    keep: Callable[[], None]
    """Hold the loop longer. To be called now and then; raises `assistant.work.StoppedError` when the service
    ends, `LostError` when somebody else has taken over."""

    def make_sure(self, connection: Connection) -> None:
        """Raise `LostError` unless the loop is still ours; until the transaction ends it stays so."""
        if not loops.holds(connection, self.loop.id, self.holder):
            raise LostError


Step = Callable[[Run], Done]


@dataclass(frozen=True)
class Recurring:
    """A loop as declared: every so often, or once a day at a time."""

    name: str
    title: str
    summary: str
    step: Step
    every: timedelta | None
    at: str | None
    longest_pause: timedelta
    """A loop that keeps failing is tried again at least this often."""

    def next_due(self, after: datetime, time_zone: str) -> datetime:
        """The first time it is due after a moment: the same for every process that asks.

        Intervals are counted from midnight UTC of 1 January 1970; a time of day that a change of clocks
        leaves out comes an hour later, one that comes twice counts once.
        """
        if self.every is not None:
            return EPOCH + ((after - EPOCH) // self.every + 1) * self.every
        # Imported here: who only lists loops does not load it.
        from apscheduler.triggers.cron import CronTrigger

        hour, minute = (self.at or "0:00").split(":")
        zone = ZoneInfo(time_zone)
        return next(times_of(CronTrigger(hour=int(hour), minute=int(minute), timezone=zone), after, zone))

    def retry_at(self, failures: int, now: datetime, time_zone: str) -> datetime:
        """When it is tried again after so many failures in a row: twice as late each time."""
        usual = self.next_due(now, time_zone)
        step = self.every or timedelta(minutes=10)
        doubled = min(step * (1 << min(failures - 1, 20)), max(self.longest_pause, step))
        later = now + doubled
        return max(usual, later) if self.every is not None else min(usual, later)

    @property
    def rhythm(self) -> str:
        """How often, in words."""
        if self.every is None:
            return f"daily at {self.at}"
        minutes = int(self.every.total_seconds() // 60)
        if minutes % 60:
            return "every minute" if minutes == 1 else f"every {minutes} minutes"
        return "hourly" if minutes == 60 else f"every {minutes // 60} hours"


_MARK = "__gtm_recurs__"

F = TypeVar("F", bound=Step)


def recurs(
    title: str,
    *,
    every: timedelta | None = None,
    at: str | None = None,
    longest_pause: timedelta = timedelta(hours=6),
) -> Callable[[F], F]:
    """Mark ``function(run: Run) -> Done`` as a loop of its name; ``at`` is a time of day such as "02:00".

    It may be begun again after a crash, with the same ``run.loop.due_at``. Raises `ValueError` unless just
    one of ``every`` and ``at`` is given.
    """
    if (every is None) == (at is None):
        raise ValueError("a loop runs every so often or at a time of day: say one of them")

    def mark(function: F) -> F:
        summary = (function.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        declared = Recurring(function.__name__, title, summary, function, every, at, longest_pause)
        setattr(function, _MARK, declared)
        return function

    return mark


def find_loops(package: ModuleType) -> dict[str, Recurring]:
    """Every loop of a package's modules, by its name."""
    return {one.name: one for one in sorted(_marked(package), key=lambda one: one.name)}


def _marked(package: ModuleType) -> Iterator[Recurring]:
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for _, function in inspect.getmembers(module, inspect.isfunction):
            if hasattr(function, _MARK) and function.__module__ == module.__name__:
                yield getattr(function, _MARK)
