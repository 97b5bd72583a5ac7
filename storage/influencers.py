"""Influencers."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    or_,
    select,
)

from engines.influencers import Influencer
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


_COLUMNS = tuple(
    influencers.c[name]
    for name in (
        "id",
        "name",
        "handle",
        "platform",
        "category",
        "followers",
        "engagement_rate",
        "average_views",
        "country",
        "price",
        "currency",
        "topics",
        "audience",
        "safety_score",
        "verified",
        "blocked",
        "version",
    )
)


@dataclass(frozen=True)
class Stored:
    """An influencer, with what the engine does not need: currency of the price, and the row's version."""

    influencer: Influencer
    currency: str | None
    version: int


def search(
    connection: Connection, *, category: str | None, platform: str | None, country: str | None
) -> list[Stored]:
    """Influencers of a category, platform and country; any where None."""
    wanted = {"category": category, "platform": platform, "country": country}
    conditions = [influencers.c[name] == value for name, value in wanted.items() if value is not None]
    query = select(*_COLUMNS).where(*conditions).order_by(influencers.c.id)
    return [_stored(row) for row in connection.execute(query)]


def called(connection: Connection, said: str) -> list[Stored]:
    """Influencers of a handle or name, whatever the case and an ``@`` before it."""
    key = said.strip().lstrip("@").casefold()
    named = or_(func.lower(influencers.c.handle) == key, func.lower(influencers.c.name) == key)
    query = select(*_COLUMNS).where(named).order_by(influencers.c.followers.desc())
    return [_stored(row) for row in connection.execute(query)]


def _stored(row: Any) -> Stored:
    return Stored(
        Influencer(
            id=row.id,
            name=row.name,
            handle=row.handle,
            platform=row.platform,
            category=row.category,
            followers=row.followers,
            engagement_rate=float(row.engagement_rate),
            average_views=row.average_views,
            country=row.country,
            price=row.price,
            topics=tuple(row.topics),
            audience=row.audience,
            safety_score=row.safety_score,
            verified=row.verified,
            blocked=row.blocked,
        ),
        row.currency,
        row.version,
    )
