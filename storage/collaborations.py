"""Collaborations: which influencer works on which campaign, at what cost, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    select,
)

from storage.campaigns import campaigns
from storage.database import Amount, Json, Key, UtcDateTime, metadata
from storage.influencers import influencers
from storage.people import users

collaborations = Table(
    "collaborations",
    metadata,
    Column("id", Key, primary_key=True),
    Column("influencer_id", ForeignKey("influencers.id"), nullable=False),
    Column("campaign_id", ForeignKey("campaigns.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(20), nullable=False, comment="post: one post"),
    Column("state", String(20), nullable=False, comment="added"),
    Column("cost", Amount(), comment="agreed, in `currency`; empty: no price was known"),
    Column("currency", String(3)),
    Column("committed", Amount(), comment="the cost in the campaign's currency, at the rate of that day"),
    Column("reach", BigInteger, nullable=False, comment="people expected to see it"),
    Column("engagements", BigInteger, nullable=False, comment="interactions expected of it"),
    Column("reasons", Json, nullable=False, comment="scores, ranges and risks as they were found"),
    Column("asked_by", ForeignKey("users.id"), nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("campaign_id", "influencer_id"),
    Index(None, "influencer_id"),
)

POST, ADDED = "post", "added"


@dataclass(frozen=True)
class Collaboration:
    """An influencer's work on a campaign."""

    id: int
    influencer_id: int
    name: str
    handle: str
    platform: str
    blocked: bool
    """Since then: nobody who is blocked is added."""
    campaign_id: int
    venture_id: int
    campaign: str
    currency_of_campaign: str
    kind: str
    state: str
    cost: Decimal | None
    currency: str | None
    committed: Decimal | None
    """The cost in the campaign's currency; None where no price was known."""
    reach: int
    engagements: int
    reasons: dict[str, Any]
    asked_by: str
    added_at: datetime


_COLUMNS: list[Column[Any]] = [
    collaborations.c.id,
    collaborations.c.influencer_id,
    influencers.c.name,
    influencers.c.handle,
    influencers.c.platform,
    influencers.c.blocked,
    collaborations.c.campaign_id,
    campaigns.c.venture_id,
    campaigns.c.name,
    campaigns.c.currency,
    collaborations.c.kind,
    collaborations.c.state,
    collaborations.c.cost,
    collaborations.c.currency,
    collaborations.c.committed,
    collaborations.c.reach,
    collaborations.c.engagements,
    collaborations.c.reasons,
    users.c.name,
    collaborations.c.added_at,
]


def _found(connection: Connection, *conditions: Any) -> list[Collaboration]:
    query = (
        select(*_COLUMNS)
        .join(influencers, influencers.c.id == collaborations.c.influencer_id)
        .join(campaigns, campaigns.c.id == collaborations.c.campaign_id)
        .join(users, users.c.id == collaborations.c.asked_by)
        .where(*conditions)
        .order_by(campaigns.c.name, collaborations.c.id)
    )
    return [Collaboration(*row) for row in connection.execute(query)]


def of_campaign(connection: Connection, campaign_id: int) -> list[Collaboration]:
    """Who works on a campaign, in the order they were added."""
    return _found(connection, collaborations.c.campaign_id == campaign_id)


def of_venture(connection: Connection, venture_id: int) -> list[Collaboration]:
    """Who works on the campaigns of a venture, by campaign."""
    return _found(connection, campaigns.c.venture_id == venture_id)


def of_influencers(connection: Connection, ids: Sequence[int]) -> list[Collaboration]:
    """What some influencers work on, by campaign."""
    return _found(connection, collaborations.c.influencer_id.in_(ids))
