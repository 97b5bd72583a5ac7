"""Who may decide about proposals in the chairman's place: until when, up to how much, for which venture."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Column, Connection, ForeignKey, Index, Integer, String, Table, and_, select

from storage.database import Amount, Key, UtcDateTime, metadata
from storage.people import users

delegations = Table(
    "delegations",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, comment="who may decide"),
    Column("granted_by", ForeignKey("users.id"), nullable=False),
    Column("granted_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, comment="when it was taken back"),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), comment="empty: every venture"),
    Column("most", Amount(), comment="of one proposal, in `currency`; empty: any amount"),
    Column("currency", String(3), nullable=False),
    Column("version", Integer, nullable=False),
    Index(None, "user_id"),
)


@dataclass(frozen=True)
class Delegation:
    """What somebody may decide in the chairman's place."""

    id: int
    user_id: int
    name: str
    granted_by: int
    until: datetime
    venture_id: int | None
    most: Decimal | None
    """Of one proposal, in ``currency``; None for any amount."""
    currency: str


def in_force(
    connection: Connection, now: datetime, *, user_id: int | None = None, venture_id: int | None = None
) -> list[Delegation]:
    """Delegations that hold at a moment, the newest first: of one person, or of one venture alone."""
    table = delegations.c
    query = (
        select(
            table.id,
            table.user_id,
            users.c.name,
            table.granted_by,
            table.until,
            table.venture_id,
            table.most,
            table.currency,
        )
        .join(users, and_(users.c.id == table.user_id, users.c.active))
        .where(table.ended_at.is_(None), table.until > now)
        .order_by(table.id.desc())
    )
    if user_id is not None:
        query = query.where(table.user_id == user_id)
    if venture_id is not None:
        query = query.where(table.venture_id == venture_id)
    return [Delegation(*row) for row in connection.execute(query)]
