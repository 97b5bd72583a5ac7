"""Gathers the facts of a briefing: figures against what is usual, deeds, needs, and what comes."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from assistant import wording
from assistant.alerting import OPEN_DAYS
from assistant.briefing.facts import (
    Briefing,
    DeedDone,
    DriverTold,
    Length,
    MovementTold,
    NeedTold,
    PartTold,
    StepTold,
    SwingTold,
)
from assistant.handling import Context
from assistant.reply import Chart, Evidence, Problem
from assistant.reporting import Figure, Subject, Window, figure, measured, portfolio_or, rounded
from assistant.trend import by_day, has_days
from engines import briefing as engine
from engines.briefing import Caveat, Compared, Contribution, Driver, Level, Movement
from engines.metrics import METRICS, Totals
from engines.terms import CampaignStatus, Period
from storage import alerts, proposals
from storage.campaigns import campaigns_of
from storage.deeds import done_between
from storage.performance import Measured, latest_day
from storage.ventures import Venture

DIMENSIONS: tuple[Literal["venture", "channel", "campaign"], ...] = ("venture", "channel", "campaign")
MOST_PARTS = 8
MOST_DEEDS = 5
MOST_NEEDS = 5
MOST_COMING = 5
CHART_DAYS = 42
"""Days drawn, the period's the last of them."""

_CAVEATS = {
    Caveat.FEW: f"It rests on fewer than {engine.FEW} outcomes.",
    Caveat.STALE: "The data stop before the period does.",
    Caveat.INCOMPLETE: "The period is not over.",
    Caveat.SETTLING: "Conversions of the last days still come in.",
    Caveat.SHORT_HISTORY: "There is too little past to tell what is usual.",
}


def make(context: Context, venture: Venture | None, said: Period | None, length: Length) -> Briefing:
    """The facts for a person, now. Raises `Problem` where there are no data or a rate is missing."""
    subject = portfolio_or(context, venture)
    window = _window(context, subject, said)
    period = window.period
    times, before = engine.comparable(period)
    now = {one: measured(context, subject, period, one) for one in _dimensions(venture)}
    found = next(iter(now.values()))
    if not found.rows:
        raise _no_data(context, subject, period)
    compared = Compared(
        {one: part.parts for one, part in now.items()},
        {one: _summed(context, subject, before[:times], one) for one in now},
        _history(context, subject, before),
        times,
    )
    told = [_movement(context, subject, period, one, found) for one in engine.movements(compared)]
    compared_with = _compared_with(period, times)
    needs = _needs(context, venture)
    figures = [_figure(subject, one) for one in engine.levels(compared)]
    deeds = _deeds(context, venture, period)
    return Briefing(
        person=context.person.name,
        subject=subject.name,
        venture=None if venture is None else venture.name,
        period=period,
        compared_with=compared_with,
        currency=subject.currency,
        length=length,
        headline=_headline(subject, told, figures),
        movements=told,
        swings=[_swing(one) for one in engine.swings(compared)],
        figures=figures,
        deeds=deeds[:MOST_DEEDS],
        deeds_count=len(deeds),
        needs=needs[:MOST_NEEDS],
        coming=_coming(context, venture)[:MOST_COMING],
        steps=_steps(subject, period, needs, told),
        notes=_notes(context, window, found),
        fresh_until=found.fresh_until,
        made_at=context.now,
        chart=_chart(context, subject, period, told),
        evidence=[_evidence(subject, period, one, found, compared_with) for one in told or figures],
    )


def make_without_data(
    context: Context, venture: Venture | None, period: Period, problem: Problem
) -> Briefing:
    """A briefing of what is known beside figures, whose headline says why there are none."""
    subject = portfolio_or(context, venture)
    needs, deeds = _needs(context, venture), _deeds(context, venture, period)
    return Briefing(
        person=context.person.name,
        subject=subject.name,
        venture=None if venture is None else venture.name,
        period=period,
        compared_with="nothing",
        currency=subject.currency,
        headline=problem.message,
        movements=[],
        figures=[],
        deeds=deeds[:MOST_DEEDS],
        deeds_count=len(deeds),
        needs=needs[:MOST_NEEDS],
        coming=_coming(context, venture)[:MOST_COMING],
        steps=_steps(subject, period, needs, []),
        notes=[problem.cure] if problem.cure else [],
        fresh_until=None,
        made_at=context.now,
        chart=None,
        evidence=[],
    )


def _dimensions(venture: Venture | None) -> tuple[str, ...]:
    return DIMENSIONS if venture is None else DIMENSIONS[1:]


def _window(context: Context, subject: Subject, said: Period | None) -> Window:
    """The period said; by default the last full days, or the latest that have data."""
    yesterday = context.today - timedelta(days=1)
    if said is not None and said.start == said.end == context.today:
        return Window(Period(yesterday, yesterday, "yesterday"), "Today is not over, so this is yesterday.")
    if said is not None:
        return Window(said)
    count = context.settings.briefings.default_days
    latest = latest_day(context.connection, subject.scope, yesterday)
    if latest is None or latest >= yesterday - timedelta(days=count - 1):
        return Window(Period.last_days(count, yesterday))
    last = Period.last_days(count, latest)
    return Window(
        Period(last.start, last.end, f"latest {count} days with data"),
        f"The last {count} days have no data: the latest {count} days that have.",
    )


def _no_data(context: Context, subject: Subject, period: Period) -> Problem:
    latest = latest_day(context.connection, subject.scope, context.today)
    name = wording.sentence(subject.name)
    if latest is None:
        return Problem(
            "no_data", f"{name} has no performance data yet.", "Import some, or ask about another."
        )
    cure = f"The latest day with data is {wording.day(latest)}."
    return Problem("no_data_in_period", f"{name} has no data for {wording.named(period)}.", cure)


def _summed(context: Context, subject: Subject, periods: tuple[Period, ...], by: str) -> dict[Any, Totals]:
    found: dict[Any, Totals] = {}
    for one in periods:
        for key, part in measured(context, subject, one, by).parts.items():
            found[key] = found.get(key, Totals()) + part
    return found


def _history(context: Context, subject: Subject, periods: tuple[Period, ...]) -> list[Totals]:
    """Whole totals of each period, the latest first, as far back as there are data."""
    around = Period(periods[-1].start, periods[0].end)
    days: Mapping[Any, Totals] = measured(context, subject, around, "day").parts
    found = []
    for one in periods:
        inside = (days.get(one.start + timedelta(days=place)) for place in range(one.days))
        found.append(sum((part for part in inside if part is not None), Totals()))
    while found and found[-1] == Totals():
        found.pop()
    return found


def _compared_with(period: Period, times: int) -> str:
    if period.days == 1:
        return f"the mean of the {times} {period.start:%A}s before"
    if times > 1:
        return f"the mean of the same days of the {times} weeks before"
    return f"the {period.days} days before"


def _figure(subject: Subject, one: Level) -> Figure:
    return figure(one.metric, one.now, subject.currency, one.baseline)


def _movement(
    context: Context, subject: Subject, period: Period, one: Movement[Any], found: Measured
) -> MovementTold:
    level = one.level
    now, before = rounded(level.now) or Decimal(0), rounded(level.baseline) or Decimal(0)
    dates = engine.caveats(
        period, context.today, found.fresh_until, context.settings.briefings.settling_days, level.metric
    )
    better = METRICS[level.metric].higher_is_better
    rises = level.difference > 0
    return MovementTold(
        metric=level.metric,
        label=METRICS[level.metric].label,
        value=now,
        shown=wording.metric(level.metric, now, subject.currency),
        baseline=before,
        baseline_shown=wording.metric(level.metric, before, subject.currency),
        difference=level.difference,
        difference_shown=_signed(subject, level.metric, level.difference),
        change=rounded(level.relative),
        change_shown="" if level.relative is None else wording.percent(abs(level.relative)),
        direction="up" if rises else "down",
        good=None if better is None else better is rises,
        drivers=[_driver(context, subject, level, driver) for driver in one.drivers],
        caveats=[_CAVEATS[caveat] for caveat in (*one.caveats, *dates)],
    )


def _swing(level: Level) -> SwingTold:
    relative = level.relative or Decimal(0)
    return SwingTold(
        metric=level.metric,
        label=METRICS[level.metric].label,
        change=rounded(relative) or Decimal(0),
        change_shown=wording.percent(abs(relative)),
        direction="up" if relative > 0 else "down",
        because=level.measure.value,
    )


def _signed(subject: Subject, metric: str, amount: Decimal) -> str:
    shown = wording.metric(metric, amount, subject.currency)
    return shown if amount < 0 else f"+{shown}"


def _driver(context: Context, subject: Subject, level: Level, driver: Driver[Any]) -> DriverTold:
    dimension = next(one for one in DIMENSIONS if one == driver.dimension)
    labels = {} if dimension == "channel" else context.labels(dimension)
    told = [_part(subject, level.metric, one, dimension, labels) for one in driver.parts[:MOST_PARTS]]
    share = driver.parts[0].amount / level.difference if level.difference else None
    return DriverTold(dimension=dimension, parts=told, share=rounded(share))


def _part(
    subject: Subject, metric: str, one: Contribution[Any], dimension: str, labels: dict[int, str]
) -> PartTold:
    name = wording.channel(one.key) if dimension == "channel" else labels.get(one.key, str(one.key))
    return PartTold(
        name=name,
        before=wording.metric(metric, one.before, subject.currency),
        now=wording.metric(metric, one.now, subject.currency),
        amount=one.amount,
        shown=_signed(subject, metric, one.amount),
        through="volume" if abs(one.mix) > abs(one.rate) else "rate",
    )


def _headline(subject: Subject, told: list[MovementTold], figures: list[Figure]) -> str:
    if not told:
        shown = [
            f"{one.label if one.metric == 'roas' else one.label.lower()} {one.shown}"
            + ("" if one.change is None else f" ({wording.percent(one.change, signed=True)})")
            for one in figures
            if one.metric in ("revenue", "spend", "roas")
        ]
        return f"Nothing unusual at {subject.name}: {', '.join(shown)}."
    first = told[0]
    verb = "rose" if first.direction == "up" else "fell"
    by = f" {first.change_shown}" if first.change_shown else ""
    most = main_driver(first)
    mostly = f", mostly {most.name}" if most is not None else ""
    return f"{first.label} of {subject.name} {verb}{by} to {first.shown}{mostly}."


def main_driver(told: MovementTold) -> PartTold | None:
    """The part that drove a movement most: of the channels where one stands out, else of what there is."""
    chosen = [
        one for one in told.drivers if one.parts and one.share is not None and one.share >= Decimal("0.4")
    ]
    best = next(iter(chosen or told.drivers), None)
    return best.parts[0] if best is not None and best.parts else None


def _deeds(context: Context, venture: Venture | None, period: Period) -> list[DeedDone]:
    """What was done since the period began: by the service itself, or after somebody's yes."""
    zone = ZoneInfo(context.person.time_zone)
    since = datetime.combine(period.start, time(), zone).astimezone(UTC)
    found = done_between(context.connection, since, context.now)
    if venture is not None:
        own = {one.id for one in campaigns_of(context.connection, venture_id=venture.id)}
        names = {label for number, label in context.labels("campaign").items() if number in own}
        found = [one for one in found if (names | {venture.name}) & _names(one.slots)]
    return [
        DeedDone(audit_id=one.audit_id, told=one.told, by=one.person, by_itself=one.by_itself)
        for one in found
    ]


def _names(slots: Mapping[str, Any]) -> set[str]:
    """What the slots of a command name."""
    listed = (value if isinstance(value, list) else [value] for value in slots.values())
    return {one for values in listed for one in values if isinstance(one, str)}


def _needs(context: Context, venture: Venture | None) -> list[NeedTold]:
    of = None if venture is None else venture.id
    waiting = sorted(
        proposals.waiting(context.connection, context.now, venture_id=of), key=lambda one: one.expires_at
    )
    zone = ZoneInfo(context.person.time_zone)
    needs = [
        NeedTold(
            kind="approval",
            number=one.id,
            told=f"{wording.sentence(one.summary)}, asked by {one.requested_by}",
            until=one.expires_at.astimezone(zone).date(),
            say=f"approve proposal {one.id}",
        )
        for one in waiting
    ]
    since = context.now - timedelta(days=OPEN_DAYS)
    found = alerts.open_alerts(context.connection, since, venture_id=of)
    return needs + [
        NeedTold(
            kind="alert",
            number=one.id,
            told=one.headline.rstrip("."),
            until=None,
            say=f"acknowledge alert {one.id}",
        )
        for one in found
        if one.acknowledged_at is None and not one.sleeps(context.now)
    ]


def _coming(context: Context, venture: Venture | None) -> list[str]:
    until = context.today + timedelta(days=context.settings.briefings.coming_days)
    of = None if venture is None else venture.id
    found = campaigns_of(context.connection, venture_id=of)
    labels = context.labels("campaign")
    dated = []
    for one in found:
        name = labels.get(one.id, one.name)
        if one.status == CampaignStatus.ACTIVE and one.end_on and context.today <= one.end_on <= until:
            dated.append((one.end_on, f"{name} ends on {wording.day(one.end_on)}."))
        if one.status in (CampaignStatus.PLANNED, CampaignStatus.CONFIGURED) and (
            context.today <= one.start_on <= until
        ):
            dated.append((one.start_on, f"{name} is to start on {wording.day(one.start_on)}."))
    return [told for _, told in sorted(dated)]


def _steps(
    subject: Subject, period: Period, needs: list[NeedTold], told: list[MovementTold]
) -> list[StepTold]:
    steps = []
    for one in needs[:2]:
        if one.kind == "approval":
            by = f" before {wording.day(one.until)}" if one.until else ""
            steps.append(StepTold(told=f"Decide on proposal {one.number}{by}.", say=one.say))
        else:
            steps.append(StepTold(told=f"Look at alert {one.number}.", say=f"show alert {one.number}"))
    if told:
        first = told[0]
        verb = "rise" if first.direction == "up" else "fall"
        of = "" if subject.scope.venture_id is None else f" of {subject.name}"
        when = f"on {period.start}" if period.days == 1 else f"from {period.start} to {period.end}"
        say = f"why did {first.label}{of} {verb} {when}"
        steps.append(StepTold(told=f"Ask why {first.label} {'rose' if verb == 'rise' else 'fell'}.", say=say))
    return steps


def _notes(context: Context, window: Window, found: Measured) -> list[str]:
    notes = [window.note] if window.note else []
    expected = min(window.period.end, context.today - timedelta(days=1))
    if found.fresh_until is not None and found.fresh_until < expected:
        notes.append(f"Data reach to {wording.day(found.fresh_until)}.")
    if found.converted_from:
        sources = wording.listed(list(found.converted_from))
        notes.append(f"Money in {sources} was converted to {found.currency} at each day's stored rate.")
    return notes


def _chart(context: Context, subject: Subject, period: Period, told: list[MovementTold]) -> Chart | None:
    """The metric that moved most, or revenue, day by day up to the period's end."""
    metric = next((one.metric for one in told if has_days(one.metric)), "revenue")
    days = max(CHART_DAYS, period.days)
    around = Period.last_days(days, min(period.end, context.today - timedelta(days=1)))
    title = f"{METRICS[metric].label} of {subject.name} by day"
    return by_day(context, subject, around, (metric,), title)


def _evidence(subject: Subject, period: Period, one: Any, found: Measured, compared_with: str) -> Evidence:
    metric = METRICS[one.metric]
    calculation = ""
    if isinstance(one, MovementTold):
        calculation = f"{one.shown} - {one.baseline_shown} = {one.difference_shown}"
        for driver in one.drivers:
            parts = "; ".join(f"{part.name} {part.shown}" for part in driver.parts)
            calculation += f". By {driver.dimension}: {parts}"
    return Evidence(
        claim=f"{metric.label} {one.shown}",
        formula=metric.formula,
        calculation=calculation,
        data=f"daily performance of {subject.name}'s channel lines, against {compared_with}",
        rows=found.rows,
        period=period,
        fresh_until=found.fresh_until,
        assumptions=one.caveats if isinstance(one, MovementTold) else [],
    )
