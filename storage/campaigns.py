"""Campaigns and their channel lines."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    Table,
    UniqueConstraint,
    bindparam,
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
    return next(iter(_with_lines(connection, id=campaign_id)), None)


def campaigns_of(
    connection: Connection, *, venture_id: int | None = None, status: str | None = None
) -> list[Campaign]:
    """Campaigns with their lines, by name; of one venture or status if given."""
    wanted = {"venture_id": venture_id, "status": status}
    return _with_lines(connection, **{name: value for name, value in wanted.items() if value is not None})


_LINE = tuple(
    channel_lines.c[name]
    for name in ("campaign_id", "id", "channel", "status", "planned", "allocated", "version")
)


@lru_cache
def _queries(columns: tuple[str, ...]) -> tuple[Select[Any], Select[Any]]:
    """Campaigns with values bound to these columns, and their lines; built once for each shape."""
    conditions = [campaigns.c[name] == bindparam(name) for name in columns]
    lines = select(*_LINE).join(campaigns, campaigns.c.id == channel_lines.c.campaign_id).where(*conditions)
    return (
        select(*_CAMPAIGN).where(*conditions).order_by(campaigns.c.name, campaigns.c.id),
        lines.order_by(channel_lines.c.allocated.desc(), channel_lines.c.channel),
    )


def _with_lines(connection: Connection, **wanted: Any) -> list[Campaign]:
    of_campaigns, of_lines = _queries(tuple(wanted))
    found = connection.execute(of_campaigns, wanted).all()
    lines = connection.execute(of_lines, wanted)
    by_campaign: dict[int, list[Line]] = {}
    for campaign_id, *line in lines:
        by_campaign.setdefault(campaign_id, []).append(Line(*line))
    return [replace(Campaign(*row), lines=tuple(by_campaign.get(row.id, ()))) for row in found]
