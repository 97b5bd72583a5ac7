"""What metrics need besides daily totals: cohorts, retained revenue and journeys."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, func, select

from engines.metrics import Cohort, Journeys, Retention
from engines.terms import Period
from storage.campaigns import campaigns, channel_lines
from storage.customers import customers
from storage.journeys import conversions, touchpoints
from storage.performance import Scope, within_days, zones
from storage.ventures import Rates, ventures

MONTH_DAYS = Decimal("30.4375")
"""Days of an average month."""

COHORT_DAYS = 365
"""A cohort is the customers won in this many days up to a period's end."""


@dataclass(frozen=True)
class _Member:
    id: int
    acquired_at: datetime
    churned_at: datetime | None

    def months(self, until: datetime) -> Decimal:
        """Time at risk of leaving."""
        gone = min(self.churned_at, until) if self.churned_at else until
        return max(Decimal((gone - self.acquired_at) / timedelta(days=1)), Decimal(0)) / MONTH_DAYS


def cohort(connection: Connection, scope: Scope, period: Period, rates: Rates) -> Cohort:
    """The customers won in the year up to the period's end, watched until then.

    Of a campaign or channel: the customers won through it, with all their orders. Revenue is in the rates'
    currency. Raises `storage.ventures.RateMissingError`.
    """
    year = Period.last_days(COHORT_DAYS, period.end)
    until = datetime.combine(period.end + timedelta(days=1), datetime.min.time(), UTC)
    known = zones(connection)
    joined = _won_through()
    won = [within_days(customers.c.acquired_at, year, known), *scope.lines()]
    members = [
        _Member(*row)
        for row in connection.execute(
            select(customers.c.id, customers.c.acquired_at, customers.c.churned_at)
            .select_from(joined)
            .where(*won)
        )
    ]
    ids = select(customers.c.id).select_from(joined).where(*won)
    bought = [within_days(conversions.c.occurred_at, year, known), conversions.c.customer_id.in_(ids)]
    return Cohort(
        customers=len(members),
        churned=sum(member.churned_at is not None and member.churned_at < until for member in members),
        customer_months=sum((member.months(until) for member in members), Decimal(0)),
        revenue=_revenue(connection, bought, rates),
    )


def retention(connection: Connection, scope: Scope, period: Period, rates: Rates) -> Retention:
    """Revenue of the customers who bought in the equally long period before: then and now."""
    known = zones(connection)
    before = [within_days(conversions.c.occurred_at, period.before(), known), *scope.lines()]
    known_customers = [*before, conversions.c.customer_id.is_not(None)]
    ids = select(conversions.c.customer_id).select_from(_orders()).where(*known_customers)
    now = [
        within_days(conversions.c.occurred_at, period, known),
        *scope.lines(),
        conversions.c.customer_id.in_(ids),
    ]
    return Retention(_revenue(connection, known_customers, rates), _revenue(connection, now, rates))


def journeys(connection: Connection, scope: Scope, period: Period) -> Journeys:
    """Visitors touched in the period by the channels that touched them, and how many of them converted."""
    known = zones(connection)
    touched = (
        select(touchpoints.c.venture_id, touchpoints.c.visitor, touchpoints.c.channel)
        .join(ventures, ventures.c.id == touchpoints.c.venture_id)
        .where(within_days(touchpoints.c.occurred_at, period, known), *_visits(scope, touchpoints))
        .distinct()
    )
    converted = (
        select(conversions.c.venture_id, conversions.c.visitor)
        .join(ventures, ventures.c.id == conversions.c.venture_id)
        .where(within_days(conversions.c.occurred_at, period, known), *_visits(scope, conversions))
        .distinct()
    )
    channels: dict[tuple[int, str], set[str]] = defaultdict(set)
    for venture_id, visitor, channel in connection.execute(touched):
        channels[venture_id, visitor].add(channel)
    winners = {(venture_id, visitor) for venture_id, visitor in connection.execute(converted)}
    seen: Counter[frozenset[str]] = Counter()
    won: Counter[frozenset[str]] = Counter()
    for visit, among in channels.items():
        seen[frozenset(among)] += 1
        won[frozenset(among)] += visit in winners
    return Journeys(
        single={next(iter(among)): (n, won[among]) for among, n in seen.items() if len(among) == 1},
        multi={among: (n, won[among]) for among, n in seen.items() if len(among) > 1},
    )


def _visits(scope: Scope, table: Any) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if scope.venture_id is not None:
        conditions.append(table.c.venture_id == scope.venture_id)
    if scope.campaign_id is not None:
        lines = select(channel_lines.c.id).where(channel_lines.c.campaign_id == scope.campaign_id)
        conditions.append(table.c.line_id.in_(lines))
    return conditions


def _won_through() -> FromClause:
    return (
        customers.join(channel_lines, channel_lines.c.id == customers.c.line_id)
        .join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
        .join(ventures, ventures.c.id == customers.c.venture_id)
    )


def _orders() -> FromClause:
    return (
        conversions.join(ventures, ventures.c.id == conversions.c.venture_id)
        .outerjoin(channel_lines, channel_lines.c.id == conversions.c.line_id)
        .outerjoin(campaigns, campaigns.c.id == channel_lines.c.campaign_id)
    )


def _revenue(connection: Connection, conditions: list[ColumnElement[bool]], rates: Rates) -> Decimal:
    currency = func.coalesce(campaigns.c.currency, ventures.c.currency)
    day = func.date(conversions.c.occurred_at)
    query = (
        select(currency, day, func.sum(conversions.c.revenue))
        .select_from(_orders())
        .where(*conditions)
        .group_by(currency, day)
    )
    total = Decimal(0)
    for of, on, revenue in connection.execute(query):
        at = date.fromisoformat(on) if isinstance(on, str) else on
        total += rates.convert(revenue, of, at)
    return total
