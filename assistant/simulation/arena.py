"""One market and one way of acting in it, day by day, through the real door and a real database.

The folder of an arena holds the database everybody sees (`gtm.db`) and the hidden truth (`truth.json.gz`),
which only `Arena.live` opens.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.bootstrap import build_bus, build_loops
from assistant.bus import Bus
from assistant.commands.approvals import Approve
from assistant.commands.optimizing import OptimizeBudget
from assistant.reply import Reply, Status
from assistant.settings import Settings
from assistant.ticking import Loops
from assistant.turn import Turn
from engines.worlds import World
from intents.command import Command, Role
from storage import migrate, people, proposals
from storage.database import Database
from storage.people import Person
from storage.synthetic.world import (
    VENTURE,
    find_lines,
    may_spend,
    read_truth,
    write_day,
    write_truth,
    write_venture,
)

Floats = NDArray[np.float64]

TRUTH = "truth.json.gz"
CHANNEL = "simulation"
OPERATOR = "operator"
MORNING = time(6, tzinfo=UTC)
"""When somebody looks at the day before, and the loops tick."""

OPTIMIZED_EVERY = 7
"""Days between two askings for the best split."""

OPTIMIZER, TRIGGERS = "optimizer", "triggers"
WAYS = (OPTIMIZER, TRIGGERS)
"""What can act: the budget optimizer, asked for weekly, and the loops."""


@dataclass
class Course:
    """What came of the days so far: the truth, whatever was recorded."""

    spend: list[float] = field(default_factory=list)
    revenue: list[float] = field(default_factory=list)
    customers: list[int] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    """What was carried out, a line each, with its day."""


class Arena:
    """A market and whoever acts in it. To be closed."""

    def __init__(self, folder: Path, settings: Settings, day: date) -> None:
        self.folder = folder
        self.day = day
        """The day that comes next."""
        url = f"sqlite:///{folder / 'gtm.db'}"
        chosen = settings.model_copy(update={"data_dir": folder, "database_url": url, "time_zone": "UTC"})
        self.bus: Bus = build_bus(chosen, self.now)
        self.loops: Loops = build_loops(self.bus)
        self.course = Course()
        self._truth: tuple[World, Floats, int] | None = None
        with self.bus.database.write() as connection:
            self._lines = find_lines(connection)
            found = people.person_named(connection, OPERATOR)
            self._operator = found or people.add_person(
                connection, OPERATOR, Role.OPERATOR, "UTC", self.now()
            )
            chairman = people.chairman(connection)
        if chairman is None:
            raise LookupError("a database has a chairman once its door was built")
        self._chairman: Person = chairman

    def now(self) -> datetime:
        """The morning of the day that comes next."""
        return datetime.combine(self.day, MORNING)

    def close(self) -> None:
        """Give back the database, and write down how far the market is."""
        if self._truth is not None:
            write_truth(self.folder / TRUTH, *self._truth)
        self.bus.database.close()

    def allocated(self) -> Floats:
        """Money a day each line may spend."""
        with self.bus.database.read() as connection:
            return may_spend(connection, self._lines)

    def decide(self, ways: tuple[str, ...], place: int) -> None:
        """What is done in the morning, by what the database says alone; ``place`` counts the days."""
        if OPTIMIZER in ways and place % OPTIMIZED_EVERY == 0:
            self._ask(OptimizeBudget(venture=VENTURE), self._operator)
        if TRIGGERS in ways:
            self.loops.tick(self.now())
        if ways:
            self._say_yes()

    def live(self) -> None:
        """Let the day pass: money is spent as allocated, the market answers, the platforms report."""
        if self._truth is None:
            self._truth = read_truth(self.folder / TRUTH)
        world, carried, place = self._truth
        spent = np.round(self.allocated() * world.pace[:, place], 2)
        found = world.day(place, spent, carried)
        with self.bus.database.write() as connection:
            write_day(connection, self._lines, self.day, spent, found)
        self.course.spend.append(float(spent.sum()))
        self.course.revenue.append(float(found.revenue.sum()))
        self.course.customers.append(int(found.new.sum()))
        self._truth = world, found.carried, place + 1
        self.day += timedelta(days=1)

    def _ask(self, command: Command, person: Person) -> Reply:
        words = f"{command.command_name()} on {self.day}"
        return self.bus.dispatch(command, Turn(person=person, channel=CHANNEL, text=words))

    def _say_yes(self) -> None:
        """The chairman approves whatever waits, and is told what it was."""
        with self.bus.database.read() as connection:
            waiting = proposals.waiting(connection, self.now())
        for one in waiting:
            reply = self._ask(Approve(proposal=one.id), self._chairman)
            outcome = "" if reply.status is Status.DONE else f" ({reply.status.value})"
            self.course.acts.append(f"{self.day} {one.requested_by}: {one.summary}{outcome}")


def prepare(folder: Path, world: World) -> None:
    """A database with the world's venture and its history up to `World.start`; the hidden truth beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{folder / 'gtm.db'}")
    migrate.upgrade(database)
    carried = world.budget / 30.4375
    with database.write() as connection:
        lines = write_venture(connection, world)
        allowed = may_spend(connection, lines)
        for place in range(world.start):
            spent = np.round(allowed * world.pace[:, place], 2)
            found = world.day(place, spent, carried)
            carried = found.carried
            write_day(connection, lines, date.fromordinal(int(world.ordinals[place])), spent, found)
    database.settle()
    database.close()
    write_truth(folder / TRUTH, world, carried, world.start)


def copied(source: Path, target: Path) -> Path:
    """The same market once more."""
    shutil.copytree(source, target)
    return target


def run(
    folder: Path,
    settings: Settings,
    world: World,
    ways: tuple[str, ...],
    told: Callable[[], None] = lambda: None,
) -> Course:
    """Act in a prepared market to its end, and tell each day that passed."""
    first = date.fromordinal(int(world.ordinals[world.start]))
    arena = Arena(folder, settings, first)
    try:
        for place in range(world.days - world.start):
            arena.decide(ways, place)
            arena.live()
            told()
        return arena.course
    finally:
        arena.close()
