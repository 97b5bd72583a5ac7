"""The daily look at attribution: channels whose share of the credit moved."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import Connection

from assistant import wording
from assistant.alerting import Finding, keep, sweep
from assistant.commands.attribution import rules_of
from assistant.recurring import Done, Run, recurs
from assistant.reply import Evidence
from assistant.settings import Attribution as Settings
from engines.attribution import Attribution, attribute
from engines.crediting import Model
from engines.response import Estimate
from engines.shifts import LEAST_SHIFT, LIMIT, Shift, shifts
from engines.terms import Period
from storage import alerts
from storage.journeys import journeys_in, linked_visitors
from storage.ventures import Venture, all_ventures

PREFIX = "credit:"

DAYS = 28
"""Full days that are held against as many before: whole weeks, so that weekdays are alike."""

FEWEST = 100
"""Conversions there must be in either period before shares mean anything."""


class CreditState(BaseModel):
    """A venture's shares of credit, now and before."""

    venture: str
    conversions: int
    conversions_before: int
    moved: list[str] = []
    """Channels whose share moved."""
    outcome: str
    """steady, few, raised, joined or known."""


class CreditRun(BaseModel):
    """What a look at the credits came to."""

    ventures: list[CreditState]
    closed: int


@dataclass(frozen=True)
class _Compared:
    state: CreditState
    finding: Finding | None


@recurs("Attribution watch", at="05:00")
def credit_watch(run: Run) -> Done:
    """Compares each channel's share of the credit with that of the four weeks before."""
    found = []
    with run.bus.database.read() as connection:
        for venture in all_ventures(connection):
            run.keep()
            yesterday = run.now.astimezone(ZoneInfo(venture.time_zone)).date() - timedelta(days=1)
            period = Period.last_days(DAYS, yesterday)
            found.append(_compared(connection, run.bus.settings.attribution, venture, period))
    with run.bus.database.write() as connection:
        run.make_sure(connection)
        for one in found:
            if one.finding is not None:
                one.state.outcome = keep(connection, run.bus.settings, one.finding, run.now)
        still = {one.finding.cause for one in found if one.finding is not None}
        closed = sweep(connection, PREFIX, still, run.now)
    result = CreditRun(ventures=[one.state for one in found], closed=closed)
    moved = [one.venture for one in result.ventures if one.moved]
    noun = "venture" if len(found) == 1 else "ventures"
    told = f"Looked at {len(found)} {noun}: "
    told += f"credit moved at {wording.listed(moved)}." if moved else "no channel's share of credit moved."
    return Done(told, result)


def _compared(connection: Connection, said: Settings, venture: Venture, period: Period) -> _Compared:
    linked = linked_visitors(connection, venture.id) if said.across_devices else {}

    def credited(of: Period) -> Attribution | int:
        """The credits of a period; the number of its conversions where they are too few."""
        journeys = journeys_in(
            connection,
            of,
            venture.time_zone,
            venture.id,
            look_back_days=said.look_back_days,
            linked=linked,
        )
        if len(journeys) < FEWEST:
            return len(journeys)
        return attribute(journeys, Model.LINEAR, rules_of(said), seed=0)

    now, before = credited(period), credited(period.before())
    state = CreditState(
        venture=venture.name,
        conversions=now if isinstance(now, int) else now.conversions,
        conversions_before=before if isinstance(before, int) else before.conversions,
        outcome="few",
    )
    if isinstance(now, int) or isinstance(before, int):
        return _Compared(state, None)
    moved = shifts(_shares(before), _shares(now))
    state.outcome, state.moved = "steady", [one.channel for one in moved]
    return _Compared(state, _finding(venture, period, moved, now, before) if moved else None)


def _shares(found: Attribution) -> dict[str, Estimate]:
    return {one.channel: Estimate(one.share.value, one.share.low, one.share.high) for one in found.channels}


def _finding(
    venture: Venture, period: Period, moved: tuple[Shift, ...], now: Attribution, before: Attribution
) -> Finding:
    told = [f"{wording.channel(one.channel)} from {_share(one.before)} to {_share(one.now)}" for one in moved]
    return Finding(
        cause=f"{PREFIX}{venture.id}",
        kind=alerts.CREDIT,
        told=f"{venture.name}: shares of the credit moved: {wording.listed(told)} of conversions "
        f"({Model.LINEAR.label}, {wording.days(period)} against the {DAYS} days before).",
        since=str(period.start),
        parts=tuple(f"{one.channel}:{'up' if one.score > 0 else 'down'}" for one in moved),
        evidence=(
            Evidence(
                claim=f"{len(moved)} channel{'' if len(moved) == 1 else 's'} moved",
                formula=f"share of credited conversions now less that before; told from {LEAST_SHIFT:.0%} "
                f"and {LIMIT:g} standard errors on",
                calculation="; ".join(
                    f"{wording.channel(one.channel)} {_range(one.before)} and {_range(one.now)}"
                    for one in moved
                ),
                data=f"conversions of {venture.name} and the touches of their visitors",
                rows=now.conversions + before.conversions,
                period=Period(period.before().start, period.end),
                assumptions=["Ranges are 90 % bootstrap intervals over conversions."],
            ),
        ),
        venture_id=venture.id,
    )


def _share(one: Estimate) -> str:
    return wording.percent(Decimal(str(round(one.value, 6))))


def _range(one: Estimate) -> str:
    return f"{_share(one)} ({one.low:.1%} to {one.high:.1%})"
