"""Counts what the data-quality checks look for."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Numeric, Select, Table, cast, func, not_, or_, select

from engines.quality import Counted, QualityReport, report
from storage.customers import customers, leads
from storage.database import Database
from storage.influencers import influencers
from storage.journeys import conversions, touchpoints
from storage.organic import backlinks, campaign_memories, keywords, trends
from storage.performance import daily_performance

_SHARES_MAY_MISS = 0.005


def measure(database: Database) -> QualityReport:
    """Count every check in one snapshot and score what was found."""
    with database.read() as connection:
        rows = {
            name: connection.execute(query).one()
            for name, query in _queries(is_sqlite=database.is_sqlite).items()
        }
    return report({name: Counted(int(checked), int(found)) for name, (checked, found) in rows.items()})


def _queries(*, is_sqlite: bool) -> Mapping[str, Select[int, int]]:
    """For each check a query of one row: rows looked at, rows found faulty."""
    daily = daily_performance.c
    return {
        "keywords_without_cpc": _faulty(keywords, keywords.c.cpc.is_(None)),
        "keywords_without_volume": _faulty(keywords, keywords.c.volume <= 0),
        "keywords_beyond_difficulty": _faulty(keywords, not_(keywords.c.difficulty.between(0, 100))),
        "influencers_twice": _influencers_twice(),
        "influencers_without_views": _faulty(influencers, influencers.c.average_views.is_(None)),
        "customers_without_email": _faulty(customers, func.coalesce(customers.c.email, "") == ""),
        "customers_lost_before_won": _faulty(customers, customers.c.churned_at < customers.c.acquired_at),
        "first_orders_unlike_acquisition": _first_orders(),
        "leads_with_bad_email": _faulty(leads, _is_bad_email(leads.c.email)),
        "touchpoints_without_line": _faulty(touchpoints, touchpoints.c.line_id.is_(None)),
        "days_with_more_clicks_than_impressions": _faulty(
            daily_performance, daily.clicks > daily.impressions
        ),
        "days_with_more_reach_than_impressions": _faulty(daily_performance, daily.reach > daily.impressions),
        "lines_unlike_their_conversions": _lines(),
        "backlinks_without_anchor": _faulty(backlinks, func.trim(backlinks.c.anchor) == ""),
        "memories_with_wrong_shares": _faulty(campaign_memories, _has_wrong_shares(is_sqlite=is_sqlite)),
        "trends_peaking_before_seen": _faulty(trends, trends.c.peak_on < trends.c.first_seen_on),
    }


def _faulty(table: Table, fault: ColumnElement[bool]) -> Select[int, int]:
    return select(func.count(), func.count().filter(fault)).select_from(table)


def _is_bad_email(email: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(email.not_like("_%@_%._%"), email.like("%@%@%"), email.like("% %"))


def _influencers_twice() -> Select[int, int]:
    """Rows beyond the first of the same name and followers on one platform."""
    same = (influencers.c.name, influencers.c.platform, influencers.c.followers)
    groups = select(func.count().label("rows")).select_from(influencers).group_by(*same).subquery()
    return select(func.coalesce(func.sum(groups.c.rows), 0), func.coalesce(func.sum(groups.c.rows - 1), 0))


def _first_orders() -> Select[int, int]:
    unlike = or_(
        customers.c.acquired_at != conversions.c.occurred_at,
        customers.c.line_id.is_distinct_from(conversions.c.line_id),
    )
    joined = conversions.join(customers, customers.c.id == conversions.c.customer_id)
    return (
        select(func.count(), func.count().filter(unlike))
        .select_from(joined)
        .where(conversions.c.kind == "purchase")
    )


def _lines() -> Select[int, int]:
    """Lines that have both, daily rows and conversions, over all of their days."""
    daily = (
        select(
            daily_performance.c.line_id,
            func.sum(daily_performance.c.conversions).label("conversions"),
            func.sum(daily_performance.c.revenue).label("revenue"),
        )
        .group_by(daily_performance.c.line_id)
        .subquery()
    )
    single = (
        select(
            conversions.c.line_id,
            func.count().label("conversions"),
            func.sum(conversions.c.revenue).label("revenue"),
        )
        .group_by(conversions.c.line_id)
        .subquery()
    )
    unlike = or_(daily.c.conversions != single.c.conversions, daily.c.revenue != single.c.revenue)
    joined = daily.join(single, single.c.line_id == daily.c.line_id)
    return select(func.count(), func.count().filter(unlike)).select_from(joined)


def _has_wrong_shares(*, is_sqlite: bool) -> ColumnElement[bool]:
    each = func.json_each if is_sqlite else func.jsonb_each_text
    share = each(campaign_memories.c.channels).table_valued("key", "value")
    total = select(func.sum(cast(share.c.value, Numeric))).scalar_subquery()
    return not_(func.coalesce(total, 0).between(1 - _SHARES_MAY_MISS, 1 + _SHARES_MAY_MISS))
