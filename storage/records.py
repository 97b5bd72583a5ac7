"""The daily records behind a number, and where each came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, and_, or_, select

from engines.terms import Period
from storage.campaigns import campaigns, channel_lines
from storage.imports.ledger import import_runs, imported_performance
from storage.performance import Scope, daily_performance


@dataclass(frozen=True)
class DailyRecord:
    """What one channel line did on one day."""

    day: date
    campaign_id: int
    channel: str
    currency: str
    spend: Decimal
    revenue: Decimal
    impressions: int
    clicks: int
    conversions: int
    files: tuple[str, ...]
    """The imported files that added to it; empty where none did."""


def largest(connection: Connection, scopes: Sequence[Scope], period: Period, count: int) -> list[DailyRecord]:
    """The records of a period with the most spend, then revenue."""
    lines = channel_lines.join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
    days = daily_performance.c
    rows = connection.execute(
        select(
            days.line_id,
            days.day,
            campaigns.c.id,
            channel_lines.c.channel,
            campaigns.c.currency,
            days.spend,
            days.revenue,
            days.impressions,
            days.clicks,
            days.conversions,
        )
        .select_from(lines.join(daily_performance, days.line_id == channel_lines.c.id))
        .where(
            or_(*(and_(True, *scope.lines()) for scope in scopes)), days.day.between(period.start, period.end)
        )
        .order_by(days.spend.desc(), days.revenue.desc(), days.day, days.line_id)
        .limit(count)
    ).all()
    files = _files(connection, [(row.line_id, row.day) for row in rows])
    return [
        DailyRecord(
            day=row.day,
            campaign_id=row.id,
            channel=row.channel,
            currency=row.currency,
            spend=row.spend,
            revenue=row.revenue,
            impressions=row.impressions,
            clicks=row.clicks,
            conversions=row.conversions,
            files=files.get((row.line_id, row.day), ()),
        )
        for row in rows
    ]


def _files(
    connection: Connection, keys: Sequence[tuple[int, date]]
) -> dict[tuple[int, date], tuple[str, ...]]:
    if not keys:
        return {}
    table = imported_performance.c
    wanted = or_(*(and_(table.line_id == line, table.day == day) for line, day in keys))
    query = (
        select(table.line_id, table.day, import_runs.c.file)
        .join(import_runs, import_runs.c.id == table.run_id)
        .where(wanted)
        .distinct()
        .order_by(import_runs.c.file)
    )
    found: dict[tuple[int, date], tuple[str, ...]] = {}
    for line, day, file in connection.execute(query):
        found[line, day] = (*found.get((line, day), ()), file)
    return found
