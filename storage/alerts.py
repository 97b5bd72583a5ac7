"""Alerts: what somebody should look at, a row each, raised once, kept up to date while its cause lasts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    and_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Json, Key, UtcDateTime, metadata

alerts = Table(
    "alerts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", String(200), nullable=False, unique=True, comment="what it is raised about, once"),
    Column(
        "kind",
        String(30),
        nullable=False,
        comment="spend_limit, loop_failed, tracking, reporting, stale_data, unusual, threshold, "
        "credit, advice or connection",
    ),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE")),
    Column("campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE")),
    Column("told", Text, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", ForeignKey("users.id")),
    Column("cause", String(160), comment="what lasts; one open alert a cause; empty: nothing that ends"),
    Column("parts", Json, comment="what it is about in particular: when one joins, it is told again"),
    Column("evidence", Json, comment="where its figures come from"),
    Column("updated_at", UtcDateTime, comment="when what it tells last changed"),
    Column("closed_at", UtcDateTime, comment="when its cause was over"),
    Column("snoozed_until", UtcDateTime),
    Column("notified_at", UtcDateTime, comment="when whoever is outside was told"),
    Column("escalated_at", UtcDateTime, comment="when it was told again, as nobody had acknowledged it"),
    Index(None, "raised_at"),
    Index(None, "cause"),
)

SPEND_LIMIT, LOOP_FAILED, TRACKING, ADVICE = "spend_limit", "loop_failed", "tracking", "advice"
REPORTING, STALE, UNUSUAL, THRESHOLD, CREDIT = "reporting", "stale_data", "unusual", "threshold", "credit"
CONNECTION = "connection"


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
    acknowledged_by: int | None
    cause: str | None
    parts: list[str] | None
    evidence: list[dict[str, Any]] | None
    closed_at: datetime | None
    snoozed_until: datetime | None
    notified_at: datetime | None
    escalated_at: datetime | None

    @property
    def headline(self) -> str:
        """The first line of what it tells: enough to know whether to look closer."""
        return self.told.partition("\n")[0]

    def sleeps(self, now: datetime) -> bool:
        """Whether it is put off at a moment."""
        return self.snoozed_until is not None and self.snoozed_until > now


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
    cause: str | None = None,
    parts: list[str] | None = None,
    evidence: list[dict[str, Any]] | None = None,
) -> int | None:
    """Write an alert down and give its number; None when there is one of that key already."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {"key": key, "kind": kind, "told": told, "raised_at": now, "updated_at": now}
    owner = {"venture_id": venture_id, "campaign_id": campaign_id}
    about = {"cause": cause, "parts": parts, "evidence": evidence}
    added = (
        insert(alerts).values(**row, **owner, **about).on_conflict_do_nothing(index_elements=["key"])
    ).returning(alerts.c.id)
    found = connection.scalar(added)
    return None if found is None else int(found)


def is_raised(connection: Connection, key: str) -> bool:
    """Whether there is an alert of that key."""
    return connection.scalar(select(alerts.c.id).where(alerts.c.key == key)) is not None


def open_of(connection: Connection, cause: str) -> Alert | None:
    """The open alert of a cause."""
    found = connection.execute(
        select(*_COLUMNS).where(alerts.c.cause == cause, alerts.c.closed_at.is_(None))
    ).first()
    return None if found is None else Alert(*found)


def open_causes(connection: Connection, prefix: str) -> list[Alert]:
    """The open alerts whose cause begins like this."""
    is_meant = alerts.c.cause.startswith(prefix, autoescape=True)
    rows = connection.execute(select(*_COLUMNS).where(is_meant, alerts.c.closed_at.is_(None)))
    return [Alert(*row) for row in rows]


def retell(
    connection: Connection,
    alert_id: int,
    told: str,
    parts: list[str],
    evidence: list[dict[str, Any]],
    now: datetime,
    *,
    anew: bool,
) -> None:
    """Say what is known by now; ``anew``, as something that whoever acknowledged it has not seen."""
    fresh = {"acknowledged_at": None, "acknowledged_by": None, "notified_at": None, "escalated_at": None}
    connection.execute(
        update(alerts)
        .where(alerts.c.id == alert_id)
        .values(told=told, parts=parts, evidence=evidence, updated_at=now, **(fresh if anew else {}))
    )


def close(connection: Connection, alert_id: int, now: datetime) -> None:
    """Its cause is over."""
    connection.execute(update(alerts).where(alerts.c.id == alert_id).values(closed_at=now, updated_at=now))


def close_cause(connection: Connection, cause: str, now: datetime) -> int:
    """The cause is over: close what is open of it, and say how many."""
    is_open = and_(alerts.c.cause == cause, alerts.c.closed_at.is_(None))
    return connection.execute(update(alerts).where(is_open).values(closed_at=now, updated_at=now)).rowcount


def _is_open(since: datetime) -> ColumnElement[bool]:
    """Alerts of a cause last until it is over; others for a while after they were raised."""
    lasts = or_(alerts.c.cause.is_not(None), alerts.c.raised_at >= since)
    return and_(alerts.c.closed_at.is_(None), lasts)


def open_alerts(
    connection: Connection,
    since: datetime,
    *,
    venture_id: int | None = None,
    campaign_id: int | None = None,
) -> list[Alert]:
    """What is open, the latest first; of what has no end, what was raised since a moment."""
    query = select(*_COLUMNS).where(_is_open(since))
    if venture_id is not None:
        query = query.where(alerts.c.venture_id == venture_id)
    if campaign_id is not None:
        query = query.where(alerts.c.campaign_id == campaign_id)
    rows = connection.execute(query.order_by(alerts.c.raised_at.desc(), alerts.c.id.desc()))
    return [Alert(*row) for row in rows]


def alert(connection: Connection, number: int) -> Alert | None:
    """The alert of a number."""
    found = connection.execute(select(*_COLUMNS).where(alerts.c.id == number)).first()
    return None if found is None else Alert(*found)


def latest(connection: Connection, since: datetime, count: int = 20) -> list[Alert]:
    """Open alerts raised since a moment that nobody has acknowledged, the latest first."""
    unseen = and_(alerts.c.acknowledged_at.is_(None), alerts.c.closed_at.is_(None))
    query = select(*_COLUMNS).where(alerts.c.raised_at >= since, unseen)
    rows = connection.execute(query.order_by(alerts.c.raised_at.desc(), alerts.c.id.desc()).limit(count))
    return [Alert(*row) for row in rows]


def to_notify(connection: Connection, since: datetime, now: datetime) -> list[Alert]:
    """What is open, awake and unacknowledged, and nobody outside was told of, the oldest first."""
    return [one for one in _unanswered(connection, since) if one.notified_at is None and not one.sleeps(now)]


def to_escalate(connection: Connection, since: datetime, before: datetime, now: datetime) -> list[Alert]:
    """What was told before a moment, is still open and awake, and nobody has acknowledged."""
    return [
        one
        for one in _unanswered(connection, since)
        if one.notified_at is not None
        and max(one.notified_at, one.snoozed_until or one.notified_at) <= before
        and one.escalated_at is None
        and not one.sleeps(now)
    ]


def _unanswered(connection: Connection, since: datetime) -> list[Alert]:
    query = select(*_COLUMNS).where(_is_open(since), alerts.c.acknowledged_at.is_(None))
    return [Alert(*row) for row in connection.execute(query.order_by(alerts.c.id))]


def mark_notified(connection: Connection, alert_id: int, now: datetime) -> None:
    """Whoever is outside was told."""
    connection.execute(update(alerts).where(alerts.c.id == alert_id).values(notified_at=now))


def mark_escalated(connection: Connection, alert_id: int, now: datetime) -> None:
    """It was told again, more urgently."""
    connection.execute(update(alerts).where(alerts.c.id == alert_id).values(escalated_at=now))
