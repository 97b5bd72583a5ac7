"""Forecasts of a daily figure with prediction intervals, and when a goal is reached.

Exponential smoothing with a weekly season, with or without a damped trend, by statsmodels (Hyndman, Koehler,
Ord & Snyder, "Forecasting with exponential smoothing: the state space approach", 2008). Square roots are
smoothed: they steady the spread of counts and of money earned in counts (Bartlett 1936) and keep forecasts
from falling below zero. Intervals come from simulated futures, so those of sums know that days hang together.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.response import Estimate, Refusal, estimate

Floats = NDArray[np.float64]

MIN_DAYS = 56
"""Days of history below which nothing is forecast."""

LONGEST = 180
"""Days ahead beyond which nothing is forecast."""

PATHS = 1000
"""Simulated futures behind each interval."""

WEEK = 7


@dataclass(frozen=True, eq=False)
class Forecast:
    """The days after ``last``, with 90 % prediction intervals: of what will be counted, not of its mean."""

    last: date
    days: tuple[Estimate, ...]
    total: Estimate
    """Of all days together."""
    paths: Floats
    """Simulated futures by days."""
    history_days: int
    trend: bool
    """Whether a damped trend describes the history better than none."""

    def days_between(self, first: int, last: int) -> Estimate:
        """The sum of the days from place ``first`` up to but without ``last``."""
        sums = self.paths[:, first:last].sum(axis=1)
        return estimate(float(sums.mean()), sums)

    def reaching(self, goal: float) -> "Reaching":
        """When the sum of the days first reaches ``goal``."""
        sums = self.paths.cumsum(axis=1)
        reached = sums[:, -1] >= goal
        first = np.where(reached, (sums >= goal).argmax(axis=1), np.iinfo(np.int64).max)

        def day(share: float) -> date | None:
            place = int(np.sort(first)[min(int(share * len(first)), len(first) - 1)])
            return None if place == np.iinfo(np.int64).max else self.last + timedelta(days=place + 1)

        return Reaching(day(0.5), day(0.05), day(0.95), float(reached.mean()))


@dataclass(frozen=True)
class Reaching:
    """The day a goal is reached: likeliest half, and the range of 90 %; None where beyond the horizon."""

    middle: date | None
    early: date | None
    late: date | None
    chance: float
    """Probability that it is reached within the horizon."""


def forecast(history: Sequence[float], last: date, days: int, *, seed: int = 0) -> Forecast | Refusal:
    """Forecast ``days`` days from a daily figure that ends with the day ``last``, oldest first.

    Refuses with less than `MIN_DAYS` of history from the first day above 0 on, nothing in the last four
    weeks, or more than `LONGEST` days ahead. Raises `ValueError` for a negative figure or no days.
    """
    if days < 1:
        raise ValueError("a forecast needs at least one day")
    values = np.trim_zeros(np.asarray(history, np.float64), "f")
    if len(values) and values.min() < 0:
        raise ValueError("a figure to forecast cannot be negative")
    refusal = _refuse(values, days)
    return refusal or _forecast(values.tobytes(), last, days, seed)


def _refuse(values: Floats, days: int) -> Refusal | None:
    if len(values) < MIN_DAYS:
        return Refusal(
            "too_little_history",
            f"only {len(values)} days with data; a forecast needs {MIN_DAYS}",
            f"ask again in {MIN_DAYS - len(values)} days, or import its history",
        )
    if not values[-28:].any():
        return Refusal("stopped", "nothing has come in for four weeks", "check that it runs and is tracked")
    if days > LONGEST:
        return Refusal(
            "too_far", f"a forecast goes {LONGEST} days ahead at most", f"ask for at most {LONGEST} days"
        )
    return None


@lru_cache(maxsize=256)
def _forecast(kept: bytes, last: date, days: int, seed: int) -> Forecast:
    values = np.frombuffer(kept)
    fitted, trend = _fitted(np.sqrt(values))
    rng = np.random.default_rng(seed)
    paths = np.asarray(fitted.simulate(days, anchor="end", repetitions=PATHS, rng=rng), np.float64).T
    paths = paths.reshape(PATHS, days) + _start(fitted, len(values), rng)
    drawn = np.maximum(paths, 0) ** 2
    sums = drawn.sum(axis=1)
    return Forecast(
        last=last,
        days=tuple(estimate(float(day.mean()), day) for day in drawn.T),
        total=estimate(float(sums.mean()), sums),
        paths=drawn,
        history_days=len(values),
        trend=trend,
    )


def _start(fitted: Any, count: int, rng: np.random.Generator) -> Floats:
    """What is not known of the level the futures start from: simulation takes it as certain.

    With smoothing weight ``a`` the level rests on about ``(2 - a) / a`` days (Brown 1963), at most all.
    """
    alpha = max(float(fitted.smoothing_level), 1e-9)
    resting = min((2 - alpha) / alpha, count)
    return np.asarray(
        float(np.std(fitted.resid)) / math.sqrt(resting) * rng.standard_normal((PATHS, 1)), np.float64
    )


def _fitted(values: Floats) -> tuple[Any, bool]:
    """The better of no trend and a damped one by the corrected information criterion."""
    # Kept out of the start of every command: it brings pandas with it.
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    season = {"seasonal": "add", "seasonal_periods": WEEK, "initialization_method": "heuristic"}
    with warnings.catch_warnings():
        # An optimum on the edge of what is allowed is one all the same.
        warnings.simplefilter("ignore")
        plain = ETSModel(values, error="add", **season).fit(disp=False)
        damped = ETSModel(values, error="add", trend="add", damped_trend=True, **season).fit(disp=False)
    return (damped, True) if damped.aicc < plain.aicc else (plain, False)
