"""What metrics need besides daily totals: cohorts, retained revenue and journeys."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, FromClause, case, func, literal, select

from engines.lifetime import Purchases
from engines.metrics import Cohort, Journeys, Retention
from engines.terms import Period
from storage.campaigns import campaigns, channel_lines
from storage.customers import customers
from storage.database import Microseconds, UtcDateTime
from storage.journeys import conversions, touchpoints
from storage.performance import Scope, happened_in
from storage.ventures import Rates, ventures

MONTH_DAYS = Decimal("30.4375")
"""Days of an average month."""

COHORT_DAYS = 365
"""A cohort is the customers won in this many days up to a period's end."""

_MICROSECONDS_A_DAY = 86_400_000_000


def cohort(connection: Connection, scope: Scope, period: Period, rates: Rates) -> Cohort:
    """The customers won in the year up to the period's end, watched until then.

    Of a campaign or channel: the customers won through it, with all their orders. Revenue is in the rates'
    currency. Raises `storage.ventures.RateMissingError`.
    """
    year = Period.last_days(COHORT_DAYS, period.end)
    until = datetime.combine(period.end + timedelta(days=1), datetime.min.time(), UTC)
    joined = _won_through()
    won = [*happened_in(connection, scope, year, customers.c.acquired_at), *scope.lines()]
    left = customers.c.churned_at < until
    end = case((left, customers.c.churned_at), else_=literal(until, UtcDateTime))
    lived = Microseconds(end) - Microseconds(customers.c.acquired_at)
    count, churned, microseconds = connection.execute(
        select(func.count(), func.count().filter(left), func.sum(case((lived > 0, lived), else_=0)))
        .select_from(joined)
        .where(*won)
    ).one()
    ids = select(customers.c.id).select_from(joined).where(*won).correlate(None)
    # Most customers of a portfolio are asked for: a sum keeps SQLite from looking up each of them.
    buyer = conversions.c.customer_id + 0 if scope == Scope() else conversions.c.customer_id
    bought = [*happened_in(connection, scope, year, conversions.c.occurred_at), buyer.in_(ids)]
    return Cohort(
        customers=count,
        churned=churned,
        customer_months=Decimal(int(microseconds or 0)) / _MICROSECONDS_A_DAY / MONTH_DAYS,
        revenue=_revenue(connection, bought, rates),
    )


def purchases(connection: Connection, scope: Scope, period: Period, rates: Rates) -> Purchases:
    """What the customers of `cohort` bought until the period's end, in the rates' currency.

    Days are UTC's. Customers without a paid order are left out. Raises `storage.ventures.RateMissingError`.
    """
    year = Period.last_days(COHORT_DAYS, period.end)
    won = [*happened_in(connection, scope, year, customers.c.acquired_at), *scope.lines()]
    ids = select(customers.c.id).select_from(_won_through()).where(*won).correlate(None)
    currency = func.coalesce(campaigns.c.currency, ventures.c.currency)
    day = func.date(conversions.c.occurred_at)
    bought = [
        *happened_in(connection, scope, year, conversions.c.occurred_at),
        conversions.c.customer_id.in_(ids),
        conversions.c.revenue > 0,
    ]
    query = (
        select(conversions.c.customer_id, day, currency, func.sum(conversions.c.revenue))
        .select_from(_orders())
        .where(*bought)
        .group_by(conversions.c.customer_id, day, currency)
    )
    found: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for customer, on, of, revenue in connection.execute(query):
        at = date.fromisoformat(on) if isinstance(on, str) else on
        days = found[customer]
        days[at.toordinal()] = days.get(at.toordinal(), 0.0) + float(rates.convert(revenue, of, at))
    return _summed(found, period.end.toordinal() + 1)


def _summed(found: dict[int, dict[int, float]], end: int) -> Purchases:
    rows = np.array(
        [(len(days) - 1, min(days), max(days), sum(days.values()) / len(days)) for days in found.values()],
        np.float64,
    ).reshape(-1, 4)
    repeats, first, last, mean = rows.T
    return Purchases(repeats, (last - first) / 7, np.maximum(end - first, last - first) / 7, mean)


def retention(connection: Connection, scope: Scope, period: Period, rates: Rates) -> Retention:
    """Revenue of the customers who bought in the equally long period before: then and now."""
    moment = conversions.c.occurred_at
    before = [*happened_in(connection, scope, period.before(), moment), *scope.lines()]
    known_customers = [*before, conversions.c.customer_id.is_not(None)]
    ids = select(conversions.c.customer_id).select_from(_orders()).where(*known_customers).correlate(None)
    now = [
        *happened_in(connection, scope, period, moment),
        *scope.lines(),
        conversions.c.customer_id.in_(ids),
    ]
    return Retention(_revenue(connection, known_customers, rates), _revenue(connection, now, rates))


def journeys(connection: Connection, scope: Scope, period: Period) -> Journeys:
    """Visitors touched in the period by the channels that touched them, and how many of them converted."""
    touched = (
        select(touchpoints.c.venture_id, touchpoints.c.visitor, touchpoints.c.channel)
        .where(
            *happened_in(connection, scope, period, touchpoints.c.occurred_at), *_visits(scope, touchpoints)
        )
        .distinct()
    )
    converted = (
        select(conversions.c.venture_id, conversions.c.visitor)
        .where(
            *happened_in(connection, scope, period, conversions.c.occurred_at), *_visits(scope, conversions)
        )
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
    if scope.campaign_id is None:
        return []
    lines = select(channel_lines.c.id).where(channel_lines.c.campaign_id == scope.campaign_id)
    return [table.c.line_id.in_(lines)]


def _won_through() -> FromClause:
    return customers.join(channel_lines, channel_lines.c.id == customers.c.line_id).join(
        campaigns, campaigns.c.id == channel_lines.c.campaign_id
    )


def _orders() -> FromClause:
    return conversions.outerjoin(channel_lines, channel_lines.c.id == conversions.c.line_id).outerjoin(
        campaigns, campaigns.c.id == channel_lines.c.campaign_id
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
