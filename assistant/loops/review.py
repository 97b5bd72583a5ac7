"""Compares what changes promised with what they brought."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from pydantic import BaseModel
from sqlalchemy import Connection

from assistant import wording
from assistant.recurring import Done, Run, recurs
from engines.metrics import Totals
from engines.promises import Compared, compare
from engines.terms import Period, minor_units
from storage import promises
from storage.campaigns import campaign, campaigns_of
from storage.performance import Scope, measure
from storage.promises import Kept
from storage.ventures import RateMissingError, Rates, venture

MOST_AT_ONCE = 1000
"""Promises that one run judges; the rest come in the next."""


class PromiseJudged(BaseModel):
    """A promise and what came of it."""

    source: str
    subject: str
    made_at: datetime
    expected: Decimal
    low: Decimal
    high: Decimal
    actual: Decimal | None
    kept: bool | None
    currency: str
    note: str


class ReviewRun(BaseModel):
    """What a review came to."""

    judged: list[PromiseJudged]


@recurs("Promise review", at="03:00")
def promise_review(run: Run) -> Done:
    """Judges changes whose time has come: did the contribution rise as much as was promised?"""
    with run.bus.database.read() as connection:
        due = promises.to_judge(connection, run.now.date(), MOST_AT_ONCE)
    judged = []
    for one in due:
        run.keep()
        with run.bus.database.read() as connection:
            found = _judged(connection, one, run.now.date())
        if found is None:
            continue
        with run.bus.database.write() as connection:
            run.make_sure(connection)
            promises.judge(connection, one.id, run.now, actual=found.actual, kept=found.kept, note=found.note)
        judged.append(found)
    said = [one for one in judged if one.kept is not None]
    kept = sum(bool(one.kept) for one in said)
    told = f"Judged {len(said)} promises, {kept} were kept." if said else "No promise was due."
    return Done(told, ReviewRun(judged=judged))


@dataclass(frozen=True)
class _Sides:
    """The two times that are compared, of equal length; the days of the change are left out."""

    before: Period
    after: Period


def _sides(first: date, last: date, days: int) -> _Sides:
    span, next_day = timedelta(days=days), timedelta(days=1)
    return _Sides(Period(first - span, first - next_day), Period(last + next_day, last + span))


def _judged(connection: Connection, one: Kept, today: date) -> PromiseJudged | None:
    """What came of a promise; None where its last step is too young."""
    subject = _subject(connection, one)
    owner = venture(connection, one.venture_id)
    if owner is None:
        return _verdict(one, subject, None, "its venture is gone")
    around = _around(connection, one)
    if any(other.source != one.source for other in around):
        return _verdict(one, subject, None, "something else changed it at about the same time")
    if any(other.made_at < one.made_at for other in around):
        return _verdict(
            one, subject, None, "it is a step of an earlier change, which is judged for all of it"
        )
    last = max([one.made_at, *(other.made_at for other in around)]).date()
    if today < last + timedelta(days=one.days + 2):
        return None
    sides = _sides(one.made_at.date(), last, one.days)
    try:
        own = [_totals(connection, one, [one.campaign_id], side) for side in (sides.before, sides.after)]
        others = _others(connection, one)
        rest = [_totals(connection, one, others, side) for side in (sides.before, sides.after)]
    except RateMissingError as error:
        return _verdict(one, subject, None, str(error))
    found = compare(own[0], own[1], rest[0], rest[1], one.days, owner.gross_margin)
    if isinstance(found, str):
        return _verdict(one, subject, None, found)
    moved = one.moved + sum((other.moved for other in around), Decimal(0))
    note = f"{one.days} days after against before, "
    note += f"moved as {len(others)} other campaigns did" if found.against_others else "as it was before"
    if around:
        note += f"; its part of a change in {len(around) + 1} steps"
        found = replace(found, gain=found.gain * one.moved / moved)
    return _verdict(one, subject, found, note)


def _around(connection: Connection, one: Kept) -> list[Kept]:
    """What else changed the same campaign, or the same venture as a whole, too near to be told apart."""
    span = timedelta(days=one.days)
    found = promises.near(connection, one.venture_id, one.made_at - span, one.made_at + span)
    return [other for other in found if other.id != one.id and other.campaign_id in (None, one.campaign_id)]


def _subject(connection: Connection, one: Kept) -> str:
    if one.campaign_id is None:
        owner = venture(connection, one.venture_id)
        return "" if owner is None else owner.name
    found = campaign(connection, one.campaign_id)
    return "" if found is None else found.name


def _others(connection: Connection, one: Kept) -> list[int | None]:
    """The venture's other campaigns that nothing was promised of around that time."""
    if one.campaign_id is None:
        return []
    ids = [other.id for other in campaigns_of(connection, venture_id=one.venture_id)]
    busy = promises.changed_lately(connection, ids, one.made_at - timedelta(days=one.days))
    return [key for key in ids if key != one.campaign_id and key not in busy]


def _totals(connection: Connection, one: Kept, campaigns: list[int | None], period: Period) -> Totals:
    """Of some campaigns together (None for all of the venture), in the promise's currency."""
    rates = Rates(connection, one.currency, period)
    found = measure(
        connection,
        Scope(venture_id=one.venture_id),
        period,
        by="campaign",
        currency=one.currency,
        rates=rates,
        with_customers=False,
    )
    wanted = [totals for key, totals in found.parts.items() if None in campaigns or key in campaigns]
    return sum(wanted, Totals())


def _verdict(one: Kept, subject: str, found: Compared | None, note: str) -> PromiseJudged:
    places = minor_units(one.currency)
    return PromiseJudged(
        source=one.source,
        subject=subject,
        made_at=one.made_at,
        expected=one.expected,
        low=one.low,
        high=one.high,
        actual=None if found is None else round(found.gain, places),
        kept=None if found is None else found.gain > 0,
        currency=one.currency,
        note=wording.sentence(note),
    )
