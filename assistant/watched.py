"""Levels that are watched: what each is about, and how its metric stands."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from assistant import wording
from assistant.handling import Context
from assistant.reply import Evidence, Problem
from assistant.reporting import Subject, evidence, portfolio_or, report
from engines.metrics import METRICS
from engines.terms import Period
from storage.campaigns import campaign
from storage.performance import Scope, latest_day
from storage.thresholds import Threshold
from storage.ventures import venture


@dataclass(frozen=True)
class Reading:
    """A metric as it is held against a level."""

    label: str
    """The metric's."""
    value: Decimal | None
    """None where it cannot be computed."""
    shown: str
    period: Period
    over: str
    """The period in words."""
    evidence: tuple[Evidence, ...] = ()
    why: str = ""
    """Why there is no value."""


def subject_of(context: Context, one: Threshold) -> tuple[Subject, str]:
    """What a level is about, and what it is called. Raises `Problem` when it has gone."""
    if one.campaign_id is not None:
        found = campaign(context.connection, one.campaign_id)
        if found is None:
            raise Problem("unknown_campaign", "The campaign is gone.", "List the campaigns.")
        label, owner = context.labels("campaign").get(found.id, found.name), context.owner(found)
        scope = Scope(owner.id, found.id, None, owner.time_zone)
        return Subject(label, scope, found.currency, owner.gross_margin), label
    of_venture = None if one.venture_id is None else venture(context.connection, one.venture_id)
    subject = portfolio_or(context, of_venture)
    return subject, subject.name


def full_days(context: Context, subject: Subject, days: int) -> Period | str:
    """The latest full days with data, or why there are none: what is old says nothing of today."""
    yesterday = context.today - timedelta(days=1)
    latest = latest_day(context.connection, subject.scope, yesterday)
    if latest is None:
        return f"{wording.sentence(subject.name)} has no data yet."
    if (yesterday - latest).days >= context.settings.alerts.stale_days:
        return f"The data of {subject.name} end on {wording.day(latest)}."
    return Period.last_days(days, latest)


def read_level(context: Context, subject: Subject, metric: str, days: int) -> Reading:
    """A metric over its latest full days. Raises `Problem` where an exchange rate is missing."""
    about = METRICS[metric]
    period = full_days(context, subject, days)
    if isinstance(period, str):
        nothing = Period.last_days(days, context.today - timedelta(days=1))
        return Reading(about.label, None, wording.NOTHING, nothing, "", why=period)
    found = report(context, subject, period, (metric,), compare=False)
    value = found.figure(metric).value
    noun = "day" if period.days == 1 else f"{period.days} days"
    return Reading(
        about.label,
        value,
        wording.metric(metric, value, subject.currency),
        period,
        f"the {noun} to {wording.day(period.end)}",
        tuple(evidence(found, (metric,))),
        "" if value is not None else f"{about.label} of {subject.name} cannot be computed for these days.",
    )
