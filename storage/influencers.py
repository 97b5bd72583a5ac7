"""Influencers."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from storage.database import Amount, Json, Key, Scaled, UtcDateTime, metadata

influencers = Table(
    "influencers",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("handle", String(100), nullable=False),
    Column("platform", String(20), nullable=False),
    Column("category", String(100), nullable=False),
    Column("followers", BigInteger, nullable=False),
    Column("engagement_rate", Scaled(6), nullable=False, comment="interactions a follower and post, a share"),
    Column("average_views", BigInteger),
    Column("country", String(2)),
    Column("price", Amount(), comment="for one post"),
    Column("currency", String(3)),
    Column("topics", Json, nullable=False),
    Column("audience", Json, nullable=False, comment="shares by age, gender and country"),
    Column("safety_score", Integer, comment="0 to 100"),
    Column("verified", Boolean, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("blocked_reason", Text),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("platform", "handle"),
    Index(None, "category", "followers"),
)
