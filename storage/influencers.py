"""Influencers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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
    cast,
    func,
    or_,
    select,
    type_coerce,
)

from engines.influencers import Candidates, Influencer, Labels
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
        "blocked_reason",
        "version",
    )
)


@dataclass(frozen=True)
class Stored:
    """An influencer, with what the engine does not need: currency of the price, why they are blocked."""

    influencer: Influencer
    currency: str | None
    blocked_reason: str | None
    version: int


_SCORED = (
    influencers.c.id,
    influencers.c.handle,
    influencers.c.platform,
    influencers.c.category,
    influencers.c.country,
    influencers.c.followers,
    type_coerce(influencers.c.engagement_rate, BigInteger),
    influencers.c.average_views,
    type_coerce(influencers.c.price, BigInteger),
    influencers.c.safety_score,
    cast(influencers.c.verified, Integer),
    cast(influencers.c.blocked, Integer),
)
_MILLIONTHS = 1_000_000


def search(
    connection: Connection, *, category: str | None, platform: str | None, country: str | None
) -> Candidates:
    """Influencers of a category, platform and country, any where None, in the order of their numbers.

    What is scored is there; topics, audiences and past results are not.
    """
    wanted = {"category": category, "platform": platform, "country": country}
    conditions = [influencers.c[name] == value for name, value in wanted.items() if value is not None]
    rows = connection.execute(select(*_SCORED).where(*conditions).order_by(influencers.c.id)).all()
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * len(_SCORED)
    ids, handles, platforms, categories, countries, followers, engagement, *rest = columns
    views, price, safety, verified, blocked = rest
    nothing = np.zeros(len(ids))
    return Candidates(
        ids=np.array(ids, dtype=np.int64),
        handles=handles,
        platforms=Labels.of(platforms),
        categories=Labels.of(categories),
        countries=Labels.of([one or "" for one in countries]),
        topics=Labels.of([]),
        topic_counts=np.zeros(len(ids), dtype=np.int64),
        followers=np.array(followers, dtype=np.int64),
        engagement=np.array(engagement, dtype=np.float64) / _MILLIONTHS,
        views=np.array(views, dtype=np.float64),
        price=np.array(price, dtype=np.float64) / _MILLIONTHS,
        safety=np.array(safety, dtype=np.float64),
        verified=np.array(verified, dtype=np.bool_),
        blocked=np.array(blocked, dtype=np.bool_),
        past_reach=nothing,
        past_conversions=nothing,
        audience={},
    )


def numbered(connection: Connection, ids: Sequence[int]) -> dict[int, Stored]:
    """The influencers of some numbers."""
    query = select(*_COLUMNS).where(influencers.c.id.in_(ids))
    return {row.id: _stored(row) for row in connection.execute(query)}


def called(connection: Connection, said: str) -> list[Stored]:
    """Influencers of a handle or name, whatever the case and an ``@`` before it."""
    key = said.strip().lstrip("@").casefold()
    named = or_(func.lower(influencers.c.handle) == key, func.lower(influencers.c.name) == key)
    query = select(*_COLUMNS).where(named).order_by(influencers.c.followers.desc())
    return [_stored(row) for row in connection.execute(query)]


def like(connection: Connection, said: str, count: int) -> list[str]:
    """Names that begin with some words, or whose handle does, those of most followers first."""
    key = said.strip().lstrip("@").casefold()
    begins = or_(
        func.lower(influencers.c.handle).startswith(key, autoescape=True),
        func.lower(influencers.c.name).startswith(key, autoescape=True),
    )
    query = select(influencers.c.handle).where(begins, ~influencers.c.blocked)
    return list(connection.scalars(query.order_by(influencers.c.followers.desc()).limit(count)))


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
        row.blocked_reason,
        row.version,
    )
