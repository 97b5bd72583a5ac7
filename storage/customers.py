"""Customers and leads."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from storage.database import Amount, Json, Key, UtcDateTime, metadata

customers = Table(
    "customers",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("segment_id", ForeignKey("segments.id", ondelete="SET NULL")),
    Column("line_id", ForeignKey("channel_lines.id", ondelete="SET NULL"), comment="won through"),
    Column("external_id", String(64), nullable=False),
    Column("email", String(320)),
    Column("country", String(2)),
    Column("plan", String(40)),
    Column("monthly_revenue", Amount(), nullable=False, comment="in the venture's currency"),
    Column("acquired_at", UtcDateTime, nullable=False),
    Column("churned_at", UtcDateTime),
    Column("indicators", Json, nullable=False, comment="usage, log-ins, support, payments, features"),
    UniqueConstraint("venture_id", "external_id"),
    Index(None, "venture_id", "acquired_at"),
    Index(None, "line_id", "acquired_at"),
)

leads = Table(
    "leads",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("segment_id", ForeignKey("segments.id", ondelete="SET NULL")),
    Column("line_id", ForeignKey("channel_lines.id", ondelete="SET NULL")),
    Column("email", String(320), nullable=False),
    Column("source", String(40), nullable=False),
    Column("status", String(20), nullable=False, comment="new, qualified, won or lost"),
    Column("score", Integer, nullable=False, comment="0 to 100"),
    Column("time_zone", String(60), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("venture_id", "email"),
    Index(None, "venture_id", "created_at"),
)
