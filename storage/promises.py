"""Promises: what a change of money was expected to bring, and what it brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from storage.audit import audit
from storage.changes import changes
from storage.database import Amount, Key, Scaled, UtcDateTime, metadata

promises = Table(
    "promises",
    metadata,
    Column("id", Key, primary_key=True),
    Column("audit_id", ForeignKey("audit.id"), nullable=False, comment="the turn that made the change"),
    Column("source", String(60), nullable=False, comment="the rule, or the command, that promised"),
    Column("by_loop", String(60), comment="the loop that made the change by itself; empty: after a yes"),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column(
        "campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE"), comment="empty: of all its campaigns"
    ),
    Column("made_at", UtcDateTime, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("before", Amount(), nullable=False, comment="money a month, before and after"),
    Column("after", Amount(), nullable=False),
    Column("moved", Amount(), nullable=False, comment="money a month that changed its place"),
    Column("expected", Amount(), nullable=False, comment="more contribution a month than without it"),
    Column("low", Amount(), nullable=False),
    Column("high", Amount(), nullable=False),
    Column("confidence", Scaled(4), nullable=False, comment="stated: that the contribution rises"),
    Column("days", Integer, nullable=False, comment="how long before and after it are compared"),
    Column("due_on", Date, nullable=False, comment="the day it can be judged"),
    Column("judged_at", UtcDateTime),
    Column("actual", Amount(), comment="what it brought, a month"),
    Column("kept", Boolean, comment="whether the contribution rose; empty where nothing can be said"),
    Column("note", Text, comment="how it was judged, or why it could not be"),
    Index(None, "campaign_id", "made_at"),
    Index(None, "judged_at", "due_on"),
)


class Promise(BaseModel):
    """What a change is expected to bring a month: contribution (gross margin of revenue, less spend)."""

    source: str
    by_loop: str | None = None
    venture_id: int
    campaign_id: int | None
    currency: str
    before: Decimal
    after: Decimal
    moved: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    confidence: Decimal
    days: int


@dataclass(frozen=True)
class Kept:
    """A promise on record."""

    id: int
    audit_id: int
    source: str
    by_loop: str | None
    venture_id: int
    campaign_id: int | None
    made_at: datetime
    currency: str
    before: Decimal
    after: Decimal
    moved: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    confidence: Decimal
    days: int
    due_on: date
    judged_at: datetime | None
    actual: Decimal | None
    kept: bool | None
    note: str | None


_COLUMNS = [promises.c[name] for name in Kept.__annotations__]


def record(connection: Connection, audit_id: int, made: Promise, now: datetime, due_on: date) -> None:
    """Keep what a change promises, in the transaction that makes it."""
    row = made.model_dump() | {"audit_id": audit_id, "made_at": now, "due_on": due_on}
    connection.execute(insert(promises).values(**row))


def _undone() -> Select[int]:
    return select(changes.c.audit_id).where(changes.c.undone_by.is_not(None))


def of_campaign(connection: Connection, campaign_id: int, since: datetime) -> list[tuple[Kept, bool]]:
    """What was promised of a campaign since a moment, the latest first, and whether it was taken back."""
    table = promises.c
    query = (
        select(*_COLUMNS, table.audit_id.in_(_undone()))
        .where(table.campaign_id == campaign_id, table.made_at >= since)
        .order_by(table.made_at.desc(), table.id.desc())
    )
    return [(Kept(*row), bool(undone)) for *row, undone in connection.execute(query)]


def of_venture(connection: Connection, venture_id: int, source: str, since: datetime) -> list[Kept]:
    """What a source promised of a venture or its campaigns since a moment."""
    table = promises.c
    query = select(*_COLUMNS).where(
        table.venture_id == venture_id, table.source == source, table.made_at >= since
    )
    return [Kept(*row) for row in connection.execute(query.order_by(table.id))]


def near(connection: Connection, venture_id: int, since: datetime, until: datetime) -> list[Kept]:
    """What was promised of a venture or its campaigns between two moments, without what was taken back."""
    table = promises.c
    query = select(*_COLUMNS).where(
        table.venture_id == venture_id, table.made_at.between(since, until), table.audit_id.not_in(_undone())
    )
    return [Kept(*row) for row in connection.execute(query.order_by(table.made_at, table.id))]


def of_turn(connection: Connection, audit_id: int) -> list[Kept]:
    """What a turn's changes promised."""
    query = select(*_COLUMNS).where(promises.c.audit_id == audit_id).order_by(promises.c.id)
    return [Kept(*row) for row in connection.execute(query)]


def made_by(connection: Connection, audit_id: int) -> list[int]:
    """The promises of a turn, by number."""
    return list(connection.scalars(select(promises.c.id).where(promises.c.audit_id == audit_id)))


def moved_by_loops(connection: Connection, venture_id: int, since: datetime) -> list[tuple[str, Decimal]]:
    """Currency and size of every change loops made of a venture's money since a moment."""
    table = promises.c
    query = select(table.currency, table.moved).where(
        table.venture_id == venture_id, table.made_at >= since, table.by_loop.is_not(None)
    )
    return [(currency, moved) for currency, moved in connection.execute(query)]


def to_judge(connection: Connection, today: date, count: int) -> list[Kept]:
    """Promises that can be judged by now and were not, the oldest first; without those taken back."""
    table = promises.c
    query = (
        select(*_COLUMNS)
        .where(table.judged_at.is_(None), table.due_on <= today, table.audit_id.not_in(_undone()))
        .order_by(table.due_on, table.id)
        .limit(count)
    )
    return [Kept(*row) for row in connection.execute(query)]


def judge(
    connection: Connection,
    promise_id: int,
    now: datetime,
    *,
    actual: Decimal | None,
    kept: bool | None,
    note: str,
) -> bool:
    """Note what a promise came to; False when it was judged already."""
    judged = connection.execute(
        update(promises)
        .where(promises.c.id == promise_id, promises.c.judged_at.is_(None))
        .values(judged_at=now, actual=actual, kept=kept, note=note)
    )
    return bool(judged.rowcount)


def judged(connection: Connection) -> list[Kept]:
    """Every promise of which something can be said, the oldest first."""
    query = select(*_COLUMNS).where(promises.c.kept.is_not(None)).order_by(promises.c.id)
    return [Kept(*row) for row in connection.execute(query)]


def count_open(connection: Connection) -> int:
    """How many promises wait for their day."""
    return connection.scalar(select(func.count()).where(promises.c.judged_at.is_(None))) or 0


def changed_lately(connection: Connection, campaign_ids: Sequence[int], since: datetime) -> set[int]:
    """Which of the campaigns had money changed with a promise since a moment."""
    query = select(promises.c.campaign_id).where(
        promises.c.campaign_id.in_(campaign_ids), promises.c.made_at >= since
    )
    return set(connection.scalars(query))


def last_changes(connection: Connection, table: str, row_ids: Sequence[int]) -> datetime | None:
    """When anybody last changed any of these rows of a table; None for never."""
    query = (
        select(func.max(type_coerce(audit.c.at, UtcDateTime)))
        .join(changes, changes.c.audit_id == audit.c.id)
        .where(changes.c.table_name == table, changes.c.row_id.in_(row_ids))
    )
    return connection.scalar(query)
