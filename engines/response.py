"""Response curves: what a channel line's spend brings, with carry-over and saturation, from its own history.

The model is that of Jin, Wang, Sun, Chan & Koehler, "Bayesian methods for media mix modeling with carryover
and shape effects" (Google, 2017): geometric carry-over (their equation 1) followed by a Hill curve (their
equation 4), here with slope 1, which is concave, so that an optimum over curves is exact. It is fitted by
least squares on a grid with residual bootstrap instead of their posterior.

What it assumes: the outcome is the line's own (no spend for long enough brings nothing), the season is noise,
and no curve is S-shaped; near the foot of a true S it says "no saturation seen".
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MONTH_DAYS = 30.4375
"""Days of an average month (365.25 / 12)."""

MIN_WEEKS = 8
"""Whole weeks with spend below which no curve is fitted."""

MIN_VARIATION = 0.05
"""Standard deviation of weekly spend over its mean below which the data cannot say what a change brings."""

DRAWS = 200
"""Bootstrap draws behind each band."""

INTERVAL = 0.90
"""Probability the bands are made for."""

BLOCK_WEEKS = 4
"""Residuals are resampled in blocks this long, for slow waves such as seasons."""

CARRY_OVER = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
"""Shares of yesterday's effect still there today that are tried."""

HALF_TIMES = (0.1, 5.0)
"""Half-saturation is sought between these times the mean and the greatest daily level of the history."""

_HALF_STEPS = 32


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
    slope: Floats | float = 1.0

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
    """False where half-saturation lies at the upper end of what was tried: straight as far as seen."""
    greatest_spend: float
    """Of any week, as a month's rate: beyond it the curve is an extrapolation."""

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

    Daily spend ``x`` is carried over, ``a[t] = (1 - c) * x[t] + c * a[t-1]`` (steady spend keeps its level),
    saturated, ``a / (a + k)``, summed to whole weeks that end with the latest day, and scaled to the weekly
    outcome by least squares; ``c`` and ``k`` come from a grid. Draws refit the curve's weeks plus circular
    blocks of its residuals (Künsch 1989; Politis & Romano 1992), scaled for three parameters fitted. One
    currency a line; the result is a month's. Refuses with too few weeks, nothing spent, spend that hardly
    varies, or no outcome. Raises `ValueError` for negative spend or a day given twice.
    """
    spend, outcome = _daily(history)
    refusal = _refuse(spend, outcome)
    return refusal or _fitted(spend.tobytes(), outcome.tobytes(), seed, draws)


@lru_cache(maxsize=512)
def _fitted(spent: bytes, brought: bytes, seed: int, draws: int) -> Fit:
    """The curve of a history, found once: the same question is asked again and again."""
    spend, outcome = np.frombuffer(spent), np.frombuffer(brought)
    decays, halves, features = _grid(spend)
    weekly = _weekly(outcome)
    best, scale = _solve(features, weekly[None, :])
    place = int(best[0])
    fitted = scale[0] * features[place]
    residuals = weekly - fitted
    resampled = fitted + _blocks(residuals, np.random.default_rng(seed), draws)
    drawn, scales = _solve(features, resampled)
    total = float(((weekly - weekly.mean()) ** 2).sum())
    return Fit(
        curve=Curve(float(scale[0]) * MONTH_DAYS, float(halves[place]) * MONTH_DAYS),
        draws=Draws(scales * MONTH_DAYS, halves[drawn] * MONTH_DAYS),
        carry_over=float(decays[place]),
        weeks=len(weekly),
        r_squared=1 - float((residuals**2).sum()) / total if total else 0.0,
        typical_error=float(residuals.std() / weekly.mean()),
        saturation_seen=bool(halves[place] < halves.max() * 0.999),
        greatest_spend=float(_weekly(spend).max()) / 7 * MONTH_DAYS,
    )


def fit_all(
    histories: Mapping[int, Sequence[Day]], *, seed: int = 0, draws: int = DRAWS
) -> dict[int, Fit | Refusal]:
    """`fit` for each line by its identity, each with its own random stream from ``seed``."""
    return {
        line: fit(days, seed=_stream(seed, line), draws=draws) for line, days in sorted(histories.items())
    }


def _stream(seed: int, line: int) -> int:
    return int(np.random.SeedSequence([seed, line]).generate_state(1)[0])


def _daily(history: Sequence[Day]) -> tuple[Floats, Floats]:
    """Spend and outcome of every day from the first to the last."""
    if not history:
        return np.zeros(0), np.zeros(0)
    first = min(one.day for one in history).toordinal()
    places = np.array([one.day.toordinal() - first for one in history])
    if len(np.unique(places)) != len(places):
        raise ValueError("a day is given twice")
    spend, outcome = np.zeros(places.max() + 1), np.zeros(places.max() + 1)
    spend[places] = [float(one.spend) for one in history]
    outcome[places] = [float(one.outcome) for one in history]
    if spend.min() < 0:
        raise ValueError("spend cannot be negative")
    return spend, outcome


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


def _grid(spend: Floats) -> tuple[Floats, Floats, Floats]:
    """Carry-over and half-saturation of every pair tried, and the weekly curve of height 1 of each."""
    levels = _carried(spend, np.array(CARRY_OVER))
    low, high = HALF_TIMES
    halves = np.geomspace(low * spend[spend > 0].mean(), high * spend.max(), _HALF_STEPS)
    features = np.concatenate([_weekly(levels / (levels + half)) for half in halves])
    return np.tile(CARRY_OVER, _HALF_STEPS), np.repeat(halves, len(CARRY_OVER)), features


def _carried(spend: Floats, decays: Floats) -> Floats:
    """Spend with its carry-over, decays by days; before the first day it was as in its first week."""
    level = np.full(len(decays), spend[:7].mean())
    result = np.empty((len(decays), len(spend)))
    for day, amount in enumerate(spend.tolist()):
        level = (1 - decays) * amount + decays * level
        result[:, day] = level
    return result


def _solve(features: Floats, outcomes: Floats) -> tuple[Ints, Floats]:
    """For each row of outcomes, the feature that fits best and its scale, which is kept above 0."""
    norms = (features**2).sum(axis=1)
    products = np.maximum(outcomes @ features.T, 1e-9 * np.abs(outcomes).max() * norms**0.5)
    best = np.asarray((products**2 / norms).argmax(axis=1), np.int64)
    return best, np.asarray(products[np.arange(len(best)), best] / norms[best])


def _blocks(residuals: Floats, rng: np.random.Generator, draws: int) -> Floats:
    """Circular blocks of the residuals, draws by weeks."""
    weeks = len(residuals)
    starts = rng.integers(0, weeks, (draws, -(-weeks // BLOCK_WEEKS), 1))
    places = ((starts + np.arange(BLOCK_WEEKS)) % weeks).reshape(draws, -1)[:, :weeks]
    return np.asarray(residuals[places] * (weeks / (weeks - 3)) ** 0.5)
