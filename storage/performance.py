"""Daily performance of channel lines: what was spent and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    ForeignKey,
    Index,
    Select,
    Table,
    bindparam,
    case,
    false,
    func,
    literal,
    select,
    type_coerce,
)

from engines.metrics import Totals
from engines.response import Day
from engines.terms import Period
from storage.campaigns import campaigns, channel_lines
from storage.customers import customers
from storage.database import Amount, UtcDateTime, metadata
from storage.ventures import RATE_EXPONENT, Rates, ventures

daily_performance = Table(
    "daily_performance",
    metadata,
    Column("line_id", ForeignKey("channel_lines.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True, comment="in the venture's time zone"),
    Column("reach", BigInteger, nullable=False),
    Column("impressions", BigInteger, nullable=False),
    Column("clicks", BigInteger, nullable=False),
    Column("leads", BigInteger, nullable=False),
    Column("conversions", BigInteger, nullable=False),
    Column("revenue", Amount(), nullable=False),
    Column("spend", Amount(), nullable=False),
    Index(
        "ix_daily_performance_by_day",
        "day",
        "line_id",
        "reach",
        "impressions",
        "clicks",
        "leads",
        "conversions",
        "revenue",
        "spend",
    ),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True)
class Scope:
    """Which lines a question is about; everything when empty."""

    venture_id: int | None = None
    campaign_id: int | None = None
    channel: str | None = None
    time_zone: str | None = None
    """Of the one venture, where known; it narrows nothing and spares looking for it."""

    def lines(self) -> list[ColumnElement[bool]]:
        """Conditions on the joined campaigns and channel lines."""
        conditions: list[ColumnElement[bool]] = []
        if self.venture_id is not None:
            conditions.append(campaigns.c.venture_id == self.venture_id)
        if self.campaign_id is not None:
            conditions.append(campaigns.c.id == self.campaign_id)
        if self.channel is not None:
            conditions.append(channel_lines.c.channel == self.channel)
        return conditions


@dataclass(frozen=True)
class Measured:
    """Totals of a question's parts, and what they rest on."""

    parts: dict[Any, Totals]
    """By the key asked for."""
    currency: str
    rows: int
    """Daily records summed."""
    fresh_until: date | None
    """Latest day with data in the period."""
    converted_from: tuple[str, ...] = ()
    """Currencies that were converted at each day's stored rate."""

    @property
    def whole(self) -> Totals:
        """The sum of the parts."""
        return sum(self.parts.values(), Totals())


GROUPS: dict[str, ColumnElement[Any]] = {
    "venture": campaigns.c.venture_id,
    "campaign": campaigns.c.id,
    "channel": channel_lines.c.channel,
    "line": channel_lines.c.id,
    "day": daily_performance.c.day,
}
"""What totals can be asked by."""

_COUNTS = ("reach", "impressions", "clicks", "leads", "conversions")
_LINES = channel_lines.join(campaigns, campaigns.c.id == channel_lines.c.campaign_id)


def measure(
    connection: Connection,
    scope: Scope,
    period: Period,
    *,
    by: str,
    currency: str,
    rates: Rates,
    with_customers: bool = True,
) -> Measured:
    """Exact totals in ``currency`` by one of `GROUPS`, money of other currencies converted day by day.

    Without ``with_customers`` new customers are left at 0, which spares looking for them. Raises
    `storage.ventures.RateMissingError` when a needed rate was never stored.
    """
    now, _ = _measured(connection, scope, period, period.start, by, currency, rates)
    won = _new_customers(connection, scope, period, period.start, by)[0] if with_customers else {}
    return now.measured(currency, won)


def measure_with_before(
    connection: Connection, scope: Scope, period: Period, *, by: str, currency: str, rates: Rates
) -> tuple[Measured, Measured]:
    """A period and the equally long one before it, as `measure` gives them, looked for at once."""
    both = Period(period.before().start, period.end)
    now, before = _measured(connection, scope, both, period.start, by, currency, rates)
    won, won_before = _new_customers(connection, scope, both, period.start, by)
    return now.measured(currency, won), before.measured(currency, won_before)


@dataclass
class _Sum:
    """What was found of a period so far."""

    parts: dict[Any, Totals] = field(default_factory=dict)
    to_convert: dict[Any, list[int]] = field(default_factory=dict)
    rows: int = 0
    fresh: date | None = None
    converted: set[str] = field(default_factory=set)

    def add(self, row: Sequence[Any], rates: Rates) -> None:
        part, of, count, latest, *counts, revenue, spend, day = row
        self.rows += count
        self.fresh = latest if self.fresh is None else max(self.fresh, latest)
        if day is None:
            self.parts[part] = _totals(counts, _money(revenue, _AMOUNT), _money(spend, _AMOUNT))
            return
        rate = rates.scaled(of, day)
        values = [*map(int, counts), int(revenue) * rate, int(spend) * rate]
        known = self.to_convert.get(part)
        self.to_convert[part] = (
            values if known is None else [a + b for a, b in zip(known, values, strict=True)]
        )
        self.converted.add(of)

    def measured(self, currency: str, won: dict[Any, int]) -> Measured:
        parts = dict(self.parts)
        for part, (*counts, revenue, spend) in self.to_convert.items():
            exact = _totals(counts, _money(revenue, _CONVERTED), _money(spend, _CONVERTED))
            parts[part] = parts.get(part, Totals()) + exact
        for part, count in won.items():
            parts[part] = parts.get(part, Totals()) + Totals(new_customers=count)
        return Measured(parts, currency, self.rows, self.fresh, tuple(sorted(self.converted)))


def _measured(
    connection: Connection,
    scope: Scope,
    period: Period,
    since: date,
    by: str,
    currency: str,
    rates: Rates,
) -> tuple[_Sum, _Sum]:
    """The sums of a period's days from ``since`` on, and of those before."""
    query = _sums(by, _narrowed(scope))
    asked = {
        **vars(scope),
        "start": period.start,
        "since": since,
        "end": period.end,
        "currency": currency,
    }
    now, before = _Sum(), _Sum()
    for is_before, *row in connection.execute(query, asked):
        (before if is_before else now).add(row, rates)
    return now, before


_AMOUNT = -6
"""Exponent of an amount's whole units."""
_CONVERTED = _AMOUNT + RATE_EXPONENT
"""And of those times a rate's."""


@lru_cache(maxsize=256)
def _sums(by: str, narrowed: tuple[str, ...]) -> Select[Any]:
    """Sums in the currency wanted, by day in any other; built once for each shape of question."""
    key, table = GROUPS[by], daily_performance.c
    counts = [func.sum(table[name]) for name in _COUNTS]
    money = [type_coerce(func.sum(table[name]), BigInteger) for name in ("revenue", "spend")]
    within = _any(narrowed)
    day_of_rate = case((campaigns.c.currency == bindparam("currency"), None), else_=table.day)
    is_before = table.day < bindparam("since")
    return (
        select(
            is_before,
            key,
            campaigns.c.currency,
            func.count(),
            func.max(table.day),
            *counts,
            *money,
            day_of_rate,
        )
        .select_from(_LINES.join(daily_performance, table.line_id == channel_lines.c.id))
        .where(table.day.between(bindparam("start"), bindparam("end")), *within.lines())
        .group_by(is_before, key, campaigns.c.currency, day_of_rate)
    )


def _narrowed(scope: Scope) -> tuple[str, ...]:
    return tuple(
        name for name in ("venture_id", "campaign_id", "channel") if getattr(scope, name) is not None
    )


def _any(narrowed: tuple[str, ...]) -> Scope:
    """A scope of bound parameters, for a statement of its shape."""
    wanted: dict[str, Any] = {name: bindparam(name) for name in narrowed}
    return Scope(**wanted)


def _money(whole: Any, exponent: int) -> Decimal:
    return Decimal(int(whole)).scaleb(exponent)


def _totals(values: Sequence[Any], revenue: Decimal, spend: Decimal) -> Totals:
    reach, impressions, clicks, leads, conversions = (int(count) for count in values)
    return Totals(
        spend=spend,
        revenue=revenue,
        reach=reach,
        impressions=impressions,
        clicks=clicks,
        leads=leads,
        conversions=conversions,
    )


def happened_in(
    connection: Connection, scope: Scope, period: Period, moment: Column[Any]
) -> list[ColumnElement[bool]]:
    """Conditions for a moment on the period's days in its venture's time zone.

    They join ventures by the ``venture_id`` of the moment's table; rows of ventures other than the scope's
    are left out. A subquery that holds them must be kept from correlating.
    """
    owner = _owner(connection, scope)
    known = _zones(connection, scope, owner)
    if not known:
        return [false()]
    venture_id = moment.table.c.venture_id
    if owner is not None:
        start, end = day_bounds(period, known[0])
        return [venture_id == owner, ventures.c.id == venture_id, moment >= start, moment < end]
    bounds = [(ventures.c.time_zone == zone, *day_bounds(period, zone)) for zone in known]
    return [
        # Wherever a venture lives: this leaves a server few rows to compare with their own zone's days.
        moment >= min(start for _, start, _ in bounds),
        moment < max(end for _, _, end in bounds),
        # A sum cannot be looked up: SQLite goes from venture to venture, a range of moments in each.
        venture_id == ventures.c.id + 0,
        moment >= case(*((here, literal(start, moment.type)) for here, start, _ in bounds)),
        moment < case(*((here, literal(end, moment.type)) for here, _, end in bounds)),
    ]


def _owner(connection: Connection, scope: Scope) -> int | None:
    """The one venture a scope lies in; None for the portfolio."""
    if scope.venture_id is not None or scope.campaign_id is None:
        return scope.venture_id
    return connection.scalar(select(campaigns.c.venture_id).where(campaigns.c.id == scope.campaign_id))


def _zones(connection: Connection, scope: Scope, owner: int | None) -> list[str]:
    """The time zones ventures live in; of one venture if named."""
    if scope.time_zone is not None:
        return [scope.time_zone]
    if owner is None:
        return list(connection.scalars(_ALL_ZONES))
    return list(connection.scalars(_ZONE, {"owner": owner}))


_ALL_ZONES = select(ventures.c.time_zone).distinct().order_by(ventures.c.time_zone)
_ZONE = select(ventures.c.time_zone).where(ventures.c.id == bindparam("owner"))


def day_bounds(period: Period, zone: str) -> tuple[datetime, datetime]:
    """The moments a period starts and is over in a time zone."""
    info = ZoneInfo(zone)
    start = datetime.combine(period.start, time(), info)
    end = datetime.combine(period.end + timedelta(days=1), time(), info)
    return start.astimezone(UTC), end.astimezone(UTC)


def _new_customers(
    connection: Connection, scope: Scope, period: Period, since: date, by: str
) -> tuple[dict[Any, int], dict[Any, int]]:
    """Customers whose first order falls into the period by what won them: from ``since`` on, and before."""
    owner = _owner(connection, scope)
    if owner is not None and by != "day":
        return _new_customers_of(connection, owner, scope, period, since, by)
    now = _new_customers_anywhere(connection, scope, Period(since, period.end), by)
    if since == period.start:
        return now, {}
    earlier = Period(period.start, since - timedelta(days=1))
    return now, _new_customers_anywhere(connection, scope, earlier, by)


def _new_customers_anywhere(connection: Connection, scope: Scope, period: Period, by: str) -> dict[Any, int]:
    conditions = [*happened_in(connection, scope, period, customers.c.acquired_at), *scope.lines()]
    if by == "day":
        return _new_customers_by_day(connection, conditions)
    query = (
        select(GROUPS[by], func.count()).select_from(_won_through()).where(*conditions).group_by(GROUPS[by])
    )
    return dict(connection.execute(query).all())


def _new_customers_of(
    connection: Connection, owner: int, scope: Scope, period: Period, since: date, by: str
) -> tuple[dict[Any, int], dict[Any, int]]:
    zones = _zones(connection, scope, owner)
    if not zones:
        return {}, {}
    start, end = day_bounds(period, zones[0])
    middle, _ = day_bounds(Period(since, period.end), zones[0])
    asked = {**vars(scope), "owner": owner, "start": start, "since": middle, "end": end}
    now: dict[Any, int] = {}
    before: dict[Any, int] = {}
    for is_before, part, count in connection.execute(_won(by, _narrowed(scope)), asked):
        (before if is_before else now)[part] = count
    return now, before


@lru_cache(maxsize=256)
def _won(by: str, narrowed: tuple[str, ...]) -> Select[Any]:
    """Customers one venture won between two moments; built once for each shape of question."""
    moment = customers.c.acquired_at
    is_before = moment < bindparam("since", type_=UtcDateTime)
    return (
        select(is_before, GROUPS[by], func.count())
        .select_from(_won_through())
        .where(
            customers.c.venture_id == bindparam("owner"),
            moment >= bindparam("start", type_=UtcDateTime),
            moment < bindparam("end", type_=UtcDateTime),
            *_any(narrowed).lines(),
        )
        .group_by(is_before, GROUPS[by])
    )


def _new_customers_by_day(connection: Connection, conditions: list[ColumnElement[bool]]) -> dict[Any, int]:
    query = (
        select(customers.c.acquired_at, ventures.c.time_zone).select_from(_won_through()).where(*conditions)
    )
    days: dict[date, int] = {}
    for moment, zone in connection.execute(query):
        day = moment.astimezone(ZoneInfo(zone)).date()
        days[day] = days.get(day, 0) + 1
    return days


def _won_through() -> Any:
    return customers.join(channel_lines, channel_lines.c.id == customers.c.line_id).join(
        campaigns, campaigns.c.id == channel_lines.c.campaign_id
    )


def latest_day(connection: Connection, scope: Scope, until: date) -> date | None:
    """The latest day with data up to ``until``."""
    if scope == Scope():
        day = daily_performance.c.day
        latest: date | None = connection.scalar(select(func.max(day)).where(day <= until))
        return latest
    per_line = (
        select(func.max(daily_performance.c.day))
        .where(daily_performance.c.line_id == channel_lines.c.id, daily_performance.c.day <= until)
        .correlate(channel_lines)
        .scalar_subquery()
    )
    query: Select[date | None] = select(func.max(per_line)).select_from(_LINES).where(*scope.lines())
    return connection.scalar(query)


def first_day(connection: Connection, scope: Scope) -> date | None:
    """The earliest day with data."""
    per_line = (
        select(func.min(daily_performance.c.day))
        .where(daily_performance.c.line_id == channel_lines.c.id)
        .correlate(channel_lines)
        .scalar_subquery()
    )
    query: Select[date | None] = select(func.min(per_line)).select_from(_LINES).where(*scope.lines())
    return connection.scalar(query)


def history(connection: Connection, line_ids: Sequence[int], until: date, days: int) -> dict[int, list[Day]]:
    """Spend and revenue a day of channel lines over the ``days`` up to ``until``."""
    table = daily_performance.c
    amounts = (type_coerce(table[name], BigInteger) for name in ("spend", "revenue"))
    query = (
        select(table.line_id, table.day, *amounts)
        .where(table.line_id.in_(line_ids), table.day.between(until - timedelta(days=days - 1), until))
        .order_by(table.line_id, table.day)
    )
    found: dict[int, list[Day]] = {key: [] for key in line_ids}
    for key, day, spend, revenue in connection.execute(query).all():
        found[key].append(Day(day, _money(spend, _AMOUNT), _money(revenue, _AMOUNT)))
    return found
