"""Figures with their evidence: what several commands need to answer with numbers."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from pydantic import BaseModel

from assistant import wording
from assistant.handling import Context
from assistant.reply import Evidence, Problem
from engines.lifetime import MIN_CUSTOMERS, Lifetime, lifetime
from engines.metrics import (
    LIFE_HORIZON_MONTHS,
    METRICS,
    Cohort,
    Facts,
    LifeModel,
    Metric,
    Need,
    Totals,
    Unit,
    compute,
    life_model,
    needs,
)
from engines.response import Refusal
from engines.terms import Period
from storage import facts as loading
from storage.performance import Measured, Scope, latest_day, measure, measure_with_before
from storage.ventures import RateMissingError, Rates, Venture, all_ventures

PLACES = Decimal("0.000001")
"""Results carry six decimals; sums of money are exact to them."""


class Figure(BaseModel):
    """A metric's value, and what it was in the equally long period before."""

    metric: str
    label: str
    unit: Unit
    value: Decimal | None
    shown: str
    previous: Decimal | None = None
    change: Decimal | None = None
    """Relative change on the period before."""


class Part(BaseModel):
    """A part of a whole (a channel, a campaign, a line) with its figures by metric."""

    name: str
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Subject:
    """What a question is about."""

    name: str
    scope: Scope
    currency: str
    gross_margin: Decimal | None
    """None for the portfolio as a whole: its ventures' margins are weighted by revenue."""


@dataclass(frozen=True)
class Window:
    """The period of an answer, and why it is that one when nobody said so."""

    period: Period
    note: str = ""


@dataclass(frozen=True)
class Report:
    """Everything measured about a subject in a period."""

    subject: Subject
    window: Window
    measured: Measured
    facts: Facts
    before: Facts

    def figure(self, name: str) -> Figure:
        """One metric now and before."""
        now = compute((name,), self.facts)[name]
        before = compute((name,), self.before)[name]
        return figure(name, now, self.subject.currency, before)


def portfolio_or(context: Context, venture: Venture | None, channel: str | None = None) -> Subject:
    """The venture asked about, or the whole portfolio in the reporting currency."""
    suffix = "" if channel is None else f" on {channel.replace('_', ' ')}"
    if venture is None:
        scope = Scope(channel=channel)
        return Subject(f"the portfolio{suffix}", scope, context.settings.currency, None)
    scope = Scope(venture_id=venture.id, channel=channel, time_zone=venture.time_zone)
    return Subject(f"{venture.name}{suffix}", scope, venture.currency, venture.gross_margin)


def window(context: Context, scope: Scope, said: Period | None) -> Window:
    """The period said, or the last full days, or the latest days that have data."""
    if said is not None:
        return Window(said)
    yesterday = context.today - timedelta(days=1)
    return latest_window(context, latest_day(context.connection, scope, yesterday), "data")


def latest_window(context: Context, latest: date | None, what: str) -> Window:
    """The last full days, or those that end with the latest day that has what is asked about."""
    count = context.settings.reports.default_days
    yesterday = context.today - timedelta(days=1)
    if latest is None or latest >= yesterday - timedelta(days=count - 1):
        return Window(Period.last_days(count, yesterday), f"No period was said: the last {count} full days.")
    period = Period.last_days(count, latest)
    return Window(
        Period(period.start, period.end, f"latest {count} days with {what}"),
        f"No period was said and the last {count} days have no {what}: the latest {count} days that have.",
    )


def measured(
    context: Context, subject: Subject, period: Period, by: str, *, with_customers: bool = True
) -> Measured:
    """Totals by a group, in the subject's currency, new customers among them unless they are not wanted.

    Raises `Problem` when an exchange rate is missing.
    """
    rates = Rates(context.connection, subject.currency, period)
    try:
        return measure(
            context.connection,
            subject.scope,
            period,
            by=by,
            currency=subject.currency,
            rates=rates,
            with_customers=with_customers,
        )
    except RateMissingError as missing:
        raise _no_rate(missing) from missing


def measured_with_before(
    context: Context, subject: Subject, period: Period, by: str
) -> tuple[Measured, Measured]:
    """Totals by a group in a period and in the equally long one before it. Raises as `measured` does."""
    rates = Rates(context.connection, subject.currency, Period(period.before().start, period.end))
    try:
        return measure_with_before(
            context.connection, subject.scope, period, by=by, currency=subject.currency, rates=rates
        )
    except RateMissingError as missing:
        raise _no_rate(missing) from missing


def report(
    context: Context, subject: Subject, said: Period | None, names: tuple[str, ...], *, compare: bool = True
) -> Report:
    """Measure a subject by channel for the named metrics, now and in the equally long period before.

    Without ``compare`` the period before is not looked at. Raises `Problem` when there is no data at all or
    an exchange rate is missing.
    """
    chosen = window(context, subject.scope, said)
    if not compare:
        now = measured(context, subject, chosen.period, "channel")
        facts, earlier = _facts_found(context, subject, chosen.period, now, names), Facts(Totals())
        return Report(subject, chosen, now, facts, earlier)
    now, before = measured_with_before(context, subject, chosen.period, "channel")
    facts = _facts_found(context, subject, chosen.period, now, names)
    earlier = facts_of(context, subject, chosen.period.before(), before.whole, names)
    return Report(subject, chosen, now, facts, earlier)


def _facts_found(
    context: Context, subject: Subject, period: Period, found: Measured, names: tuple[str, ...]
) -> Facts:
    if not found.rows:
        raise _no_data(context, subject, period)
    return facts_of(context, subject, period, found.whole, names)


def facts_of(
    context: Context, subject: Subject, period: Period, totals: Totals, names: tuple[str, ...]
) -> Facts:
    """The totals, with whatever else the named metrics need. Raises `Problem` when a rate is missing."""
    needed = needs(names)
    # Cohorts and retention look back: their rates begin before the period does.
    rates = Rates(context.connection, subject.currency, _looking_back(period))
    try:
        cohort = _when(Need.COHORT in needed, loading.cohort, context, subject, period, rates)
        return Facts(
            totals,
            gross_margin=_margin(context, subject, period) if Need.COHORT in needed else None,
            cohort=cohort,
            lifetime=_lifetime(context, subject, period, rates, cohort),
            retention=_when(Need.RETENTION in needed, loading.retention, context, subject, period, rates),
            whole=_whole(context, subject, period) if Need.WHOLE in needed else None,
            journeys=loading.journeys(context.connection, subject.scope, period)
            if Need.JOURNEYS in needed
            else None,
        )
    except RateMissingError as missing:
        raise _no_rate(missing) from missing


def _looking_back(period: Period) -> Period:
    cohort = Period.last_days(loading.COHORT_DAYS, period.end)
    return Period(min(cohort.start, period.before().start), period.end)


def _when(needed: bool, load: Any, context: Context, subject: Subject, period: Period, rates: Rates) -> Any:
    return load(context.connection, subject.scope, period, rates) if needed else None


def _lifetime(
    context: Context, subject: Subject, period: Period, rates: Rates, cohort: Cohort | None
) -> Lifetime | None:
    """What purchases say of a life whose end nobody recorded, where they say enough.

    Of one venture only: customers of several differ in more than their rates. With recorded departures the
    cohort's own rate is nearer to the truth, as it rests on more than purchases.
    """
    if cohort is None or cohort.churned or cohort.customers < MIN_CUSTOMERS:
        return None
    if subject.gross_margin is None:
        return None
    bought = loading.purchases(context.connection, subject.scope, period, rates)
    found = lifetime(bought, float(LIFE_HORIZON_MONTHS * loading.MONTH_DAYS) / 7)
    return None if isinstance(found, Refusal) else found


def _margin(context: Context, subject: Subject, period: Period) -> Decimal | None:
    """A venture's margin; of the portfolio, its ventures' margins weighted by their revenue."""
    if subject.gross_margin is not None:
        return subject.gross_margin
    revenue = measured(context, subject, period, "venture", with_customers=False).parts
    margins = {one.id: one.gross_margin for one in all_ventures(context.connection)}
    total = sum((part.revenue for part in revenue.values()), Decimal(0))
    earned = sum((part.revenue * margins[key] for key, part in revenue.items()), Decimal(0))
    return earned / total if total else None


def _whole(context: Context, subject: Subject, period: Period) -> Totals:
    """The venture a channel or campaign belongs to, or the portfolio a venture belongs to."""
    narrowed = subject.scope.channel is not None or subject.scope.campaign_id is not None
    scope = Scope(venture_id=subject.scope.venture_id) if narrowed else Scope()
    around = Subject(subject.name, scope, subject.currency, None)
    return measured(context, around, period, "venture", with_customers=False).whole


def figure(name: str, value: Decimal | None, currency: str, previous: Decimal | None = None) -> Figure:
    """A metric's value as results carry it."""
    about = METRICS[name]
    moved = wording.change(value, previous)
    return Figure(
        metric=name,
        label=about.label,
        unit=about.unit,
        value=rounded(value),
        shown=wording.metric(name, value, currency),
        previous=rounded(previous),
        change=rounded(moved),
    )


def figures(names: tuple[str, ...], totals: Totals, currency: str) -> dict[str, Figure]:
    """Figures of a part that need nothing but its totals."""
    return {name: figure(name, value, currency) for name, value in compute(names, Facts(totals)).items()}


def rounded(value: Decimal | None) -> Decimal | None:
    """To six decimals, without needless zeros."""
    if value is None:
        return None
    plain = value.quantize(PLACES, ROUND_HALF_EVEN).normalize()
    return plain.quantize(Decimal(1)) if plain == plain.to_integral_value() else plain


def evidence(report: Report, names: tuple[str, ...]) -> list[Evidence]:
    """Where each named figure comes from."""
    return [_evidence(report, METRICS[name]) for name in names]


def _evidence(report: Report, metric: Metric) -> Evidence:
    subject, found = report.subject, report.measured
    value = compute((metric.name,), report.facts)[metric.name]
    shown = wording.metric(metric.name, value, subject.currency)
    return Evidence(
        claim=f"{metric.label} {shown}",
        formula=metric.formula,
        calculation=_calculation(report, metric, shown),
        data=f"daily performance of {subject.name}'s channel lines"
        if metric.name != "new_customers"
        else f"customers of {subject.name} by the day of their first order",
        rows=found.rows,
        period=report.window.period,
        fresh_until=found.fresh_until,
        assumptions=[*_life_told(report, metric), *assumptions(report)],
    )


def _life_told(report: Report, metric: Metric) -> list[str]:
    model = life_model(report.facts) if metric.name == "ltv" else None
    return [] if model is None else [f"{wording.sentence(life(model, report.subject.currency))}."]


def life(model: LifeModel, currency: str) -> str:
    """Which model a life was estimated by, why, and the LTV's range."""
    told = f"by {model.name} ({model.why})"
    if model.range is None:
        return told
    low, high = (
        wording.metric("ltv", Decimal(str(end)), currency) for end in (model.range.low, model.range.high)
    )
    return f"{told}; 90 % range {low} to {high}"


def _calculation(report: Report, metric: Metric, shown: str) -> str:
    """The formula's inputs with their numbers."""
    if not metric.inputs:
        return ""
    values = compute(metric.inputs, report.facts)
    told = metric.formula
    for name in sorted(metric.inputs, key=len, reverse=True):
        told = told.replace(name, wording.metric(name, values[name], report.subject.currency))
    return f"{told} = {shown}"


def assumptions(report: Report) -> list[str]:
    """What the answer took for granted."""
    return assumptions_of(report.window, report.measured)


def assumptions_of(window: Window, measured: Measured) -> list[str]:
    """The period nobody said, and the currencies converted."""
    told = [window.note] if window.note else []
    if measured.converted_from:
        sources = wording.listed(list(measured.converted_from))
        told.append(f"Money in {sources} was converted to {measured.currency} at each day's stored rate.")
    return told


def freshness(report: Report, today: date) -> str:
    """A sentence when the data stop before the period does; empty otherwise."""
    until = report.measured.fresh_until
    expected = min(report.window.period.end, today)
    if until is None or until >= expected:
        return ""
    return f"Data reach to {wording.day(until)}."


def _no_data(context: Context, subject: Subject, period: Period) -> Problem:
    latest = latest_day(context.connection, subject.scope, context.today)
    if latest is None:
        return Problem(
            "no_data",
            f"{wording.sentence(subject.name)} has no performance data yet.",
            "Import some, or ask about another.",
        )
    return Problem(
        "no_data_in_period",
        f"{wording.sentence(subject.name)} has no data for {wording.named(period)}.",
        f"The latest day with data is {wording.day(latest)}.",
    )


def _no_rate(missing: RateMissingError) -> Problem:
    return Problem(
        "rate_missing",
        f"There is no exchange rate from {missing.base} to {missing.quote} on or before {missing.day}.",
        "Import the rates, or ask for one venture in its own currency.",
    )
