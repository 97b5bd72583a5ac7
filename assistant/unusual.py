"""Days that stand out of a metric, found and told."""

from datetime import date, timedelta
from decimal import Decimal

from pydantic import BaseModel

from assistant import wording
from assistant.handling import Context
from assistant.reporting import Subject, rounded
from engines.anomalies import PAST_DAYS, Suspicion
from engines.response import Refusal
from engines.terms import Period
from storage.ventures import RateMissingError, Rates
from storage.watching import MOST_EXPLAINED, Watched, watch


class UnusualDay(BaseModel):
    """A day on which the metric was not what the weeks before let expect."""

    day: date
    value: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    suspicion: Suspicion | None
    channel: str | None
    """That adds most to it."""
    campaign: str | None


MOST_WATCHED = 92
"""Days of a period that are looked at one by one."""


def unusual(context: Context, subject: Subject, metric: str, period: Period) -> list[UnusualDay]:
    """The period's full days that stand out.

    None where too little is known before it, where it is long, or where the metric may be negative.
    """
    if metric in ("profit", "roi") or period.days > MOST_WATCHED:
        return []
    until = min(period.end, context.today - timedelta(days=1))
    if until < period.start:
        return []
    looked = Period(period.start, until)
    rates = Rates(
        context.connection,
        subject.currency,
        Period(looked.start - timedelta(days=PAST_DAYS), until),
    )
    try:
        found = watch(context.connection, subject.scope, looked, metric, subject.currency, rates)
    except RateMissingError:
        return []
    if isinstance(found, Refusal):
        return []
    labels = context.labels("campaign")
    return [_unusual_day(one, labels) for one in found]


def _unusual_day(one: Watched, labels: dict[int, str]) -> UnusualDay:
    def exact(value: float) -> Decimal:
        return rounded(Decimal(str(value))) or Decimal(0)

    campaign = one.by_campaign.suspects[0] if one.by_campaign and one.by_campaign.suspects else None
    channel = one.by_channel.suspects[0] if one.by_channel and one.by_channel.suspects else None
    return UnusualDay(
        day=one.day.day,
        value=exact(one.day.value),
        expected=exact(one.day.expected.value),
        low=exact(one.day.expected.low),
        high=exact(one.day.expected.high),
        suspicion=one.by_channel.suspicion if one.by_channel else None,
        channel=channel,
        campaign=None if campaign is None else labels.get(campaign),
    )


_LOOKS_LIKE = {
    Suspicion.TRACKING: "outcome stopped being counted while visitors kept coming: look at the tracking of",
    Suspicion.VOLUME: "through how much there was, mostly",
    Suspicion.RATE: "through what came of it, mostly",
}


def unusual_told(days: list[UnusualDay], metric: str, currency: str) -> str:
    """A sentence about them, a space before it; empty where there are none."""
    if not days:
        return ""
    told = [day_told(one, metric, currency) for one in days[:MOST_EXPLAINED]]
    more = len(days) - len(told)
    return f" Unusual days: {'; '.join(told)}{f'; and {more} more' if more else ''}."


def day_told(one: UnusualDay, metric: str, currency: str) -> str:
    """One of them: its day, its value, what is usual, and what it looks like."""
    value, low, high = (wording.metric(metric, amount, currency) for amount in (one.value, one.low, one.high))
    told = f"{wording.day(one.day)} with {value}, where {low} to {high} is usual"
    if one.suspicion is None or one.channel is None:
        return told
    where = wording.channel(one.channel) + (f" in {one.campaign}" if one.campaign else "")
    return f"{told} ({_LOOKS_LIKE[one.suspicion]} {where})"
