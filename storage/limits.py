"""Limits of spending: what a venture or a campaign may spend a day, a week or a month."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Column, Connection, ForeignKey, Integer, String, Table, select

from storage.database import Amount, Key, metadata

spend_limits = Table(
    "spend_limits",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE"), comment="empty: the whole venture"),
    Column("pace", String(10), nullable=False, comment="day, week or month"),
    Column("amount", Amount(), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("version", Integer, nullable=False),
)


@dataclass(frozen=True)
class SpendLimit:
    """What may be spent in a day, a week (from Monday) or a calendar month, in the venture's time zone."""

    id: int
    venture_id: int
    campaign_id: int | None
    pace: str
    amount: Decimal
    currency: str
    version: int


_COLUMNS = [spend_limits.c[name] for name in SpendLimit.__annotations__]


def all_limits(connection: Connection) -> list[SpendLimit]:
    """Every limit."""
    return [SpendLimit(*row) for row in connection.execute(select(*_COLUMNS).order_by(spend_limits.c.id))]


def limit_of(
    connection: Connection, venture_id: int, campaign_id: int | None, pace: str
) -> SpendLimit | None:
    """The limit of a venture, or of one campaign of it, for a pace."""
    table = spend_limits.c
    of_campaign = table.campaign_id.is_(None) if campaign_id is None else table.campaign_id == campaign_id
    query = select(*_COLUMNS).where(table.venture_id == venture_id, table.pace == pace, of_campaign)
    row = connection.execute(query.order_by(table.id)).first()
    return None if row is None else SpendLimit(*row)
