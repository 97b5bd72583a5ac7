"""What a person asks of a split of money besides its total, as limits the optimum understands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal

from pydantic import BaseModel

from assistant import wording
from assistant.handling import Context
from assistant.reply import Problem
from engines.money import spread
from engines.response import MONTH_DAYS
from engines.terms import Channel, Period, minor_units
from intents.values import NumberRange
from storage.campaigns import Campaign
from storage.performance import Scope, measure
from storage.ventures import RateMissingError, Rates

_COSTS = {"cac": ("customer", "new customers"), "cpa": ("conversion", "conversions")}
_MONTH = Decimal(str(MONTH_DAYS))


@dataclass
class Asked:
    """Limits asked for, and how to say them."""

    least_return: float | None = None
    channel_least: dict[str, Decimal] = field(default_factory=dict)
    channel_most: dict[str, Decimal] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)


class WeekMoney(BaseModel):
    """Money of one week, or of the part of it that is left."""

    start: str
    end: str
    amount: Decimal


@dataclass(frozen=True)
class Spreading:
    """A total meant for some days, as a month's rate and week by week; the weeks sum to it exactly."""

    total: Decimal
    monthly: Decimal
    weeks: list[WeekMoney]
    told: str


def target(
    context: Context,
    metric: str | None,
    said: NumberRange | None,
    campaigns: Sequence[Campaign],
    period: Period,
) -> tuple[float, str] | None:
    """The outcome a unit of money must bring, and how that was found.

    A cost of a customer or conversion is turned into a return by what one brought in ``period``. Raises
    `Problem` for a target of no metric, a return or a cost the wrong way round, and where none was won.
    """
    if said is None:
        return None
    currency = campaigns[0].currency
    if metric is None:
        raise Problem("which_target", "A target of what?", "Name ROAS, CAC or CPA.")
    if metric in ("roas", "roi"):
        least = said.min
        if least is None:
            raise Problem("wrong_way", "A target return is one it must at least reach.", "Say at least 3.")
        least = least + 1 if metric == "roi" else least
        return float(least), f"Each unit of money must bring {wording.number(least)} of revenue at least"
    most = said.max
    if most is None:
        raise Problem("wrong_way", "A target cost is one it may at most reach.", "Say at most 80.")
    if most <= 0:
        raise Problem("not_positive", "A cost must be above zero.", "Name the most it may cost.")
    if said.unit not in (None, currency):
        raise Problem("other_currency", f"That is planned in {currency}.", f"Name the amount in {currency}.")
    worth, won = _worth(context, metric, campaigns, period)
    least = worth / most
    noun = _COSTS[metric][0]
    return float(least), (
        f"a {noun} brought {wording.money(worth, currency)} in the {period.days} days to "
        f"{wording.day(period.end)} ({won:,} of them), so at {wording.money(most, currency)} each unit of "
        f"money must bring {wording.number(least)}"
    )


def _worth(
    context: Context, metric: str, campaigns: Sequence[Campaign], period: Period
) -> tuple[Decimal, int]:
    """Revenue of one customer or conversion, and how many there were."""
    revenue, won, currency = Decimal(0), 0, campaigns[0].currency
    rates = Rates(context.connection, currency, period)
    for one in campaigns:
        try:
            whole = measure(
                context.connection,
                Scope(campaign_id=one.id),
                period,
                by="campaign",
                currency=currency,
                rates=rates,
                with_customers=metric == "cac",
            ).whole
        except RateMissingError as error:
            raise Problem("no_rate", f"{error}.", "Store the exchange rate first.") from error
        revenue += whole.revenue
        won += whole.new_customers if metric == "cac" else whole.conversions
    if not won or revenue <= 0:
        nouns = _COSTS[metric][1]
        raise Problem("nothing_won", f"There are no {nouns} in that time to judge by.", "Name a target ROAS.")
    return revenue / won, won


def channel_limits(channel: str | None, said: NumberRange | None, currency: str) -> Asked:
    """What a channel must and may get a month. Raises `Problem` where it is said of no channel."""
    asked = Asked()
    if said is None:
        return asked
    if channel is None:
        raise Problem("which_channel", "On which channel?", "Name the channel the money is for.")
    if said.unit not in (None, currency):
        raise Problem("other_currency", f"That is planned in {currency}.", f"Name the amount in {currency}.")
    label, words = Channel(channel).label, []
    if said.min is not None:
        asked.channel_least[channel] = said.min
        words.append(f"at least {wording.money(said.min, currency)}")
    # A plain amount ("must spend 3k") is the least.
    if said.max is not None and said.max != said.min:
        asked.channel_most[channel] = said.max
        words.append(f"at most {wording.money(said.max, currency)}")
    asked.told.append(f"{label} gets {' and '.join(words)} a month")
    return asked


def spreading(
    context: Context, total: Decimal | None, now: Decimal, period: Period, currency: str
) -> Spreading:
    """``total``, or else what is spent ``now`` a month, over the days of ``period`` that are to come.

    Raises `Problem` for a time that is over.
    """
    start = max(period.start, context.today)
    if period.end < start:
        raise Problem("over", f"{wording.named(period)} is over.", "Name a time that is still to come.")
    days = (period.end - start).days + 1
    cent = Decimal(1).scaleb(-minor_units(currency))
    whole = (now * days / _MONTH).quantize(cent, rounding=ROUND_DOWN) if total is None else total
    monthly = (whole * _MONTH / days).quantize(cent, rounding=ROUND_DOWN)
    starts = [start + timedelta(days=7 * week) for week in range(-(-days // 7))]
    ends = [min(one + timedelta(days=6), period.end) for one in starts]
    lengths = [Decimal((end - one).days + 1) for one, end in zip(starts, ends, strict=True)]
    weeks = [
        WeekMoney(start=one.isoformat(), end=end.isoformat(), amount=amount)
        for one, end, amount in zip(starts, ends, spread(whole, lengths, currency), strict=True)
    ]
    told = (
        f"{wording.money(whole, currency)} over the {days} days from {wording.day(start)} to "
        f"{wording.day(period.end)} is {wording.money(weeks[0].amount, currency)} in the first week and "
        f"{wording.money(monthly, currency)} a month, which stays until it is changed"
    )
    return Spreading(whole, monthly, weeks, told)
