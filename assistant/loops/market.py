"""The daily look at what came in: unusual days, broken trackers, lines and sources that fell silent."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import Connection

from assistant import wording
from assistant.alerting import Finding, keep, sweep, tracking_cause
from assistant.handling import Context
from assistant.notices import LOOP_CHANNEL
from assistant.recurring import Done, Run, recurs
from assistant.reply import Evidence, Problem
from assistant.reporting import Subject, measured, portfolio_or
from assistant.turn import Turn
from assistant.unusual import UnusualDay, day_told, unusual
from engines.anomalies import LIMIT, PAST_DAYS, Suspicion
from engines.metrics import METRICS
from engines.terms import Period
from storage import alerts
from storage.performance import Scope, latest_day
from storage.ventures import Venture, all_ventures
from storage.watching import places, silent_lines, stopped_lines

PREFIX = "market:"
"""Of the causes this loop watches: what it no longer finds is over."""

JUDGED_DAYS = 3
"""The latest full days that are judged every time, as figures of a day come late."""

LONGEST_EPISODE = 14
"""Days an alert of unusual days reaches back at most; by then the level has moved."""

FEWEST_A_DAY = 3
"""Conversions a day, usually or on the day itself, below which a single day's outcome says nothing."""

USUAL_DAYS = 28
"""Days before that tell how many conversions a day usually has."""

WITHOUT_OUTCOME = ("spend", "clicks")
"""Metrics that say something of a day however few its conversions are."""

REMEMBERED_DAYS = 60
"""A venture whose data ended earlier is history, and no source that broke off."""

MOST_TOLD = 4
"""Lines or days told one by one; the others are counted."""


class MarketFinding(BaseModel):
    """Something the figures say, and what became of its alert."""

    subject: str
    kind: str
    told: str
    outcome: str
    """raised, joined or known."""


class MarketRun(BaseModel):
    """What a look at the figures came to."""

    ventures: int
    alerts: list[MarketFinding] = []
    closed: int = 0
    not_judged: list[str] = []


@dataclass(frozen=True)
class _Seen:
    """A venture on the day it is looked at."""

    venture: Venture
    until: date
    """Its latest full day with data."""


@recurs("Market watch", at="06:00")
def market_watch(run: Run) -> Done:
    """Looks for unusual days, trackers that broke and sources that fell silent, and raises alerts of them."""
    found: list[tuple[str, Finding]] = []
    result = MarketRun(ventures=0)
    stale: list[tuple[Venture, date]] = []
    with run.bus.database.read() as connection:
        context = run.bus.context(connection, Turn(person=run.person, channel=LOOP_CHANNEL, text=""))
        for venture in all_ventures(connection):
            run.keep()
            yesterday = run.now.astimezone(ZoneInfo(venture.time_zone)).date() - timedelta(days=1)
            until = latest_day(connection, Scope(venture_id=venture.id), yesterday)
            if until is None or (yesterday - until).days > REMEMBERED_DAYS:
                result.not_judged.append(f"{venture.name} has no data of late")
                continue
            result.ventures += 1
            if (yesterday - until).days >= run.bus.settings.alerts.stale_days:
                stale.append((venture, until))
            found += [(venture.name, one) for one in _of_venture(context, _Seen(venture, until))]
    found += [("the portfolio", one) for one in _stale(stale)]
    with run.bus.database.write() as connection:
        run.make_sure(connection)
        for subject, one in found:
            outcome = keep(connection, run.bus.settings, one, run.now)
            if one.kind == alerts.TRACKING:
                _take_over(connection, one, run.now)
            result.alerts.append(
                MarketFinding(subject=subject, kind=one.kind, told=one.told, outcome=outcome)
            )
        result.closed = sweep(connection, PREFIX, {one.cause for _, one in found}, run.now)
    return Done(_told(result), result)


def _take_over(connection: Connection, found: Finding, now: datetime) -> None:
    """Close what the rules said of single campaigns: the venture's alert says it, and ends with it."""
    since = now - timedelta(days=REMEMBERED_DAYS)
    for one in alerts.open_alerts(connection, since, venture_id=found.venture_id):
        if one.kind == alerts.TRACKING and one.cause is None:
            alerts.close(connection, one.id, now)


def _told(result: MarketRun) -> str:
    raised = [one for one in result.alerts if one.outcome != "known"]
    noun = "venture" if result.ventures == 1 else "ventures"
    told = f"Looked at {result.ventures} {noun}: {len(raised)} new, {len(result.alerts)} open"
    return f"{told}, {result.closed} over."


def _of_venture(context: Context, seen: _Seen) -> list[Finding]:
    """A tracker that broke explains the missing outcome of the same days: it is told once."""
    silent = _silent(context, seen)
    found = [one for one in (silent, _stopped(context, seen)) if one is not None]
    return found + _unusual(context, seen, tracking_broke=silent is not None)


def _silent(context: Context, seen: _Seen) -> Finding | None:
    """Clicks go on and nothing is counted any more: one alert a venture, however many lines."""
    scope = Scope(venture_id=seen.venture.id)
    lines = silent_lines(context.connection, scope, seen.until)
    if not lines:
        return None
    where = _places(context, [one.key for one in lines])
    told = [
        f"{where[one.key]} since {wording.day(one.since)} ({wording.count(one.clicks)} clicks, which would "
        f"usually have brought {one.missed:.0f})"
        for one in lines
    ]
    since = min(one.since for one in lines)
    return Finding(
        cause=tracking_cause(seen.venture.id),
        kind=alerts.TRACKING,
        told=f"{seen.venture.name}: clicks go on and no conversion is counted any more on "
        f"{_lines(lines)}, so tracking is most likely broken.\n{_some(told)}.",
        since=str(since),
        parts=tuple(str(one.key) for one in lines),
        evidence=(
            Evidence(
                claim=f"{len(lines)} silent",
                formula="conversions usual for the clicks since the last one, by the 63 days before",
                data=f"daily performance of {seen.venture.name}'s channel lines",
                period=Period(since, seen.until),
                fresh_until=seen.until,
                assumptions=[
                    "From 9.2 missed on: by chance that happens once in ten thousand times (Poisson)."
                ],
            ),
        ),
        venture_id=seen.venture.id,
    )


def _stopped(context: Context, seen: _Seen) -> Finding | None:
    """Lines that reported every day and have no record any more."""
    lines = stopped_lines(context.connection, Scope(venture_id=seen.venture.id), seen.until)
    if not lines:
        return None
    where = _places(context, [one.key for one in lines])
    told = [f"{where[one.key]} since {wording.day(one.since)}" for one in lines]
    since = min(one.since for one in lines)
    return Finding(
        cause=f"{PREFIX}{seen.venture.id}:reporting",
        kind=alerts.REPORTING,
        told=f"{seen.venture.name}: {_lines(lines)} of active campaigns no longer reports, so the "
        f"source or the account broke off.\n{_some(told)}.",
        since=str(since),
        parts=tuple(str(one.key) for one in lines),
        evidence=(
            Evidence(
                claim=f"{len(lines)} without records",
                formula="no record for three days, after one on twelve of the fourteen days before",
                data=f"daily performance of {seen.venture.name}'s active channel lines",
                period=Period(since, seen.until),
                fresh_until=seen.until,
            ),
        ),
        venture_id=seen.venture.id,
    )


def _places(context: Context, line_ids: Sequence[int]) -> dict[int, str]:
    labels = context.labels("campaign")
    return {
        line: f"{wording.channel(channel)} in {labels.get(campaign, campaign)}"
        for line, (campaign, channel) in places(context.connection, line_ids).items()
    }


def _lines(found: Sequence[object]) -> str:
    return "one line" if len(found) == 1 else f"{len(found)} lines"


def _some(told: Sequence[str]) -> str:
    more = len(told) - MOST_TOLD
    return "; ".join(told[:MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _unusual(context: Context, seen: _Seen, *, tracking_broke: bool) -> list[Finding]:
    """Unusual days of a venture: one alert for what fell and one for what rose, while they follow closely."""
    found: defaultdict[str, dict[str, list[UnusualDay]]] = defaultdict(dict)
    subject = portfolio_or(context, seen.venture)
    enough = _enough(context, subject, seen.until)

    @cache
    def stood_out(metric: str, period: Period) -> list[UnusualDay]:
        return unusual(context, subject, metric, period)

    for way in ("down", "up"):
        period = Period(_begins(context, seen, way), seen.until)
        for metric in context.settings.alerts.metrics:
            days = [
                one
                for one in stood_out(metric, period)
                if ("down" if one.value < one.expected else "up") == way
                and (metric in WITHOUT_OUTCOME or one.day in enough)
                and not (tracking_broke and way == "down" and one.suspicion is Suspicion.TRACKING)
            ]
            if days:
                found[way][metric] = days
    over = timedelta(days=context.settings.alerts.over_after_days)
    return [
        _episode(seen, way, by_metric, subject.currency)
        for way, by_metric in found.items()
        if seen.until - max(one.day for days in by_metric.values() for one in days) < over
    ]


def _enough(context: Context, subject: Subject, until: date) -> set[date]:
    """The days whose outcome can be judged: usually, or on the day itself, there are conversions enough."""
    first = until - timedelta(days=LONGEST_EPISODE - 1)
    period = Period(first - timedelta(days=USUAL_DAYS), until)
    try:
        by_day = measured(context, subject, period, "day", with_customers=False).parts
    except Problem:
        return set()

    def count(day: date) -> int:
        return by_day[day].conversions if day in by_day else 0

    found = set()
    for place in range(LONGEST_EPISODE):
        day = first + timedelta(days=place)
        before = sum(count(day - timedelta(days=ago)) for ago in range(1, USUAL_DAYS + 1))
        if max(count(day), before / USUAL_DAYS) >= FEWEST_A_DAY:
            found.add(day)
    return found


def _begins(context: Context, seen: _Seen, way: str) -> date:
    """The first day that is judged: an open episode's, or the latest ones'."""
    latest = seen.until - timedelta(days=JUDGED_DAYS - 1)
    known = alerts.open_of(context.connection, _cause(seen, way))
    if known is None:
        return latest
    since = date.fromisoformat(known.key.removeprefix(f"{known.cause}:")[:10])
    return max(min(since, latest), seen.until - timedelta(days=LONGEST_EPISODE - 1))


def _cause(seen: _Seen, way: str) -> str:
    return f"{PREFIX}{seen.venture.id}:unusual:{way}"


def _episode(seen: _Seen, way: str, by_metric: Mapping[str, list[UnusualDay]], currency: str) -> Finding:
    told = [
        f"{METRICS[metric].label} on {day_told(one, metric, currency)}"
        for metric, days in by_metric.items()
        for one in sorted(days, key=lambda one: one.day, reverse=True)
    ]
    days = sorted({one.day for days in by_metric.values() for one in days})
    # What it comes from is a part, so that another campaign or metric is news and another day is not.
    parts = {f"{metric}:{one.campaign or ''}" for metric, days in by_metric.items() for one in days}
    names = wording.listed([METRICS[metric].label for metric in by_metric])
    what = f"unusual {'drop' if way == 'down' else 'rise'} of {names} {_when(days)}"
    return Finding(
        cause=_cause(seen, way),
        kind=alerts.UNUSUAL,
        told=f"{seen.venture.name}: {what}{_mostly(by_metric)}.\n{_some(told)}.",
        since=str(days[0]),
        parts=tuple(parts),
        evidence=(
            Evidence(
                claim=f"{len(days)} unusual day{'' if len(days) == 1 else 's'} of {names}",
                formula=f"distance from the level of the two weeks before, on square roots and by weekday, "
                f"beyond {LIMIT:g} usual distances (median absolute deviation)",
                data=f"daily performance of {seen.venture.name}'s channel lines",
                period=Period(days[0] - timedelta(days=PAST_DAYS), seen.until),
                fresh_until=seen.until,
            ),
        ),
        venture_id=seen.venture.id,
    )


def _when(days: Sequence[date]) -> str:
    return f"on {wording.day(days[0])}" if len(days) == 1 else f"since {wording.day(days[0])}"


def _mostly(by_metric: Mapping[str, list[UnusualDay]]) -> str:
    """Where the most unusual of the days comes from."""
    first = next((one for days in by_metric.values() for one in days if one.channel), None)
    if first is None or first.channel is None:
        return ""
    return f", mostly {wording.channel(first.channel)}" + (f" in {first.campaign}" if first.campaign else "")


def _stale(ended: Sequence[tuple[Venture, date]]) -> list[Finding]:
    """Ventures without new data: most often one source, so one alert."""
    if not ended:
        return []
    told = [f"{venture.name} since {wording.day(until)}" for venture, until in ended]
    return [
        Finding(
            cause=f"{PREFIX}stale",
            kind=alerts.STALE,
            told=f"No new data: {_some(told)}.",
            since=str(min(until for _, until in ended)),
            parts=tuple(str(venture.id) for venture, _ in ended),
        )
    ]
