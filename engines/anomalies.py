"""Days on which a metric was not what the weeks before let expect, and what they come from.

A day is judged by the days before it alone, so that yesterday can be judged today and what happened since
says nothing of it. On square roots (they steady the spread of counts and of money earned in counts: Bartlett
1936) the level is the median of the last two weeks less the weekday's usual deviation; a day's distance from
it is measured in the usual distance of such expectations, by the median absolute deviation (Hampel, "The
influence curve and its role in robust estimation", 1974), so that earlier anomalies do not hide later ones.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engines.change import Change, explain
from engines.metrics import METRICS, Facts, Totals
from engines.response import Estimate, Refusal

Floats = NDArray[np.float64]
K = TypeVar("K")

PAST_DAYS = 63
"""Days a day is judged by."""

LEVEL_DAYS = 14
"""Days whose median is the level."""

LIMIT = 4.0
"""Usual distances from the expectation from which on a day is unusual."""

LEAST_SPREAD = 0.03
"""Usual distance that is never gone below, as a share of the expected square root (6 % of the figure)."""

WEEKS_COMPARED = 4
"""An unusual day is compared with the same weekday of so many weeks before."""

SURELY_MISSED = 9.2
"""Outcomes expected of the clicks of days without any from which on counting has surely stopped: by chance
that happens once in ten thousand times (Poisson)."""

COUNTED_ON, STOPPED = 0.5, 0.1
"""Share of the usual clicks above which visitors came, and of the usual outcome below which none counts."""

_NORMAL_MAD = 1.4826
_WEEK = 7


@dataclass(frozen=True)
class Unusual:
    """A day that stands out."""

    day: date
    value: float
    expected: Estimate
    """With the range a usual day stays in."""
    score: float
    """Distance from the expectation in usual distances; negative below it. Beyond `LIMIT` it is unusual."""

    @property
    def is_drop(self) -> bool:
        """Whether it lies below what was expected."""
        return self.score < 0


def unusual_days(values: Sequence[float | None], last: date, days: int) -> tuple[Unusual, ...] | Refusal:
    """The unusual ones among the latest ``days`` of a daily figure that ends with ``last``, oldest first.

    None is a day on which the figure has no value (a ratio of nothing): it is neither judged nor counted.
    Before the days judged, up to `PAST_DAYS` are looked at. Refuses where fewer than half of them, or of
    the two weeks before the first judged day, have a value. Raises `ValueError` for a negative figure or no
    days.
    """
    if days < 1:
        raise ValueError("at least one day must be judged")
    figures = np.array([np.nan if value is None else value for value in values], np.float64)
    if len(figures) and np.nanmin(figures, initial=0.0) < 0:
        raise ValueError("a figure to be judged cannot be negative")
    padded = np.concatenate([np.full(PAST_DAYS, np.nan), figures])[-(PAST_DAYS + days) :]
    past = padded[:PAST_DAYS]
    if np.isfinite(past).sum() < PAST_DAYS / 2 or np.isfinite(past[-LEVEL_DAYS:]).sum() < LEVEL_DAYS / 2:
        return Refusal(
            "too_little_history",
            f"only {int(np.isfinite(past).sum())} days with a value before those judged; "
            f"{PAST_DAYS // 2 + 1} are needed",
            "ask again in some weeks, or import its history",
        )
    found = []
    for place in range(PAST_DAYS, len(padded)):
        if np.isfinite(padded[place]):
            one = _judged(padded[place - PAST_DAYS : place], float(padded[place]))
            if one is not None and abs(one[1]) > LIMIT:
                day = last - timedelta(days=len(padded) - 1 - place)
                found.append(Unusual(day, float(padded[place]), *one))
    return tuple(found)


def _judged(past: Floats, value: float) -> tuple[Estimate, float] | None:
    """What a day was expected to be, and its score; None where the days before say nothing."""
    roots = np.sqrt(past)
    ago = np.arange(len(roots), 0, -1)
    deviations = np.zeros(_WEEK)
    middle = np.nanmedian(roots)
    if not np.isfinite(middle):
        return None
    # The weekday of the day judged is 0; each weekday against the week around it.
    around = _medians(roots, _WEEK)
    for weekday in range(_WEEK):
        same = (roots - around)[ago % _WEEK == weekday]
        known = same[np.isfinite(same)]
        deviations[weekday] = np.median(known) if len(known) else 0.0
    level = roots - deviations[ago % _WEEK]
    windows = sliding_window_view(level, LEVEL_DAYS)
    known_enough = np.isfinite(windows).sum(axis=1) >= LEVEL_DAYS / 2
    if not known_enough[-1]:
        return None
    before = np.full(len(windows), np.nan)
    before[known_enough] = np.nanmedian(windows[known_enough], axis=1)
    missed = level[LEVEL_DAYS:] - before[:-1]
    missed = missed[np.isfinite(missed)]
    if not len(missed):
        return None
    expected = max(float(before[-1] + deviations[0]), 0.0)
    spread = max(float(np.median(np.abs(missed)) * _NORMAL_MAD), LEAST_SPREAD * expected, 1e-9)
    low, high = max(expected - LIMIT * spread, 0.0) ** 2, (expected + LIMIT * spread) ** 2
    return Estimate(expected**2, low, high), (value**0.5 - expected) / spread


def _medians(values: Floats, width: int) -> Floats:
    """Centred running medians, the ends those of the nearest whole window."""
    windows = sliding_window_view(values, width)
    medians = np.full(len(windows), np.nan)
    some = np.isfinite(windows).any(axis=1)
    medians[some] = np.nanmedian(windows[some], axis=1)
    half = width // 2
    return np.concatenate([np.full(half, medians[0]), medians, np.full(width - 1 - half, medians[-1])])


class Suspicion(StrEnum):
    """What an unusual day looks like."""

    TRACKING = "tracking"
    """Outcome stopped being counted while visitors kept coming."""
    VOLUME = "volume"
    """Most of it is how much was spent, shown or clicked."""
    RATE = "rate"
    """Most of it is what came of that."""


@dataclass(frozen=True)
class Source(Generic[K]):
    """What an unusual day comes from, against the same weekday of the weeks before."""

    change: Change[K]
    """Of `WEEKS_COMPARED` times the day against those weeks' days together, where the metric is a total."""
    suspicion: Suspicion
    suspects: tuple[K, ...]
    """The parts whose outcome stopped, or the one that adds most."""


def source(
    metric: str, weekdays: Sequence[Mapping[K, Totals]], day: Mapping[K, Totals]
) -> Source[K] | Refusal:
    """Explain a day by part (channel, campaign): ``weekdays`` are the same weekdays of the weeks before.

    Contributions are those of `engines.change.explain`, of the day taken as often as there are weekdays, so
    that money and counts stay exact. Refuses what that refuses, and no weekdays.
    """
    if not weekdays:
        return Refusal("too_little_history", "there is no such weekday before", "ask again in a week")
    usual: dict[K, Totals] = {}
    for one in weekdays:
        for key, totals in one.items():
            usual[key] = usual.get(key, Totals()) + totals
    times = len(weekdays)
    now = {key: _times(totals, times) for key, totals in day.items()}
    change = explain(metric, usual, now)
    if isinstance(change, Refusal):
        return change
    silent = tuple(key for key, before in usual.items() if _silent(before, now.get(key, Totals())))
    lost = sum((usual[key].conversions for key in silent), 0)
    before = sum((totals.conversions for totals in usual.values()), 0)
    dropped = before - sum((totals.conversions for totals in now.values()), 0)
    if silent and 2 * lost >= dropped > 0:
        return Source(change, Suspicion.TRACKING, silent)
    parts = tuple(part.key for part in change.parts[:1])
    mixed = sum(abs(part.mix) for part in change.parts)
    rated = sum(abs(part.rate) for part in change.parts)
    return Source(change, Suspicion.VOLUME if mixed > rated else Suspicion.RATE, parts)


def _times(totals: Totals, times: int) -> Totals:
    return sum((totals for _ in range(times)), Totals())


def _silent(before: Totals, now: Totals) -> bool:
    """Whether a part's outcome stopped while its visitors kept coming."""
    if before.conversions < 2 * WEEKS_COMPARED:
        return False
    came = now.clicks >= Decimal(str(COUNTED_ON)) * before.clicks > 0
    return came and now.conversions <= Decimal(str(STOPPED)) * before.conversions


@dataclass(frozen=True)
class Silence(Generic[K]):
    """A part whose visitors keep coming while no outcome is counted: most likely a broken tracker."""

    key: K
    since: date
    """The first day without an outcome."""
    clicks: int
    missed: float
    """Outcomes these clicks would usually have brought."""


def silences(parts: Mapping[K, Mapping[date, Totals]], until: date) -> tuple[Silence[K], ...]:
    """Parts without an outcome on their latest days up to ``until``, though clicks should have brought some.

    The usual rate is that of the `PAST_DAYS` before the first such day. Those with most missed come first.
    """
    found = []
    for key, by_day in parts.items():
        since = until + timedelta(days=1)
        while since > until - timedelta(days=PAST_DAYS):
            if by_day.get(since - timedelta(days=1), Totals()).conversions:
                break
            since -= timedelta(days=1)
        before = _sum(by_day, since - timedelta(days=PAST_DAYS), since - timedelta(days=1))
        now = _sum(by_day, since, until)
        if not before.clicks:
            continue
        missed = before.conversions / before.clicks * now.clicks
        if missed >= SURELY_MISSED:
            found.append(Silence(key, since, now.clicks, missed))
    return tuple(sorted(found, key=lambda one: -one.missed))


def _sum(by_day: Mapping[date, Totals], first: date, last: date) -> Totals:
    days = ((last - first).days + 1) if last >= first else 0
    return sum((by_day.get(first + timedelta(days=place), Totals()) for place in range(days)), Totals())


@dataclass(frozen=True)
class Stopped(Generic[K]):
    """A part that reported day after day, and no longer does: a source or an account that broke off."""

    key: K
    since: date
    """The first day without a report."""
    days: int
    """Days without one so far."""


REPORTED_DAYS = 12
"""Days of the two weeks before its last report on which a part must have reported."""

MISSED_DAYS = 3
"""Days without a report from which on it has stopped."""

LONGEST_STOP = 30
"""Days after which a part that stopped has rather ended."""


def stopped(reports: Mapping[K, Collection[date]], until: date) -> tuple[Stopped[K], ...]:
    """Parts without a report on their latest days up to ``until``, by the days each reported on.

    Those that stopped last come first.
    """
    found = []
    for key, on in reports.items():
        last = max((day for day in on if day <= until), default=None)
        if last is None or not MISSED_DAYS <= (until - last).days <= LONGEST_STOP:
            continue
        usual = sum(last - timedelta(days=LEVEL_DAYS) < day <= last for day in on)
        if usual >= REPORTED_DAYS:
            found.append(Stopped(key, last + timedelta(days=1), (until - last).days))
    return tuple(sorted(found, key=lambda one: one.days))


def series(metric: str, by_day: Mapping[date, Totals], first: date, last: date) -> list[float | None]:
    """A metric's value of each day from ``first`` to ``last``.

    Days without data count as nothing at all; those before the first with data, and those on which the metric
    cannot be computed, have no value.
    """
    values: list[float | None] = []
    begins = min(by_day, default=last + timedelta(days=1))
    for place in range((last - first).days + 1):
        if first + timedelta(days=place) < begins:
            values.append(None)
            continue
        value = METRICS[metric].compute(Facts(by_day.get(first + timedelta(days=place), Totals())))
        values.append(None if value is None else float(value))
    return values
