"""Loops: what is done again and again, a row each, and every time it was done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Json, Key, UtcDateTime, metadata

RUNNING, PAUSED = "running", "paused"
DONE, FAILED = "done", "failed"
"""What a run came to; empty while it is under way or was cut off."""

loops = Table(
    "loops",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(60), nullable=False, unique=True),
    Column("state", String(10), nullable=False, comment="running or paused"),
    Column("due_at", UtcDateTime, nullable=False, comment="when it is to be done next"),
    Column("claimed_by", String(100), comment="the process that does it now"),
    Column("lease_until", UtcDateTime, comment="when it may be taken over"),
    Column("failures", Integer, nullable=False, comment="in a row, since it was last done"),
)

loop_runs = Table(
    "loop_runs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("loop_id", ForeignKey("loops.id", ondelete="CASCADE"), nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("began_at", UtcDateTime, nullable=False, comment="the latest time, where it was cut off"),
    Column("attempts", Integer, nullable=False, comment="how often it was begun"),
    Column("ended_at", UtcDateTime),
    Column("outcome", String(10), comment="done or failed; empty before"),
    Column("told", Text, nullable=False, comment="what it came to, in words"),
    Column("result", Json, comment="what it came to, as data"),
    UniqueConstraint("loop_id", "due_at"),
    Index(None, "ended_at"),
)


@dataclass(frozen=True)
class Run:
    """One time a loop was done, or begun."""

    due_at: datetime
    began_at: datetime
    attempts: int
    ended_at: datetime | None
    outcome: str | None
    told: str
    result: dict[str, Any] | None


@dataclass(frozen=True)
class Loop:
    """A loop as it stands."""

    id: int
    name: str
    state: str
    due_at: datetime
    claimed_by: str | None
    lease_until: datetime | None
    failures: int

    @property
    def is_paused(self) -> bool:
        """Whether it waits until somebody resumes it."""
        return self.state == PAUSED


_COLUMNS = [loops.c[name] for name in Loop.__annotations__]
_RUN = [loop_runs.c[name] for name in Run.__annotations__]


def ensure(connection: Connection, due: dict[str, datetime]) -> None:
    """Write down the loops that are not known yet, each with the time it is first due."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    for name, at in due.items():
        row = {"name": name, "state": RUNNING, "due_at": at, "failures": 0}
        connection.execute(insert(loops).values(**row).on_conflict_do_nothing(index_elements=["name"]))


def all_loops(connection: Connection) -> dict[str, Loop]:
    """Every loop that was ever written down, by its name."""
    rows = connection.execute(select(*_COLUMNS).order_by(loops.c.name))
    return {one.name: one for one in (Loop(*row) for row in rows)}


def runs(connection: Connection, loop_id: int, count: int) -> list[Run]:
    """The latest times a loop was begun, the last one first."""
    query = select(*_RUN).where(loop_runs.c.loop_id == loop_id)
    return [Run(*row) for row in connection.execute(query.order_by(loop_runs.c.began_at.desc()).limit(count))]


def _due(now: datetime, name: str | None) -> Select[Any]:
    table = loops.c
    is_free = or_(table.claimed_by.is_(None), table.lease_until < now)
    query = (
        select(*_COLUMNS)
        .where(table.state == RUNNING, table.due_at <= now, is_free)
        .order_by(table.due_at, table.id)
        .limit(1)
    )
    return query if name is None else query.where(table.name == name)


def is_due(connection: Connection, now: datetime, name: str | None = None) -> bool:
    """Whether a loop, or the one named, is to be done now; asking takes no lock."""
    return connection.execute(_due(now, name)).first() is not None


def claim(
    connection: Connection, by: str, now: datetime, lease_until: datetime, name: str | None = None
) -> Loop | None:
    """Take the loop that is due the longest, or the one named; None when there is none.

    To be called in a write transaction; two callers never get the same one. A holder that let its lease run
    out lost it: the same time is then done by another, and counts as begun again.
    """
    return _claimed(connection, _due(now, name), by, now, lease_until)


def claim_now(
    connection: Connection, by: str, loop_id: int, now: datetime, lease_until: datetime
) -> Loop | None:
    """Take one loop, due or not, paused or not, as if it were due now; None when somebody has it."""
    table = loops.c
    is_free = or_(table.claimed_by.is_(None), table.lease_until < now)
    query = select(*_COLUMNS).where(table.id == loop_id, is_free)
    connection.execute(
        update(loops).where(table.id == loop_id, is_free, table.due_at > now).values(due_at=now)
    )
    return _claimed(connection, query, by, now, lease_until)


def _claimed(
    connection: Connection, query: Select[Any], by: str, now: datetime, lease_until: datetime
) -> Loop | None:
    row = connection.execute(query.with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    found = Loop(*row)
    connection.execute(
        update(loops).where(loops.c.id == found.id).values(claimed_by=by, lease_until=lease_until)
    )
    begun = connection.execute(
        update(loop_runs)
        .where(loop_runs.c.loop_id == found.id, loop_runs.c.due_at == found.due_at)
        .values(began_at=now, attempts=loop_runs.c.attempts + 1, ended_at=None, outcome=None)
    )
    if not begun.rowcount:
        row_of_run = {"due_at": found.due_at, "began_at": now, "attempts": 1, "told": ""}
        connection.execute(loop_runs.insert().values(loop_id=found.id, **row_of_run))
    return found


def holds(connection: Connection, loop_id: int, by: str) -> bool:
    """Whether a holder still has a loop, which nobody can take until the caller's transaction ends."""
    query = select(loops.c.id).where(loops.c.id == loop_id, loops.c.claimed_by == by)
    return connection.scalar(query.with_for_update()) is not None


def renew(connection: Connection, loop_id: int, by: str, lease_until: datetime) -> bool:
    """Hold a loop longer; False when somebody else has it by now."""
    renewed = connection.execute(
        update(loops).where(loops.c.id == loop_id, loops.c.claimed_by == by).values(lease_until=lease_until)
    )
    return bool(renewed.rowcount)


def settle(
    connection: Connection,
    loop: Loop,
    by: str,
    now: datetime,
    *,
    outcome: str,
    told: str,
    result: dict[str, Any] | None,
    next_due: datetime,
) -> bool:
    """Note what a run came to, and when the next one is due; False when somebody else has the loop by now."""
    table = loops.c
    settled = connection.execute(
        update(loops)
        .where(table.id == loop.id, table.claimed_by == by)
        .values(
            claimed_by=None,
            lease_until=None,
            due_at=next_due,
            failures=0 if outcome == DONE else table.failures + 1,
        )
    )
    if not settled.rowcount:
        return False
    connection.execute(
        update(loop_runs)
        .where(loop_runs.c.loop_id == loop.id, loop_runs.c.due_at == loop.due_at)
        .values(ended_at=now, outcome=outcome, told=told, result=result)
    )
    return True


def give_back(connection: Connection, loop_id: int, by: str) -> None:
    """Let others do what was begun and cannot be finished here; it stays due."""
    connection.execute(
        update(loops)
        .where(loops.c.id == loop_id, loops.c.claimed_by == by)
        .values(claimed_by=None, lease_until=None)
    )


def release(connection: Connection, holders: list[str]) -> int:
    """Give back everything held by processes that are known to be gone, and say how much."""
    freed = connection.execute(
        update(loops).where(loops.c.claimed_by.in_(holders)).values(claimed_by=None, lease_until=None)
    )
    return freed.rowcount


def holders(connection: Connection) -> list[str]:
    """Who holds a loop now."""
    found = connection.scalars(select(loops.c.claimed_by).where(loops.c.claimed_by.is_not(None)).distinct())
    return [one for one in found if one is not None]


def forget_runs(connection: Connection, before: datetime) -> int:
    """Delete runs that ended before a moment, and say how many."""
    return connection.execute(delete(loop_runs).where(loop_runs.c.ended_at < before)).rowcount
