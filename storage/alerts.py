"""Alerts: what somebody should look at, a row each, raised once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, ForeignKey, Index, String, Table, Text, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Key, UtcDateTime, metadata

alerts = Table(
    "alerts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", String(200), nullable=False, unique=True, comment="what it is raised about, once"),
    Column("kind", String(30), nullable=False, comment="spend_limit, loop_failed, tracking or advice"),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE")),
    Column("campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE")),
    Column("told", Text, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", ForeignKey("users.id")),
    Index(None, "raised_at"),
)

SPEND_LIMIT, LOOP_FAILED, TRACKING, ADVICE = "spend_limit", "loop_failed", "tracking", "advice"


@dataclass(frozen=True)
class Alert:
    """Something somebody should look at."""

    id: int
    key: str
    kind: str
    venture_id: int | None
    campaign_id: int | None
    told: str
    raised_at: datetime
    acknowledged_at: datetime | None


_COLUMNS = [alerts.c[name] for name in Alert.__annotations__]


def raise_once(
    connection: Connection,
    key: str,
    kind: str,
    told: str,
    now: datetime,
    *,
    venture_id: int | None = None,
    campaign_id: int | None = None,
) -> bool:
    """Write an alert down; False when there is one of that key already."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {"key": key, "kind": kind, "told": told, "raised_at": now}
    owner = {"venture_id": venture_id, "campaign_id": campaign_id}
    added = insert(alerts).values(**row, **owner).on_conflict_do_nothing(index_elements=["key"])
    return bool(connection.execute(added).rowcount)


def is_raised(connection: Connection, key: str) -> bool:
    """Whether there is an alert of that key."""
    return connection.scalar(select(alerts.c.id).where(alerts.c.key == key)) is not None


def latest(connection: Connection, since: datetime, count: int = 20) -> list[Alert]:
    """Alerts since a moment that nobody has acknowledged, the latest first."""
    query = select(*_COLUMNS).where(alerts.c.raised_at >= since, alerts.c.acknowledged_at.is_(None))
    rows = connection.execute(query.order_by(alerts.c.raised_at.desc(), alerts.c.id.desc()).limit(count))
    return [Alert(*row) for row in rows]
