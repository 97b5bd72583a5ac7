"""What is to come of revenue, spend, conversions and customers, and when a goal is reached."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from pydantic import BaseModel, Field

from assistant import wording
from assistant.commands.performance import campaign_subject
from assistant.handling import Context, handles
from assistant.reply import Answer, Chart, Evidence, Problem, Series, Telling
from assistant.reporting import Subject, measured, portfolio_or, rounded
from engines import forecast as engine
from engines.metrics import METRICS, Facts, Totals, Unit, compute
from engines.response import Estimate, Refusal
from engines.terms import Period
from intents.command import Command
from intents.slots import Amount, CampaignName, ChannelName, ComingPeriod, GoalMetric, MoneySlot, VentureName
from intents.values import parse_period
from storage.performance import first_day, latest_day

FORECAST = ("revenue", "spend", "conversions", "new_customers", "leads", "clicks", "impressions")
"""What adds up over days; a ratio of two such is not forecast."""
DEFAULT_DAYS = 30
MOST_HISTORY = 730
"""Days looked back on."""
STALE_DAYS = 28
"""Data that ended longer ago say nothing about tomorrow."""
FEWEST_COMPARED = 7
"""With fewer days weekdays differ, so that they are not compared."""
SHOWN_DAYS = 60
"""Days of the past in the chart."""


class Range(BaseModel):
    """A forecast figure, and what it lies between with a probability of 90 %."""

    value: Decimal
    low: Decimal
    high: Decimal
    shown: str


class Goal(BaseModel):
    """When a sum is reached."""

    target: Decimal
    so_far: Decimal
    counted_from: date
    reached: date | None
    """The middle of the simulated futures: as likely before as after; None where beyond the horizon."""
    early: date | None
    late: date | None
    chance: Decimal
    """Probability of reaching it within the horizon."""


class ForecastReport(BaseModel):
    """A metric's days to come."""

    subject: str
    metric: str
    currency: str
    period: Period
    known_until: date
    total: Range
    so_far: Decimal
    """What has come in already of the period; part of the total."""
    before: Decimal
    """The metric over as many days up to the latest known."""
    goal: Goal | None = None
    history_days: int
    assumptions: list[str] = []


class Forecast(Command):
    """Forecasts revenue, spend, conversions or customers with a range, or tells when a goal is reached."""

    examples = (
        "forecast revenue for Acme next month",
        "when do we reach 1,000 customers",
        "what will Spring Launch spend in the next 30 days",
    )

    metric: GoalMetric | None = Field(None, description="Which metric?")
    venture: VentureName | None = Field(None, description="Which venture?")
    campaign: CampaignName | None = Field(None, description="Which campaign?")
    channel: ChannelName | None = Field(None, description="Which channel?")
    horizon: ComingPeriod | None = Field(None, description="For which period to come?")
    target: MoneySlot | None = Field(None, description="Which goal?")


@dataclass(frozen=True)
class _Asked:
    subject: Subject
    metric: str
    period: Period
    """Days to tell; may begin before the forecast does."""
    known_until: date
    notes: tuple[str, ...]


@handles
def forecast(asked: Forecast, context: Context) -> Answer[ForecastReport]:
    """Forecast the metric's days from its daily history; compare with the latest days."""
    about = _about(asked, context)
    history = _history(context, about)
    steps = (about.period.end - about.known_until).days
    found = engine.forecast([float(one) for one in history.values()], about.known_until, steps)
    if isinstance(found, Refusal):
        message = f"{METRICS[about.metric].label} of {about.subject.name} cannot be forecast: {found.reason}."
        raise Problem(found.code, message, f"{wording.sentence(found.cure)}.")
    goal = None if asked.target is None else _goal(context, about, history, found, asked.target)
    return _answer(about, history, found, goal)


def _about(asked: Forecast, context: Context) -> _Asked:
    venture = context.venture(asked.venture)
    if asked.campaign is None:
        subject = portfolio_or(context, venture, asked.channel)
    else:
        campaign = context.campaign(asked.campaign, venture)
        subject = campaign_subject(context, campaign, asked.campaign, asked.channel)
    metric = asked.metric or _usual(asked.target)
    if metric not in FORECAST:
        can = wording.listed([METRICS[name].label for name in FORECAST], "or")
        message = f"{METRICS[metric].label} is not forecast: it is no sum of days."
        raise Problem("not_forecast", message, f"Ask for {can}.")
    yesterday = context.today - timedelta(days=1)
    latest = latest_day(context.connection, subject.scope, yesterday)
    if latest is None:
        name = wording.sentence(subject.name)
        raise Problem("no_data", f"{name} has no performance data yet.", "Import some, or ask about another.")
    if (yesterday - latest).days > STALE_DAYS:
        message = f"The data of {subject.name} end on {wording.day(latest)}: too long ago to forecast from."
        raise Problem("stale_data", message, "Import what has happened since.")
    notes = ["Assumes that budgets, prices and campaigns go on as they are."]
    if latest < yesterday:
        notes.insert(0, f"Data reach to {wording.day(latest)}.")
    return _Asked(subject, metric, _period(asked, context, latest), latest, tuple(notes))


def _usual(target: Amount | None) -> str:
    """The metric of a goal or a question that names none: a plain number counts customers."""
    return "revenue" if target is None or target.currency is not None else "new_customers"


def _period(asked: Forecast, context: Context, latest: date) -> Period:
    """The days to tell: those said, to the end of a month that runs; the longest there is for a goal."""
    said = asked.horizon
    if said is None and asked.target is not None:
        end = latest + timedelta(days=engine.LONGEST)
        return Period(context.today, end, f"the next {(end - context.today).days + 1} days")
    if said is None:
        end = context.today + timedelta(days=DEFAULT_DAYS)
        return Period(context.today + timedelta(days=1), end, f"next {DEFAULT_DAYS} days")
    if said.label.endswith(" to date"):
        unit = said.label.removeprefix("this ").removesuffix(" to date")
        coming = parse_period(f"next {unit}", context.today)
        if coming is not None:
            said = Period(said.start, coming.start - timedelta(days=1), f"this {unit}")
    if said.end <= latest:
        message = f"{wording.sentence(wording.named(said))} is over; a forecast is of days to come."
        raise Problem("period_over", message, 'Say "next month", or name the year.')
    return said


def _history(context: Context, about: _Asked) -> dict[date, Decimal]:
    """The metric of every day up to the latest known, oldest first, none left out."""
    start = min(about.known_until - timedelta(days=MOST_HISTORY - 1), about.period.start)
    period = Period(start, about.known_until)
    wanted = about.metric == "new_customers"
    days = measured(context, about.subject, period, "day", with_customers=wanted).parts
    every = (start + timedelta(days=place) for place in range((about.known_until - start).days + 1))
    return {day: _value(about.metric, days.get(day, Totals())) for day in every}


def _value(metric: str, totals: Totals) -> Decimal:
    return compute((metric,), Facts(totals))[metric] or Decimal(0)


def _goal(
    context: Context, about: _Asked, history: dict[date, Decimal], found: engine.Forecast, said: Amount
) -> Goal:
    target = said.amount or Decimal(0)
    if about.metric == "new_customers":
        since = first_day(context.connection, about.subject.scope) or about.known_until
        whole = measured(context, about.subject, Period(since, about.known_until), "channel").whole
        so_far = Decimal(whole.new_customers)
    else:
        since = context.today.replace(month=1, day=1)
        so_far = sum((value for day, value in history.items() if day >= since), Decimal(0))
    if so_far >= target:
        told = f"{_shown(about, so_far)} {_counted(about.metric)}"
        message = f"That goal is reached: {told} since {wording.day(since)}."
        raise Problem("already_reached", message, "Name a higher goal.")
    reaching = found.reaching(float(target - so_far))
    return Goal(
        target=target,
        so_far=rounded(so_far) or Decimal(0),
        counted_from=since,
        reached=reaching.middle,
        early=reaching.early,
        late=reaching.late,
        chance=Decimal(str(round(reaching.chance, 3))),
    )


def _answer(
    about: _Asked, history: dict[date, Decimal], found: engine.Forecast, goal: Goal | None
) -> Answer[ForecastReport]:
    so_far = sum((value for day, value in history.items() if day >= about.period.start), Decimal(0))
    skipped = max((about.period.start - about.known_until).days - 1, 0)
    coming = found.days_between(skipped, len(found.days))
    total = _range(about, coming, so_far)
    count = about.period.days
    before = sum(list(history.values())[-count:], Decimal(0)) if count <= len(history) else Decimal(0)
    result = ForecastReport(
        subject=about.subject.name,
        metric=about.metric,
        currency=about.subject.currency,
        period=about.period,
        known_until=about.known_until,
        total=total,
        so_far=rounded(so_far) or Decimal(0),
        before=rounded(before) or Decimal(0),
        goal=goal,
        history_days=found.history_days,
        assumptions=list(about.notes),
    )
    text, speech = _told(about, result)
    return Answer(
        result=result,
        telling=Telling(
            text=" ".join([text, *about.notes]),
            speech=speech,
            chart=_chart(about, history, found),
            evidence=[_evidence(about, result, found)],
        ),
    )


def _range(about: _Asked, coming: Estimate, so_far: Decimal) -> Range:
    value, low, high = (
        _plain(about, Decimal(str(one)) + so_far) for one in (coming.value, coming.low, coming.high)
    )
    return Range(value=value, low=low, high=high, shown=_roughly(about, value))


def _plain(about: _Asked, value: Decimal) -> Decimal:
    """As exact as a forecast can be told: whole counts, cents."""
    return value.quantize(Decimal("0.01") if METRICS[about.metric].unit is Unit.MONEY else Decimal(1))


def _shown(about: _Asked, value: Decimal) -> str:
    return wording.metric(about.metric, value, about.subject.currency).removesuffix(".00")


def _rough(value: Decimal) -> Decimal:
    """With three significant digits: more would claim to know more than anybody does."""
    return value.quantize(Decimal(1).scaleb(max(value.adjusted() - 2, 0))).quantize(Decimal(1))


def _roughly(about: _Asked, value: Decimal) -> str:
    return _shown(about, _rough(value))


def _told(about: _Asked, result: ForecastReport) -> tuple[str, str]:
    label, currency = METRICS[about.metric].label, about.subject.currency
    total, name = result.total, about.subject.name
    low, high = _roughly(about, total.low), _roughly(about, total.high)
    if result.goal is not None:
        return _goal_told(about, result.goal)
    text = f"{label} of {name}, {wording.named(about.period)}: about {total.shown}, "
    text += f"between {low} and {high} in nine of ten cases."
    if result.so_far:
        text += f" {_shown(about, result.so_far)} of it has come in by {wording.day(about.known_until)}."
    change = wording.change(total.value, result.before or None)
    if change is not None and about.period.days >= FEWEST_COMPARED:
        text += f" That is {wording.percent(change, signed=True)} on the latest {about.period.days} days."
    value, least, most = (
        wording.spoken(about.metric, _rough(one), currency) for one in (total.value, total.low, total.high)
    )
    days = about.period.label or wording.named(about.period)
    speech = f"{label} of {name}, {days}: about {value}, between {least} and {most}."
    return text, speech


def _goal_told(about: _Asked, goal: Goal) -> tuple[str, str]:
    target = _shown(about, goal.target)
    what = f"{about.subject.name} reaches {target} {_counted(about.metric)}"
    so_far = f"{_shown(about, goal.so_far)} so far, counted from {wording.day(goal.counted_from)}."
    by = wording.day(about.period.end)
    if goal.reached is None:
        chance = "hardly any chance" if goal.chance < Decimal("0.01") else f"a chance of {goal.chance:.0%}"
        text = f"It is not likely that {what} by {by}: there is {chance}. {wording.sentence(so_far)}"
        return text, f"Not likely by {by}."
    text = f"{wording.sentence(what)} around {wording.day(goal.reached)}"
    if goal.early is not None:
        late = f"and {wording.day(goal.late)}" if goal.late is not None else f"and some day after {by}"
        text += f", between {wording.day(goal.early)} {late} in nine of ten cases"
    return f"{text}: {so_far}", f"Around {wording.day(goal.reached)}."


def _counted(metric: str) -> str:
    label = METRICS[metric].label
    return "customers" if metric == "new_customers" else label.lower()


def _chart(about: _Asked, history: dict[date, Decimal], found: engine.Forecast) -> Chart:
    past = list(history.items())[-SHOWN_DAYS:]
    ahead = [about.known_until + timedelta(days=place) for place in range(1, len(found.days) + 1)]
    gap: list[float | None] = [None] * len(past)
    is_money = METRICS[about.metric].unit is Unit.MONEY
    return Chart(
        kind="line",
        title=f"{METRICS[about.metric].label} of {about.subject.name} by day",
        unit=about.subject.currency if is_money else "",
        labels=[str(day) for day in [*(day for day, _ in past), *ahead]],
        series=[
            Series(name="So far", values=[*(float(value) for _, value in past), *([None] * len(ahead))]),
            Series(name="Forecast", values=gap + [round(day.value, 2) for day in found.days]),
            Series(name="Low (5 %)", values=gap + [round(day.low, 2) for day in found.days]),
            Series(name="High (95 %)", values=gap + [round(day.high, 2) for day in found.days]),
        ],
    )


def _evidence(about: _Asked, result: ForecastReport, found: engine.Forecast) -> Evidence:
    trend = "a damped trend" if found.trend else "no trend"
    label = METRICS[about.metric].label
    ahead = _roughly(about, result.total.value - result.so_far)
    return Evidence(
        claim=f"{label} {result.total.shown}, {wording.named(about.period)}",
        formula=f"exponential smoothing of the daily figures with a weekly season and {trend}; "
        f"the range holds 90 % of {engine.PATHS:,} simulated futures",
        calculation=f"{_shown(about, result.so_far)} known + {ahead} forecast",
        data=f"daily {label} of {about.subject.name}",
        rows=found.history_days,
        period=Period(about.known_until - timedelta(days=found.history_days - 1), about.known_until),
        fresh_until=about.known_until,
        assumptions=list(about.notes),
    )
