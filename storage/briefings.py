"""Briefings: when each comes by itself, those that were made, and the private feeds they are heard in."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Json, Key, UtcDateTime, metadata

briefing_schedules = Table(
    "briefing_schedules",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), comment="empty: the portfolio"),
    Column("frequency", String(12), nullable=False, comment="daily, weekly or monthly"),
    Column("weekdays", Json, nullable=False, comment="of a daily or weekly one: monday, tuesday …"),
    Column("month_day", String(10), comment="of a monthly one: 1 to 28, last, 1st mon …"),
    Column("time", String(5), nullable=False, comment="HH:MM in `time_zone`"),
    Column("time_zone", String(60), nullable=False),
    Column("delivery", Json, nullable=False, comment="page, email, slack, podcast, webhook"),
    Column("spoken", Boolean, nullable=False),
    Column("length", String(20), nullable=False),
    Column("skip_holidays", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, comment="empty while it goes on"),
    Index(None, "user_id"),
)

briefings = Table(
    "briefings",
    metadata,
    Column("id", Key, primary_key=True),
    Column("schedule_id", ForeignKey("briefing_schedules.id", ondelete="CASCADE"), nullable=False),
    Column("due_at", UtcDateTime, nullable=False, comment="a due time of a schedule is made once"),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE")),
    Column("made_at", UtcDateTime, nullable=False),
    Column("headline", Text, nullable=False),
    Column("facts", Json, nullable=False, comment="all that its renderings are made from"),
    UniqueConstraint("schedule_id", "due_at"),
    Index(None, "user_id", "made_at"),
)

briefing_feeds = Table(
    "briefing_feeds",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True, comment="SHA-256 of the secret in the address"),
    Column("created_at", UtcDateTime, nullable=False),
)

DAILY, WEEKLY, MONTHLY = "daily", "weekly", "monthly"


@dataclass(frozen=True)
class Schedule:
    """When somebody is briefed, on what, and where it goes."""

    id: int
    user_id: int
    venture_id: int | None
    frequency: str
    weekdays: list[str]
    month_day: str | None
    time: str
    time_zone: str
    delivery: list[str]
    spoken: bool
    length: str
    skip_holidays: bool
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Made:
    """A briefing that was made."""

    id: int
    schedule_id: int
    due_at: datetime
    user_id: int
    venture_id: int | None
    made_at: datetime
    headline: str
    facts: dict[str, Any]


_SCHEDULE = [briefing_schedules.c[name] for name in Schedule.__annotations__]
_MADE = [briefings.c[name] for name in Made.__annotations__]


def schedules(
    connection: Connection, *, user_id: int | None = None, venture_id: int | None = None
) -> list[Schedule]:
    """The schedules that go on, the oldest first; of a person, on a venture."""
    query = select(*_SCHEDULE).where(briefing_schedules.c.ended_at.is_(None))
    if user_id is not None:
        query = query.where(briefing_schedules.c.user_id == user_id)
    if venture_id is not None:
        query = query.where(briefing_schedules.c.venture_id == venture_id)
    return [Schedule(*row) for row in connection.execute(query.order_by(briefing_schedules.c.id))]


def last_due(connection: Connection) -> dict[int, datetime]:
    """The latest due time each schedule's briefing was made for."""
    query = select(briefings.c.schedule_id, func.max(briefings.c.due_at)).group_by(briefings.c.schedule_id)
    return {number: at for number, at in connection.execute(query) if at is not None}


def keep(
    connection: Connection,
    schedule: Schedule,
    due_at: datetime,
    now: datetime,
    headline: str,
    facts: dict[str, Any],
) -> int | None:
    """Keep a briefing that was made and give its number; None where that due time's was made already."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {
        "schedule_id": schedule.id,
        "due_at": due_at,
        "user_id": schedule.user_id,
        "venture_id": schedule.venture_id,
        "made_at": now,
        "headline": headline,
        "facts": facts,
    }
    found = connection.scalar(
        insert(briefings)
        .values(**row)
        .on_conflict_do_nothing(index_elements=["schedule_id", "due_at"])
        .returning(briefings.c.id)
    )
    return None if found is None else int(found)


def still_goes_on(connection: Connection, schedule_id: int) -> bool:
    """Whether nobody has ended a schedule; until the transaction ends it stays so."""
    query = select(briefing_schedules.c.id).where(
        briefing_schedules.c.id == schedule_id, briefing_schedules.c.ended_at.is_(None)
    )
    return connection.scalar(query.with_for_update()) is not None


def made(connection: Connection, number: int, user_id: int) -> Made | None:
    """A person's briefing by its number."""
    row = connection.execute(
        select(*_MADE).where(briefings.c.id == number, briefings.c.user_id == user_id)
    ).first()
    return None if row is None else Made(*row)


def latest_made(
    connection: Connection, user_id: int, count: int, *, since: datetime | None = None
) -> list[Made]:
    """A person's latest briefings, the latest first."""
    query = select(*_MADE).where(briefings.c.user_id == user_id)
    if since is not None:
        query = query.where(briefings.c.made_at >= since)
    query = query.order_by(briefings.c.made_at.desc(), briefings.c.id.desc()).limit(count)
    return [Made(*row) for row in connection.execute(query)]


def heard_in_feed(connection: Connection, user_id: int, count: int) -> list[Made]:
    """A person's latest briefings that are to be heard: spoken ones, and those sent to the podcast feed."""
    table = briefing_schedules.c
    query = (
        select(*_MADE, table.spoken, table.delivery)
        .join(briefing_schedules, table.id == briefings.c.schedule_id)
        .where(briefings.c.user_id == user_id)
        .order_by(briefings.c.made_at.desc(), briefings.c.id.desc())
        .limit(count * 4)
    )
    rows = [
        Made(*row[: len(_MADE)])
        for row in connection.execute(query)
        if row.spoken or "podcast" in row.delivery
    ]
    return rows[:count]


def open_feed(connection: Connection, user_id: int, now: datetime) -> str:
    """A new secret for a person's feed, shown this once; the one before no longer opens it."""
    secret = secrets.token_urlsafe(32)
    values = {"digest": digest(secret), "created_at": now}
    changed = connection.execute(
        update(briefing_feeds).where(briefing_feeds.c.user_id == user_id).values(**values)
    )
    if not changed.rowcount:
        connection.execute(briefing_feeds.insert().values(user_id=user_id, **values))
    return secret


def feed_owner(connection: Connection, secret: str) -> int | None:
    """Whose feed a secret opens."""
    query = select(briefing_feeds.c.user_id).where(briefing_feeds.c.digest == digest(secret))
    return connection.scalar(query)


def has_feed(connection: Connection, user_id: int) -> bool:
    """Whether somebody has a feed."""
    query = select(briefing_feeds.c.user_id).where(briefing_feeds.c.user_id == user_id)
    return connection.scalar(query) is not None


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
