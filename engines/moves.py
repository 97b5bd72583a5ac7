"""Single moves: money from one line to another, and a new budget over the lines; amounts are a month's."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from engines.money import places_of, spread
from engines.response import MONTH_DAYS, Refusal
from engines.terms import minor_units


@dataclass(frozen=True)
class Shift:
    """Money moved from one line to another, a month; both sums stay the same together."""

    amount: Decimal
    source_before: Decimal
    source_after: Decimal
    target_before: Decimal
    target_after: Decimal


def reallocate(
    source: Decimal,
    target: Decimal,
    currency: str,
    *,
    amount: Decimal | None = None,
    percent: Decimal | None = None,
) -> Shift | Refusal:
    """Move ``amount``, or ``percent`` (0.15 is 15 %) of the source's money, from one line to another.

    A percentage is rounded half-even to the currency's smallest unit. Refuses what is not positive and what
    would leave the source below 0. Raises `ValueError` unless exactly one of both is given.
    """
    if (amount is None) == (percent is None):
        raise ValueError("give either an amount or a percentage")
    moved = amount if amount is not None else _percentage(source, percent or Decimal(0), currency)
    if moved <= 0:
        return Refusal("not_positive", "there is nothing to move", "name an amount above 0")
    if moved > source:
        return Refusal(
            "below_zero",
            f"only {source:,} {currency} a month can be moved away, not {moved:,}",
            f"move at most {source:,} {currency}",
        )
    return Shift(moved, source, source - moved, target, target + moved)


def _percentage(source: Decimal, percent: Decimal, currency: str) -> Decimal:
    places = places_of([source], currency)
    return (source * percent).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


class Pace(StrEnum):
    """The time an amount is meant for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


@dataclass(frozen=True)
class Setting:
    """A new budget, a month, and what each line gets of it; ``lines`` sums to ``after`` exactly."""

    before: Decimal
    after: Decimal
    lines: Mapping[int, Decimal]


def set_budget(
    lines: Mapping[int, Decimal],
    amount: Decimal,
    currency: str,
    pace: Pace = Pace.MONTH,
    *,
    days: int | None = None,
) -> Setting | Refusal:
    """Set what the lines, given by identity with their money a month, may spend together.

    ``amount`` a ``pace`` becomes a month's of 30.4375 days, rounded half-even to the currency's smallest
    unit; a total is spread over ``days``. The lines keep their proportions (even parts where none has money).
    Refuses a negative amount, no lines, and a total without days.
    """
    if amount < 0:
        return Refusal("negative", "a budget cannot be negative", "name an amount of 0 or more")
    if not lines:
        return Refusal("no_lines", "there is no channel line to give money to", "add a channel first")
    if pace is Pace.TOTAL and (days is None or days < 1):
        return Refusal("no_end", "a total needs an end to be spread to", "name an end or a monthly amount")
    monthly = amount if pace is Pace.MONTH else amount * _MONTH / _PACE_DAYS.get(pace, Decimal(days or 1))
    places = places_of([amount], currency) if pace is Pace.MONTH else minor_units(currency)
    after = monthly.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    parts = spread(after, list(lines.values()), currency)
    return Setting(sum(lines.values(), Decimal(0)), after, dict(zip(lines, parts, strict=True)))


_MONTH = Decimal(str(MONTH_DAYS))
_PACE_DAYS = {Pace.DAY: Decimal(1), Pace.WEEK: Decimal(7)}
