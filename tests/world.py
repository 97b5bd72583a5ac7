"""The door and the loops on a database of a test's own, with a clock that can be set."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from assistant import notices
from assistant.bootstrap import build_bus, build_loops
from assistant.bus import Bus
from assistant.memory import Memory
from assistant.reply import Reply
from assistant.settings import Settings
from assistant.turn import Turn
from intents.command import Role
from intents.filling import validated
from intents.reading import Scene
from storage import alerts, loops, outbox, people
from storage.alerts import Alert
from storage.campaigns import channel_lines
from storage.people import Person
from storage.performance import daily_performance
from tests.conftest import NOW, copied
from tests.made_up_campaigns import Daily, add_campaign, add_days, add_venture

TODAY = NOW.date()
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
USUAL = Daily(spend=Decimal(30), revenue=Decimal(300), clicks=100, conversions=10)
LOUD = {"quiet_from": None, "quiet_until": None}


def _always(daily: Daily) -> Callable[[date], Daily]:
    return lambda _: daily


@dataclass
class World:
    """The door and the loops on an empty database, with a clock that can be set."""

    bus: Bus
    clock: list[datetime]
    folk: dict[Role, Person] = field(default_factory=dict)

    def venture(self, name: str = "Zeta", days: int = 100) -> int:
        """A venture with one campaign of two lines that do the same every day."""
        with self.bus.database.write() as connection:
            number = add_venture(connection, name)
            last = TODAY - DAY
            add_campaign(connection, number, f"{name} Push", until=last, days=days, daily=lambda _: USUAL)
        return number

    def lines(self) -> list[int]:
        with self.bus.database.read() as connection:
            return list(connection.scalars(select(channel_lines.c.id).order_by(channel_lines.c.id)))

    def days(self, daily: Callable[[int], Daily | None], first: date, last: date) -> None:
        """What each line does on some days, by its place; None for a line without a record."""
        with self.bus.database.write() as connection:
            for place, line in enumerate(self.lines()):
                known = daily(place)
                when = daily_performance.c.day.between(first, last)
                connection.execute(delete(daily_performance).where(daily_performance.c.line_id == line, when))
                if known is not None:
                    add_days(connection, [line], first, last, _always(known))

    def look(self, at: datetime, loop: str = "market_watch") -> dict[str, Any]:
        """Run a loop at a moment, and give what it came to."""
        self.clock[0] = at
        made = build_loops(self.bus)
        assert made.run_now(loop, at)
        with self.bus.database.read() as connection:
            last = loops.runs(connection, loops.all_loops(connection)[loop].id, 1)[0]
        assert last.outcome == loops.DONE, last.told
        return last.result or {}

    def open(self) -> list[Alert]:
        with self.bus.database.read() as connection:
            return alerts.open_alerts(connection, NOW - 365 * DAY)

    def every(self) -> int:
        with self.bus.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(alerts.alerts)) or 0

    def notices(self, target: str = notices.WEBHOOK) -> list[str]:
        with self.bus.database.read() as connection:
            query = select(outbox.outbox.c.kind).where(outbox.outbox.c.target == target)
            return list(connection.scalars(query.order_by(outbox.outbox.c.id)))

    def run(self, name: str, role: Role = Role.CHAIRMAN, memory: Memory | None = None, **slots: Any) -> Reply:
        """A command named outright, in a conversation that remembers something."""
        if role not in self.folk:
            with self.bus.database.write() as connection:
                self.folk[role] = people.add_person(connection, role.value + "!", role, "UTC", NOW)
        with self.bus.database.read() as connection:
            scene = Scene(self.bus.names.current(connection), self.clock[0].date())
        command = validated(self.bus.catalogue[name], slots, scene)
        return self.bus.dispatch(command, Turn(self.folk[role], "test", name, memory=memory or Memory()))


@contextmanager
def _worlds(database_url: str, folder: Path) -> Iterator[Callable[..., World]]:
    made: list[Bus] = []

    def world(**settings: Any) -> World:
        clock = [NOW]
        given = Settings(data_dir=folder, database_url=database_url, **({"alerts": LOUD} | settings))
        bus = build_bus(given, lambda: clock[0])
        made.append(bus)
        return World(bus, clock)

    yield world
    for bus in made:
        bus.database.close()


@pytest.fixture
def make_world(database_url: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds with the given settings, on each kind of database."""
    with _worlds(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def make_world_here(sqlite_schema: Path, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """The same where the kind of database makes no difference."""
    with _worlds(copied(sqlite_schema, tmp_path / "gtm.db"), tmp_path) as made:
        yield made
