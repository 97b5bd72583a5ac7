"""Touchpoints and conversions: the ways visitors took."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from storage.database import Amount, Key, UtcDateTime, metadata

touchpoints = Table(
    "touchpoints",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("line_id", ForeignKey("channel_lines.id", ondelete="SET NULL")),
    Column("visitor", String(64), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("kind", String(12), nullable=False, comment="impression, click or visit"),
    Column("occurred_at", UtcDateTime, nullable=False),
    Index(None, "venture_id", "occurred_at"),
    Index(None, "visitor"),
)

conversions = Table(
    "conversions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("line_id", ForeignKey("channel_lines.id", ondelete="SET NULL")),
    Column("customer_id", ForeignKey("customers.id", ondelete="SET NULL")),
    Column("visitor", String(64), nullable=False),
    Column("kind", String(20), nullable=False, comment="purchase or renewal"),
    Column("revenue", Amount(), nullable=False, comment="in the campaign's currency, else the venture's"),
    Column("occurred_at", UtcDateTime, nullable=False),
    Index(None, "venture_id", "occurred_at"),
    Index(None, "customer_id"),
    Index(None, "visitor"),
)
