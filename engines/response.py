"""Response curves: what a channel line's spend brings, with carry-over and saturation, from its own history.

`engines.posterior` says how likely every curve is; here are the curves, what is asked of a history before one
is fitted, and what is told of it after.

What it assumes: the outcome is the line's own (no spend for long enough brings nothing), demand moves with a
yearly wave, and the curve itself does not change within the history.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engines.posterior import Posterior, posterior

Floats = NDArray[np.float64]

MONTH_DAYS = 30.4375
"""Days of an average month (365.25 / 12)."""

MIN_WEEKS = 8
"""Whole weeks with spend below which no curve is fitted."""

MIN_VARIATION = 0.05
"""Standard deviation of weekly spend over its mean below which the data cannot say what a change brings."""

DRAWS = 400
"""Curves drawn behind each band."""

INTERVAL = 0.90
"""Probability the bands are made for."""

STRAIGHT = 0.8
"""Marginal over average return at the greatest spend from which on no saturation counts as seen."""

UNMOVED = 1.0
"""Odds the data give a curve over an outcome that spend does not move, below which no curve is told."""

MOST_DOUBT = 0.6
"""Half-width of the band at usual spend, over its value, beyond which no curve is told."""


@dataclass(frozen=True)
class Refusal:
    """Why an engine does not answer, and what would help."""

    code: str
    reason: str
    cure: str


@dataclass(frozen=True)
class Day:
    """A day of a channel line: money spent and what came of it (revenue or conversions)."""

    day: date
    spend: Decimal
    outcome: Decimal


@dataclass(frozen=True)
class Estimate:
    """A figure with the range it lies in with probability `INTERVAL`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """Expected outcome of a month at a steady spend: ``ceiling * x^s / (x^s + half^s)``; 0 at 0.

    Concave up to a slope ``s`` of 1, S-shaped above it. Raises `ValueError` where a part is not positive.
    """

    ceiling: float
    """Outcome a month that no spend exceeds."""
    half: float
    """Spend a month that brings half of it."""
    slope: float = 1.0

    def __post_init__(self) -> None:
        if not (self.ceiling > 0 and self.half > 0 and self.slope > 0):
            raise ValueError("a response curve needs a positive ceiling, half-saturation and slope")

    def at(self, spend: float) -> float:
        """Expected outcome of ``spend`` a month."""
        return self.ceiling * _share(spend, self.half, self.slope)

    def marginal(self, spend: float) -> float:
        """What the next unit of money brings at ``spend`` a month."""
        spent = max(spend, 1e-9 * self.half)
        share = _share(spent, self.half, self.slope)
        return self.ceiling * self.slope / spent * share * (1 - share)


def _share(spend: float, half: float, slope: float) -> float:
    """Share of the ceiling that ``spend`` reaches."""
    return 1 / (1 + math.exp(slope * math.log(half / spend))) if spend > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Draws:
    """Curves the data would as well have given, one element a draw."""

    ceiling: Floats
    half: Floats
    slope: Floats

    def at(self, spend: float) -> Floats:
        """Expected outcome of ``spend`` a month under each draw."""
        if spend <= 0:
            return np.zeros(len(self.half))
        return np.asarray(self.ceiling / (1 + (self.half / spend) ** self.slope))


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted curve and how far to trust it."""

    curve: Curve
    draws: Draws
    carry_over: float
    """Share of yesterday's effect still there today."""
    weeks: int
    """Whole weeks it rests on."""
    r_squared: float
    """Share of the weekly outcome's variance explained; negative where the mean alone does better."""
    typical_error: float
    """Standard deviation of the residuals over the mean weekly outcome."""
    saturation_seen: bool
    """False where the return hardly falls up to the greatest spend: straight as far as seen."""
    greatest_spend: float
    """Of any week, as a month's rate: beyond it the curve is an extrapolation."""
    season: float = 0.0
    """Height of the yearly wave that was fitted with it, as a share; the curve is of the year's mean."""
    usual: float = 0.0
    """Mean spend of the days with any, as a month's rate."""
    learned: bool = False
    """Whether `engines.bandit` learned it from a few weeks, without carry-over and season."""

    def expected(self, spend: float) -> Estimate:
        """Expected outcome of ``spend`` a month with its band (of the expectation, not of a single month)."""
        return estimate(self.curve.at(spend), self.draws.at(spend))


def estimate(value: float, drawn: Floats) -> Estimate:
    """``value`` with the central `INTERVAL` of ``drawn``, widened to hold the value itself."""
    tail = (1 - INTERVAL) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail)).tolist()
    return Estimate(value, min(low, value), max(high, value))


def fit(history: Sequence[Day], *, seed: int = 0, draws: int = DRAWS) -> Fit | Refusal:
    """The curve of one line from its days, in any order; days missing between them count as nothing spent.

    Daily spend is carried over (steady spend keeps its level), saturated, and summed to whole weeks that end
    with the latest day. Draws come from the posterior; the curve told is the one nearest to their mean, up to
    twice the greatest spend. One currency a line; the result is a month's. Refuses with too few weeks,
    nothing spent, spend that hardly varies, no outcome, an outcome that spend does not move, or too much
    noise. Raises `ValueError` for negative spend or a day given twice.
    """
    first, spend, outcome = _daily(history)
    refusal = _refuse(spend, outcome)
    return refusal or _fitted(first, spend.tobytes(), outcome.tobytes(), seed, draws)


@lru_cache(maxsize=512)
def _fitted(first: int, spent: bytes, brought: bytes, seed: int, draws: int) -> Fit | Refusal:
    """The curve of a history, found once: the same question is asked again and again."""
    spend, outcome = np.frombuffer(spent), np.frombuffer(brought)
    weekly = _weekly(outcome)
    found = posterior(spend, weekly, np.arange(first, first + len(spend)), np.random.default_rng(seed), draws)
    drawn = Draws(found.ceiling * MONTH_DAYS, found.half * MONTH_DAYS, found.slope)
    usual = float(spend[spend > 0].mean()) * MONTH_DAYS
    refusal = _unsure(found, drawn, usual)
    if refusal is not None:
        return refusal
    residuals = weekly - found.fitted
    total = float(((weekly - weekly.mean()) ** 2).sum())
    greatest = float(_weekly(spend).max()) / 7 * MONTH_DAYS
    curve = nearest(drawn, greatest)
    return Fit(
        curve=curve,
        draws=drawn,
        carry_over=found.carry_over,
        weeks=len(weekly),
        r_squared=1 - float((residuals**2).sum()) / total if total else 0.0,
        typical_error=float(residuals.std() / weekly.mean()),
        saturation_seen=curve.marginal(greatest) * greatest < STRAIGHT * curve.at(greatest),
        greatest_spend=greatest,
        usual=usual,
        season=found.wave,
    )


def _unsure(found: Posterior, drawn: Draws, usual: float) -> Refusal | None:
    """Why what was found cannot be told as a curve, if so."""
    if found.against_constant < math.log(UNMOVED):
        return Refusal(
            "no_response",
            "its outcome stays as it is whether more or less is spent",
            "check that its outcome is tracked as its own, or pause it for two weeks to see what is lost",
        )
    band = estimate(float(drawn.at(usual).mean()), drawn.at(usual))
    doubt = (band.high - band.low) / 2 / band.value
    if doubt > MOST_DOUBT:
        return Refusal(
            "too_noisy",
            f"its outcome swings so much that what its usual spend brings is known to ±{doubt:.0%} only",
            "let it run longer, or judge it together with others",
        )
    return None


def nearest(drawn: Draws, greatest: float) -> Curve:
    """The Hill curve nearest to the mean of the draws up to twice the greatest spend, by least squares."""
    points = greatest * np.linspace(0.05, 2, 40)
    mean = np.stack([drawn.at(point) for point in points.tolist()]).mean(axis=1)
    halves = np.geomspace(drawn.half.min() * 0.99, drawn.half.max() * 1.01, 60)
    slopes = np.linspace(0.5, 3, 51)
    shapes = 1 / (1 + (halves[:, None, None] / points) ** slopes[None, :, None])
    ceilings = (shapes @ mean) / (shapes**2).sum(axis=2)
    missed = ((ceilings[:, :, None] * shapes - mean) ** 2).sum(axis=2)
    half, slope = np.unravel_index(int(missed.argmin()), missed.shape)
    return Curve(float(ceilings[half, slope]), float(halves[half]), float(slopes[slope]))


def fit_all(
    histories: Mapping[int, Sequence[Day]], *, seed: int = 0, draws: int = DRAWS
) -> dict[int, Fit | Refusal]:
    """`fit` for each line by its identity, each with its own random stream from ``seed``."""
    return {
        line: fit(days, seed=_stream(seed, line), draws=draws) for line, days in sorted(histories.items())
    }


def _stream(seed: int, line: int) -> int:
    return int(np.random.SeedSequence([seed, line]).generate_state(1)[0])


def _daily(history: Sequence[Day]) -> tuple[int, Floats, Floats]:
    """The first day, and spend and outcome of every day from it to the last."""
    if not history:
        return 0, np.zeros(0), np.zeros(0)
    first = min(one.day for one in history).toordinal()
    places = np.array([one.day.toordinal() - first for one in history])
    if len(np.unique(places)) != len(places):
        raise ValueError("a day is given twice")
    spend, outcome = np.zeros(places.max() + 1), np.zeros(places.max() + 1)
    spend[places] = [float(one.spend) for one in history]
    outcome[places] = [float(one.outcome) for one in history]
    if spend.min() < 0:
        raise ValueError("spend cannot be negative")
    return first, spend, outcome


def _weekly(daily: Floats) -> Floats:
    """Sums of whole weeks that end with the last day, along the last axis."""
    weeks = daily.shape[-1] // 7
    whole = daily[..., daily.shape[-1] - 7 * weeks :]
    return np.asarray(whole.reshape(*daily.shape[:-1], weeks, 7).sum(axis=-1))


def _refuse(spend: Floats, outcome: Floats) -> Refusal | None:
    weekly = _weekly(spend)
    weeks = int((weekly > 0).sum())
    if weeks < MIN_WEEKS:
        return Refusal(
            "too_little_history",
            f"only {weeks} whole weeks with spend; a curve needs {MIN_WEEKS}",
            f"let it run {MIN_WEEKS - weeks} weeks more, or import its history",
        )
    variation = float(weekly.std() / weekly.mean())
    if variation < MIN_VARIATION:
        return Refusal(
            "no_variation",
            f"weekly spend varies by {variation:.1%} only, so the data cannot say what a change would bring",
            "spend visibly more or less for some weeks",
        )
    if _weekly(outcome).sum() <= 0:
        return Refusal(
            "no_outcome",
            "spend has brought no recorded outcome",
            "check that its conversions are tracked and imported",
        )
    return None
