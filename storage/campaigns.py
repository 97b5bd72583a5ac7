"""Campaigns and their channel lines."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    select,
)

from storage.database import Amount, Key, UtcDateTime, metadata

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("name_key", String(200), nullable=False, comment="the name, case-folded"),
    Column("objective", String(40), nullable=False, comment="awareness, leads, conversion, retention"),
    Column("status", String(20), nullable=False),
    Column("currency", String(3), nullable=False, comment="of every amount of the campaign and its lines"),
    Column("target_cpa", Amount()),
    Column("start_on", Date, nullable=False),
    Column("end_on", Date),
    Column("created_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("venture_id", "name_key"),
    Index(None, "name_key"),
)

channel_lines = Table(
    "channel_lines",
    metadata,
    Column("id", Key, primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE"), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("planned", Amount(), nullable=False, comment="money of the plan, a month"),
    Column("allocated", Amount(), nullable=False, comment="money the line may spend, a month"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("campaign_id", "channel"),
)


@dataclass(frozen=True)
class Line:
    """One channel of a campaign and its money a month."""

    id: int
    channel: str
    status: str
    planned: Decimal
    allocated: Decimal
    version: int


@dataclass(frozen=True)
class Campaign:
    """A campaign with its lines, in the order of their allocated money."""

    id: int
    venture_id: int
    name: str
    objective: str
    status: str
    currency: str
    target_cpa: Decimal | None
    start_on: date
    end_on: date | None
    version: int
    lines: tuple[Line, ...] = ()

    @property
    def allocated(self) -> Decimal:
        """Money all lines together may spend a month."""
        return sum((line.allocated for line in self.lines), Decimal(0))

    @property
    def planned(self) -> Decimal:
        """Money of the plan, a month."""
        return sum((line.planned for line in self.lines), Decimal(0))


_CAMPAIGN = (
    campaigns.c.id,
    campaigns.c.venture_id,
    campaigns.c.name,
    campaigns.c.objective,
    campaigns.c.status,
    campaigns.c.currency,
    campaigns.c.target_cpa,
    campaigns.c.start_on,
    campaigns.c.end_on,
    campaigns.c.version,
)


def campaign(connection: Connection, campaign_id: int) -> Campaign | None:
    """One campaign with its lines, None when it is gone."""
    return next(iter(_with_lines(connection, [campaigns.c.id == campaign_id])), None)


def campaigns_of(
    connection: Connection, *, venture_id: int | None = None, status: str | None = None
) -> list[Campaign]:
    """Campaigns with their lines, by name; of one venture or status if given."""
    conditions: list[ColumnElement[bool]] = []
    if venture_id is not None:
        conditions.append(campaigns.c.venture_id == venture_id)
    if status is not None:
        conditions.append(campaigns.c.status == status)
    return _with_lines(connection, conditions)


def _with_lines(connection: Connection, conditions: list[ColumnElement[bool]]) -> list[Campaign]:
    found = connection.execute(select(*_CAMPAIGN).where(*conditions).order_by(campaigns.c.name)).all()
    table = channel_lines.c
    lines = connection.execute(
        select(
            table.campaign_id,
            table.id,
            table.channel,
            table.status,
            table.planned,
            table.allocated,
            table.version,
        )
        .join(campaigns, campaigns.c.id == table.campaign_id)
        .where(*conditions)
        .order_by(table.allocated.desc(), table.channel)
    )
    by_campaign: dict[int, list[Line]] = {}
    for campaign_id, *line in lines:
        by_campaign.setdefault(campaign_id, []).append(Line(*line))
    return [replace(Campaign(*row), lines=tuple(by_campaign.get(row.id, ()))) for row in found]
