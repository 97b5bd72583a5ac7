"""Looking at daily figures for days that stand out, and for lines whose outcome is no longer counted."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, select

from engines.anomalies import (
    LEVEL_DAYS,
    LONGEST_STOP,
    PAST_DAYS,
    WEEKS_COMPARED,
    Silence,
    Source,
    Stopped,
    Unusual,
    series,
    silences,
    source,
    stopped,
    unusual_days,
)
from engines.metrics import Totals
from engines.response import Refusal
from engines.terms import CampaignStatus, Period
from storage.campaigns import campaigns, channel_lines
from storage.performance import Scope, daily_performance, measure
from storage.ventures import Rates

WON = ("cac", "new_customers")
"""Metrics that count customers."""

MOST_EXPLAINED = 3
"""So many of the most unusual days are explained."""


@dataclass(frozen=True)
class Watched:
    """An unusual day and what it comes from; None where that cannot be said, or was not looked for."""

    day: Unusual
    by_channel: Source[str] | None
    by_campaign: Source[int] | None


def watch(
    connection: Connection, scope: Scope, period: Period, metric: str, currency: str, rates: Rates
) -> tuple[Watched, ...] | Refusal:
    """The unusual days of a metric in ``period``, the most unusual first.

    ``rates`` must reach back `engines.anomalies.PAST_DAYS` before the period. Refuses as
    `engines.anomalies.unusual_days`. Raises `storage.ventures.RateMissingError`.
    """
    before = Period(period.start - timedelta(days=PAST_DAYS), period.end)
    by_day = measure(
        connection, scope, before, by="day", currency=currency, rates=rates, with_customers=metric in WON
    ).parts
    values = series(metric, by_day, before.start, before.end)
    found = unusual_days(values, period.end, period.days)
    if isinstance(found, Refusal):
        return found
    ranked = sorted(found, key=lambda one: -abs(one.score))
    watched = []
    for place, one in enumerate(ranked):
        asked = place < MOST_EXPLAINED

        def by(kind: str, day: date = one.day) -> Source[Any] | None:
            return _source(_Asked(connection, scope, metric, kind, currency, rates), day)

        watched.append(Watched(one, by("channel") if asked else None, by("campaign") if asked else None))
    return tuple(watched)


@dataclass(frozen=True)
class _Asked:
    connection: Connection
    scope: Scope
    metric: str
    by: str
    currency: str
    rates: Rates

    def on(self, day: date) -> dict[Any, Totals]:
        """Each part's totals of a day."""
        return measure(
            self.connection,
            self.scope,
            Period(day, day),
            by=self.by,
            currency=self.currency,
            rates=self.rates,
            with_customers=self.metric in WON,
        ).parts


def _source(asked: _Asked, day: date) -> Source[Any] | None:
    weekdays = [asked.on(day - timedelta(weeks=week)) for week in range(1, WEEKS_COMPARED + 1)]
    found = source(asked.metric, weekdays, asked.on(day))
    return None if isinstance(found, Refusal) else found


def silent_lines(connection: Connection, scope: Scope, until: date) -> tuple[Silence[int], ...]:
    """Lines whose clicks go on up to ``until`` while no conversion is counted any more, by identity."""
    table = daily_performance.c
    query = (
        select(table.line_id, table.day, table.clicks, table.conversions)
        .join(channel_lines, channel_lines.c.id == table.line_id)
        .join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
        .where(table.day.between(until - timedelta(days=2 * PAST_DAYS), until), *scope.lines())
    )
    by_line: defaultdict[int, dict[date, Totals]] = defaultdict(dict)
    for line, day, clicks, conversions in connection.execute(query):
        by_line[line][day] = Totals(clicks=int(clicks), conversions=int(conversions))
    return silences(by_line, until)


def stopped_lines(connection: Connection, scope: Scope, until: date) -> tuple[Stopped[int], ...]:
    """Lines of active campaigns that reported every day, and have no record any more up to ``until``."""
    table = daily_performance.c
    query = (
        select(table.line_id, table.day)
        .join(channel_lines, channel_lines.c.id == table.line_id)
        .join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
        .where(
            table.day.between(until - timedelta(days=LONGEST_STOP + LEVEL_DAYS), until),
            campaigns.c.status == CampaignStatus.ACTIVE,
            channel_lines.c.status == CampaignStatus.ACTIVE,
            *scope.lines(),
        )
    )
    by_line: defaultdict[int, set[date]] = defaultdict(set)
    for line, day in connection.execute(query):
        by_line[line].add(day)
    return stopped(by_line, until)


def places(connection: Connection, line_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """The campaign and the channel of lines."""
    query = select(channel_lines.c.id, channel_lines.c.campaign_id, channel_lines.c.channel)
    rows = connection.execute(query.where(channel_lines.c.id.in_(line_ids)))
    return {line: (campaign, channel) for line, campaign, channel in rows}
