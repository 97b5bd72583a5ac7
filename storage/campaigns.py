"""Campaigns and their channel lines."""

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, String, Table, UniqueConstraint

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
