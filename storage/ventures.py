"""Ventures with their segments and competitors, and the exchange rates their reports convert at."""


from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from storage.database import Amount, Json, Key, Rate, Scaled, UtcDateTime, metadata

ventures = Table(
    "ventures",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("name_key", String(200), nullable=False, unique=True, comment="the name, case-folded"),
    Column("stage", String(20), nullable=False),
    Column("category", String(100), nullable=False),
    Column("kind", String(20), nullable=False, comment="b2b_enterprise, b2b_smb, b2c_mass, b2c_premium"),
    Column("currency", String(3), nullable=False),
    Column("time_zone", String(60), nullable=False),
    Column("monthly_budget", Amount()),
    Column("gross_margin", Scaled(4), nullable=False, comment="share of revenue left after direct cost"),
    Column("fiscal_year_start", Integer, nullable=False, comment="month, 1 to 12"),
    Column("is_local", Boolean, nullable=False, comment="has places that customers visit"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
)

segments = Table(
    "segments",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("priority_rank", Integer, nullable=False),
    Column("size", Integer, nullable=False, comment="people or companies in reach"),
    Column("growth", Scaled(4), nullable=False, comment="a year, as a share"),
    Column("accessibility", Scaled(4), nullable=False, comment="0 to 1"),
    Column("status", String(20), nullable=False, comment="draft or validated"),
    Column("channel_preferences", Json, nullable=False),
    Column("value_proposition", Text, nullable=False),
    Index(None, "venture_id", "priority_rank"),
)

competitors = Table(
    "competitors",
    metadata,
    Column("id", Key, primary_key=True),
    Column("venture_id", ForeignKey("ventures.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("domain", String(200), nullable=False),
    Column("market_share", Scaled(4), nullable=False),
    Column("price_level", Scaled(4), nullable=False, comment="their price over ours"),
    Column("strengths", Json, nullable=False),
    Index(None, "venture_id"),
)

exchange_rates = Table(
    "exchange_rates",
    metadata,
    Column("day", Date, primary_key=True),
    Column("base", String(3), primary_key=True),
    Column("quote", String(3), primary_key=True),
    Column("rate", Rate(), nullable=False, comment="quote units for one base unit"),
)
