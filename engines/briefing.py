"""What moved in a period, by more than chance and the usual ups and downs explain, and what drove it.

A period is compared with periods like it: of less than a week the same weekdays of the four weeks before, of
more the equally long one before. A change is taken as a ratio, on logarithms, and measured in the greatest of

- the usual change of the same comparison in the past: its standard deviation around no change, of what is
  beyond twice the median absolute deviation no more than that is counted (one step of Huber's "Proposal 2",
  Annals of Mathematical Statistics 35, 1964, from Hampel's start, 1974). The change that is judged is no
  part of it, and wild weeks of the past mislead it little. Of few comparisons it is itself uncertain, as a
  standard deviation is in Student's t: it is widened by ``1 + FEW_WIDEN / n``,
- what counting alone brings: ``log(a/b)`` of two Poisson counts has variance ``1/a + 1/b`` (the delta
  method; Altman & Bland, BMJ 326, 2003), twice that for sums of money, whose single values vary as much
  as their mean, and
- `LEAST_SPREAD`.

`LIMIT` of these is the normal distribution's 99.5th percentile: a metric at which nothing happened is told
one time in a hundred. `tests/test_briefing_noise.py` holds that against simulated quiet series.

Contributions are those of `engines.change`, settled to a millionth so that they sum to the change exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from math import log, sqrt
from statistics import median
from typing import Generic, TypeVar

from engines.change import PartChange, explain
from engines.metrics import METRICS, Facts, Totals
from engines.response import Refusal
from engines.terms import Period

K = TypeVar("K")

WATCHED = ("revenue", "spend", "roas", "cac", "conversions", "conversion_rate")
"""The metrics that are looked at."""

_FAMILIES = {
    "revenue": "outcome",
    "conversions": "outcome",
    "spend": "spend",
    "roas": "return",
    "cac": "return",
    "conversion_rate": "rate",
}
"""Metrics that say much the same: one of each is told."""

_COUNTED_BY = {
    "revenue": ("conversions", 2),
    "roas": ("conversions", 2),
    "cac": ("new_customers", 1),
    "conversions": ("conversions", 1),
    "conversion_rate": ("conversions", 1),
}
"""The count a metric rests on, and how much more than it the metric varies."""

MOST = 3
"""Movements that are told."""

LIMIT = 2.576
"""Usual changes from which on a change is a movement: by chance one in a hundred is (normal, both sides)."""

FEW_WIDEN = 3.5
"""Over the number of past comparisons: by how much the usual change they tell is widened. Fitted to the 99th
percentile of a change over the deviation of the ``n`` before it, simulated for steady, autocorrelated and
wandering levels and 4 to 25 comparisons: from 5.1 down to 2.9, where 2.576 × (1 + 3.5/n) has 4.8 and 2.9."""

LEAST_CHANGE = 0.05
"""Of what was before: a smaller change is of no consequence, however certain."""

LEAST_SPREAD = 0.02
"""Usual change that is never gone below."""

UNKNOWN_SPREAD = 0.10
"""Usual change where the past is too short to tell one."""

LEAST_HISTORY = 4
"""Comparisons in the past from which on they tell a usual change."""

MOST_HISTORY = 26
"""Comparisons in the past that are looked at: half a year of weeks."""

MOST_HISTORY_DAYS = 730
"""How far back they may reach: what was usual earlier says little of today."""

LARGE = 0.25
"""Of what was before: a change of so much is told even where it is no movement, and why it is none."""

FEW = 30
"""Outcomes below which a figure is told with a warning."""

WEEK = 7
WEEKS_COMPARED = 4
"""Weeks before whose same weekdays a short period is compared with."""

PLACES = Decimal("0.000001")

_NORMAL_MAD = 1.4826
"""Standard deviations in a median absolute deviation, of normal noise."""
_CLIP, _CLIPPED_VARIANCE = 2.0, 0.9205
"""Deviations beyond which no more is counted, and the variance of normal noise so clipped."""


class Caveat(StrEnum):
    """Why a movement may be less than it seems."""

    FEW = "few"
    """It rests on few outcomes."""
    STALE = "stale"
    """The data stop before the period does."""
    INCOMPLETE = "incomplete"
    """The period is not over."""
    SETTLING = "settling"
    """Outcomes of its last days still come in."""
    SHORT_HISTORY = "short_history"
    """Too little past to tell what is usual."""


class Unremarkable(StrEnum):
    """Why a large change is no movement."""

    USUAL = "usual"
    """The same comparison comes to as much often enough."""
    FEW = "few"
    """Counting so few outcomes brings as much by chance."""
    UNKNOWN = "unknown"
    """There is too little past to tell."""


def comparable(period: Period) -> tuple[int, tuple[Period, ...]]:
    """How many periods a period is compared with, and those like it before it, the latest first.

    The first so many are what it is compared with; the rest tell what is usual.
    """
    if period.days < WEEK:
        shifted = (timedelta(days=WEEK * count) for count in range(1, MOST_HISTORY + WEEKS_COMPARED + 1))
        return WEEKS_COMPARED, tuple(Period(period.start - by, period.end - by) for by in shifted)
    count = max(2, min(MOST_HISTORY + 1, MOST_HISTORY_DAYS // period.days))
    found = [period.before()]
    while len(found) < count:
        found.append(found[-1].before())
    return 1, tuple(found)


@dataclass(frozen=True)
class Compared(Generic[K]):
    """A period and what it is compared with, by part in several dimensions (venture, channel, campaign)."""

    now: Mapping[str, Mapping[K, Totals]]
    before: Mapping[str, Mapping[K, Totals]]
    """Sums over the ``times`` periods it is compared with."""
    history: Sequence[Totals]
    """Whole totals of the comparable periods, the latest first; those compared with are the first."""
    times: int = 1

    @property
    def whole(self) -> tuple[Totals, Totals]:
        """Totals of the periods compared with, and of the period."""
        return sum(self.history[: self.times], Totals()), _sum(next(iter(self.now.values())))


@dataclass(frozen=True)
class Contribution(Generic[K]):
    """What one part adds to a movement: ``amount = mix + rate``."""

    key: K
    before: Decimal | None
    now: Decimal | None
    amount: Decimal
    mix: Decimal
    """Through how much of it there is."""
    rate: Decimal
    """Through how well it does."""


@dataclass(frozen=True)
class Driver(Generic[K]):
    """A movement taken apart in one dimension: the amounts sum to its difference exactly."""

    dimension: str
    parts: tuple[Contribution[K], ...]
    """Greatest amount either way first."""


@dataclass(frozen=True)
class Level:
    """A metric in the period and in what it is compared with."""

    metric: str
    now: Decimal | None
    baseline: Decimal | None
    """Of a total, the mean of the periods compared with."""
    score: float | None
    """The change in usual changes, negative where it fell; None where there is nothing to compare."""
    measure: Unremarkable = Unremarkable.USUAL
    """What the usual change was taken from."""

    @property
    def difference(self) -> Decimal:
        """Now less the baseline, to a millionth; 0 where either is unknown."""
        if self.now is None or self.baseline is None:
            return Decimal(0)
        return _settled(self.now) - _settled(self.baseline)

    @property
    def relative(self) -> Decimal | None:
        """The difference over the size of the baseline; None where that is 0 or unknown."""
        return self.difference / abs(self.baseline) if self.baseline else None

    @property
    def moved(self) -> bool:
        """Whether it changed by more than is usual, and by enough to matter."""
        if self.score is None or abs(self.score) < LIMIT:
            return False
        return self.relative is None or abs(self.relative) >= Decimal(str(LEAST_CHANGE))

    @property
    def unremarkable(self) -> Unremarkable | None:
        """Why it is no movement though it changed by `LARGE` or more; None for every other."""
        if self.score is None or self.moved or self.relative is None:
            return None
        return self.measure if abs(self.relative) >= Decimal(str(LARGE)) else None


@dataclass(frozen=True)
class Movement(Generic[K]):
    """A metric that moved, and what drove it."""

    level: Level
    drivers: tuple[Driver[K], ...]
    caveats: tuple[Caveat, ...] = ()


def levels(compared: Compared[K], metrics: Sequence[str] = WATCHED) -> tuple[Level, ...]:
    """Each metric now and before, with how unusual its change is."""
    before, now = compared.whole
    return tuple(_level(metric, before, now, compared) for metric in metrics)


def movements(compared: Compared[K], metrics: Sequence[str] = WATCHED) -> tuple[Movement[K], ...]:
    """The `MOST` metrics that moved most beyond what is usual, one of those that say much the same."""
    moved = sorted(
        (one for one in levels(compared, metrics) if one.moved), key=lambda one: -abs(one.score or 0)
    )
    told: dict[str, Level] = {}
    for one in moved:
        told.setdefault(_FAMILIES.get(one.metric, one.metric), one)
    chosen = list(told.values())[:MOST]
    return tuple(Movement(one, drivers(compared, one), _own_caveats(compared, one.metric)) for one in chosen)


def swings(compared: Compared[K], metrics: Sequence[str] = WATCHED) -> tuple[Level, ...]:
    """Large changes that are no movements, the largest first, one of those that say much the same.

    At most `MOST`; none of metrics that say much the same as a movement.
    """
    told = {_FAMILIES.get(one.level.metric, one.level.metric) for one in movements(compared, metrics)}
    large = [one for one in levels(compared, metrics) if one.unremarkable is not None]
    found = []
    for one in sorted(large, key=lambda one: -abs(one.relative or Decimal(0))):
        family = _FAMILIES.get(one.metric, one.metric)
        if family not in told:
            told.add(family)
            found.append(one)
    return tuple(found[:MOST])


def drivers(compared: Compared[K], level: Level) -> tuple[Driver[K], ...]:
    """The movement of a metric by part, in each dimension that has more than one; none where undefined."""
    found = []
    for dimension, now in compared.now.items():
        before = compared.before[dimension]
        if len({*before, *now}) < 2:
            continue
        change = explain(
            level.metric, before, {key: _times(part, compared.times) for key, part in now.items()}
        )
        if not isinstance(change, Refusal):
            # A total was taken as often as there are periods to compare with; a ratio is the same then.
            times = compared.times if _is_total(level.metric) else 1
            found.append(Driver(dimension, _exactly(change.parts, times, level.difference)))
    return tuple(found)


def caveats(
    period: Period, today: date, fresh_until: date | None, settling_days: int, metric: str
) -> tuple[Caveat, ...]:
    """What the dates say against a figure of the period; ``settling_days`` is how long outcomes come in."""
    found = []
    if fresh_until is not None and fresh_until < min(period.end, today - timedelta(days=1)):
        found.append(Caveat.STALE)
    if period.end >= today:
        found.append(Caveat.INCOMPLETE)
    # Of a long period the last days weigh little.
    late = today - timedelta(days=settling_days)
    weighs = (period.end - max(late, period.start)).days + 1
    if settling_days and metric != "spend" and period.end >= late and weighs * 5 >= period.days:
        found.append(Caveat.SETTLING)
    return tuple(found)


def _own_caveats(compared: Compared[K], metric: str) -> tuple[Caveat, ...]:
    found = []
    counted = _COUNTED_BY.get(metric)
    if counted is not None and min(getattr(one, counted[0]) for one in compared.whole) < FEW:
        found.append(Caveat.FEW)
    if len(_past_changes(metric, compared)) < LEAST_HISTORY:
        found.append(Caveat.SHORT_HISTORY)
    return tuple(found)


def _level(metric: str, before: Totals, now: Totals, compared: Compared[K]) -> Level:
    value, sum_before = _value(metric, now), _value(metric, before)
    divisor = compared.times if _is_total(metric) else 1
    baseline = None if sum_before is None else sum_before / divisor
    if value is None or baseline is None:
        return Level(metric, value, baseline, None)
    if value <= 0 or baseline <= 0:
        return Level(
            metric, value, baseline, _from_nothing(metric, value, baseline, before, now), Unremarkable.FEW
        )
    spread, measure = _spread(metric, before, now, compared)
    return Level(metric, value, baseline, log(value / baseline) / spread, measure)


def _spread(metric: str, before: Totals, now: Totals, compared: Compared[K]) -> tuple[float, Unremarkable]:
    """What a change of the metric is measured in, and where that comes from."""
    past = _past_changes(metric, compared)
    if len(past) < LEAST_HISTORY:
        usual, measure = UNKNOWN_SPREAD, Unremarkable.UNKNOWN
    else:
        usual = _deviation(past) * (1 + FEW_WIDEN / len(past))
        measure = Unremarkable.USUAL
    counting = 0.0
    if metric in _COUNTED_BY:
        name, factor = _COUNTED_BY[metric]
        counts = [max(getattr(one, name), 1) for one in (before, now)]
        counting = sqrt(factor * sum(1 / count for count in counts))
    return max(usual, counting, LEAST_SPREAD), Unremarkable.FEW if counting > usual else measure


def _deviation(past: Sequence[float]) -> float:
    most = _CLIP * _NORMAL_MAD * median(abs(one) for one in past)
    return sqrt(sum(min(abs(one), most) ** 2 for one in past) / (len(past) * _CLIPPED_VARIANCE))


def _from_nothing(metric: str, value: Decimal, baseline: Decimal, before: Totals, now: Totals) -> float:
    """What began or stopped altogether: on square roots of what it is counted by (Bartlett 1936)."""
    if value == baseline:
        return 0.0
    name = _COUNTED_BY.get(metric, ("clicks", 1))[0]
    old, new = (getattr(one, name) for one in (before, now))
    return 2 * (sqrt(new) - sqrt(old)) / sqrt(2)


def _past_changes(metric: str, compared: Compared[K]) -> list[float]:
    """The logarithms of the same comparison made of each comparable period in the past."""
    found = []
    divisor = compared.times if _is_total(metric) else 1
    for place in range(len(compared.history) - compared.times):
        then = _value(metric, compared.history[place])
        before = _value(metric, sum(compared.history[place + 1 : place + 1 + compared.times], Totals()))
        if then and before and then > 0 and before > 0:
            found.append(log(then * divisor / before))
    return found


def _value(metric: str, totals: Totals) -> Decimal | None:
    return METRICS[metric].compute(Facts(totals))


def _is_total(metric: str) -> bool:
    return hasattr(Totals(), metric)


def _sum(parts: Mapping[K, Totals]) -> Totals:
    return sum(parts.values(), Totals())


def _times(totals: Totals, times: int) -> Totals:
    return sum((totals for _ in range(times)), Totals())


def _settled(value: Decimal) -> Decimal:
    return value.quantize(PLACES, ROUND_HALF_EVEN)


def _exactly(parts: Sequence[PartChange[K]], times: int, difference: Decimal) -> tuple[Contribution[K], ...]:
    """The parts to a millionth; what rounding leaves over goes to the greatest."""
    amounts = [_settled(part.contribution / times) for part in parts]
    if amounts:
        amounts[0] += difference - sum(amounts, Decimal(0))
    made = []
    for part, amount in zip(parts, amounts, strict=True):
        mix = _settled(part.mix / times)
        before, now = (None if one is None else one / times for one in (part.before, part.now))
        made.append(Contribution(part.key, before, now, amount, mix, amount - mix))
    return tuple(made)
