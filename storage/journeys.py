"""Touchpoints and conversions: the ways visitors took."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Column, Connection, ForeignKey, Index, Select, String, Table, and_, func, or_, select

from engines.journeys import LOOK_BACK_DAYS, Conversion, Journey, Touch, journeys, pack
from engines.paths import Paths, lost
from engines.terms import Period
from storage.campaigns import channel_lines
from storage.database import Amount, Key, Microseconds, UtcDateTime, metadata
from storage.performance import day_bounds

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


def journeys_in(
    connection: Connection,
    period: Period,
    zone: str,
    venture_id: int,
    *,
    look_back_days: float = LOOK_BACK_DAYS,
    linked: Mapping[str, str] | None = None,
) -> list[Journey]:
    """A venture's conversions on a period's days, each with its visitor's touches in the look-back window.

    ``linked`` are the visitors that are one person, as `linked_visitors` finds them; it looks for them where
    they are not given, and an empty one keeps all apart.
    """
    start, end = day_bounds(period, zone)
    of_venture = conversions.c.venture_id == venture_id
    during = (conversions.c.occurred_at >= start, conversions.c.occurred_at < end)
    person = linked_visitors(connection, venture_id) if linked is None else linked
    won = [
        Conversion(number, person.get(visitor, visitor), moment, revenue)
        for number, visitor, moment, revenue in connection.execute(
            select(conversions.c.id, conversions.c.visitor, conversions.c.occurred_at, conversions.c.revenue)
            .where(of_venture, *during)
            .order_by(conversions.c.id)
        )
    ]
    wanted = and_(*during)
    if person:
        own = select(conversions.c.customer_id).where(of_venture, *during)
        wanted = or_(wanted, conversions.c.customer_id.in_(own))
    visitors = select(conversions.c.visitor).where(of_venture, wanted)
    query = (
        select(
            touchpoints.c.visitor,
            touchpoints.c.channel,
            touchpoints.c.line_id,
            channel_lines.c.campaign_id,
            touchpoints.c.occurred_at,
        )
        .outerjoin(channel_lines, channel_lines.c.id == touchpoints.c.line_id)
        .where(
            touchpoints.c.venture_id == venture_id,
            touchpoints.c.occurred_at >= start - timedelta(days=look_back_days),
            touchpoints.c.occurred_at < end,
            touchpoints.c.visitor.in_(visitors),
        )
        .order_by(touchpoints.c.occurred_at, touchpoints.c.id)
    )
    touches: dict[str, list[Touch]] = defaultdict(list)
    for visitor, channel, line_id, campaign_id, moment in connection.execute(query).all():
        touches[person.get(visitor, visitor)].append(Touch(channel, line_id, campaign_id, moment))
    return journeys(touches, won, look_back_days)


def linked_visitors(connection: Connection, venture_id: int) -> dict[str, str]:
    """The visitors that are somebody known by another one, and that one: who bought as one customer, and as
    nobody else."""
    of_venture = (conversions.c.venture_id == venture_id, conversions.c.customer_id.is_not(None))
    several = (
        select(conversions.c.customer_id)
        .where(*of_venture)
        .group_by(conversions.c.customer_id)
        .having(func.count(conversions.c.visitor.distinct()) > 1)
    )
    query = (
        select(conversions.c.visitor, func.min(conversions.c.customer_id))
        .where(*of_venture, conversions.c.visitor.in_(_visitors_of(several, venture_id)))
        .group_by(conversions.c.visitor)
        .having(func.count(conversions.c.customer_id.distinct()) == 1)
        .order_by(conversions.c.visitor)
    )
    first: dict[int, str] = {}
    return {
        visitor: first.setdefault(customer, visitor) for visitor, customer in connection.execute(query).all()
    }


def _visitors_of(customers: Select[tuple[int | None]], venture_id: int) -> Select[tuple[str]]:
    return select(conversions.c.visitor).where(
        conversions.c.venture_id == venture_id, conversions.c.customer_id.in_(customers)
    )


def lost_in(
    connection: Connection,
    period: Period,
    zone: str,
    venture_id: int,
    *,
    look_back_days: float = LOOK_BACK_DAYS,
    session_minutes: float = 0.0,
    linked: Mapping[str, str] | None = None,
) -> Paths:
    """The paths of a venture's visitors on a period's days that no conversion followed, equal ones as one.

    A conversion up to the look-back window after the period claims its touches too: its path is not lost.
    ``linked`` as in `journeys_in`.
    """
    start, end = day_bounds(period, zone)
    touched = (
        select(touchpoints.c.visitor, touchpoints.c.channel, Microseconds(touchpoints.c.occurred_at))
        .where(
            touchpoints.c.venture_id == venture_id,
            touchpoints.c.occurred_at >= start,
            touchpoints.c.occurred_at < end,
        )
        .order_by(touchpoints.c.occurred_at, touchpoints.c.id)
    )
    won = select(conversions.c.visitor, Microseconds(conversions.c.occurred_at)).where(
        conversions.c.venture_id == venture_id,
        conversions.c.occurred_at >= start,
        conversions.c.occurred_at < end + timedelta(days=look_back_days),
    )
    visitors: defaultdict[str, int] = defaultdict(lambda: len(visitors))
    channels: defaultdict[str, int] = defaultdict(lambda: len(channels))
    person = linked_visitors(connection, venture_id) if linked is None else linked
    touches = [
        (visitors[person.get(who, who)], channels[what], at)
        for who, what, at in connection.execute(touched).all()
    ]
    named = ((person.get(who, who), at) for who, at in connection.execute(won).all())
    claims = [(visitors[who], at) for who, at in named if who in visitors]
    visitor, channel, moment = np.array(touches, dtype=np.int64).reshape(-1, 3).T
    claimed_by, claimed_at = np.array(claims, dtype=np.int64).reshape(-1, 2).T
    packed = pack(
        tuple(channels),
        visitor,
        moment,
        channel,
        claimed_by,
        claimed_at,
        np.zeros_like(claimed_at),
        day=timedelta(days=1) // timedelta(microseconds=1),
        look_back_days=look_back_days,
        session_minutes=session_minutes,
    )
    return lost(packed).collapsed()


def latest_conversion(connection: Connection, venture_id: int, zone: str, until: date) -> date | None:
    """The latest day up to ``until`` on which the venture won a conversion, by its own calendar."""
    _, end = day_bounds(Period(until, until), zone)
    moment: datetime | None = connection.scalar(
        select(func.max(conversions.c.occurred_at)).where(
            conversions.c.venture_id == venture_id, conversions.c.occurred_at < end
        )
    )
    return None if moment is None else moment.astimezone(ZoneInfo(zone)).date()
