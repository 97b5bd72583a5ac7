"""What a line's history says of its response curve: a posterior over carry-over, saturation, slope and level.

The model is that of Jin, Wang, Sun, Chan & Koehler, "Bayesian methods for media mix modeling with carryover
and shape effects" (Google, 2017): geometric carry-over (their equation 1), then a Hill curve (equation 4),
times a yearly wave. Carry-over, half-saturation and slope are summed over a grid, which at three dimensions
is exact enough and needs no sampler; level and wave are conjugate (normal with unknown variance: Gelman et
al., "Bayesian data analysis", 3rd ed., section 14.2), so nothing is left to chance but the draws themselves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CARRY_OVER = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.85, 0.92, 0.97)
"""Shares of yesterday's effect still there today that are tried; before the data each span is as likely."""

SLOPES = (0.7, 0.85, 1.0, 1.2, 1.45, 1.75, 2.1, 2.6)
"""Slopes tried: 1 and below is concave, above is S-shaped."""

USUAL_SLOPE, SLOPE_SPREAD = 1.25, 0.35
"""Median slope before the data, and the standard deviation of its logarithm."""

HALF_TIMES = (0.12, 30.0)
"""Half-saturation is sought between these times the usual spend."""

USUAL_HALF, HALF_SPREAD = 1.0, 0.6
"""Its median before the data, in times of the usual spend, and the standard deviation of its logarithm."""

WAVE = 0.12
"""Standard deviation, before the data, of each of the two parts of the yearly wave."""

LEVEL_DOUBT = 0.04
"""Standard deviation of the logarithm of the level that no number of weeks removes: which customers a line
happened to win, and how its outcome is counted, stay the same from week to week."""

_HALF_STEPS = 24
_LEAST_VARIANCE = 0.2
"""Variance of a week without spend, in that of an average one."""
_PRIOR_WEEKS = 1.0


@dataclass(frozen=True, eq=False)
class Posterior:
    """Curves as likely as the data make them, one element a draw; money and outcome a day."""

    ceiling: Floats
    half: Floats
    slope: Floats
    carry_over: float
    """The likeliest of those tried."""
    fitted: Floats
    """Weekly outcome of the likeliest curve, the wave included."""
    wave: float
    """Height of the likeliest curve's yearly wave, as a share of its level."""
    against_constant: float
    """Natural logarithm of the odds the data give the curve over an outcome that spend does not move."""


def posterior(spend: Floats, weekly: Floats, ordinals: Ints, rng: Generator, draws: int) -> Posterior:
    """``draws`` curves given daily ``spend`` and the ``weekly`` outcome of the last whole weeks.

    ``ordinals`` are the days' `date.toordinal` numbers. The variance of a week grows with its spend, as that
    of counts does; where residuals follow each other, weeks count for less (Bayley & Hammersley 1946).
    """
    shapes = _shapes(spend)
    wave = _wave(ordinals)
    usual = float(weekly.mean())
    paid = _weeks(spend)
    variance = _LEAST_VARIANCE + (1 - _LEAST_VARIANCE) * paid / paid.mean()
    first = _Model(shapes.features, wave, weekly, 1 / variance, usual, 0.05 * usual)
    best = int((first.evidence() + shapes.prior).argmax())
    residuals = (weekly - first.predicted(best)) / variance**0.5
    noise = float((residuals**2).sum() / max(len(weekly) - 3, 1))
    worth = _independence(residuals)
    model = _Model(shapes.features, wave, weekly, worth / variance, usual, noise * worth)
    evidence = model.evidence() + shapes.prior
    chances = np.exp(evidence - evidence.max())
    total = float(evidence.max() + np.log(chances.sum()))
    constant = _Model(np.ones((1, len(weekly))), wave, weekly, worth / variance, usual, noise * worth)
    chances /= chances.sum()
    places = np.minimum(
        np.searchsorted(np.cumsum(chances), (np.arange(draws) + rng.random(draws)) / draws), len(chances) - 1
    )
    places = rng.permutation(places)
    level = np.maximum(model.draw(places, rng), 1e-6 * usual) / 7
    level *= np.exp(LEVEL_DOUBT * rng.standard_normal(draws))
    carried = np.bincount(shapes.carried, chances, len(CARRY_OVER))
    likeliest = int(chances.argmax())
    return Posterior(
        ceiling=level / shapes.reached[places],
        half=shapes.half[places],
        slope=shapes.slope[places],
        carry_over=CARRY_OVER[int(carried.argmax())],
        fitted=model.predicted(likeliest),
        wave=float(np.hypot(*model.mean[likeliest, 1:]) / max(model.mean[likeliest, 0], 1e-9 * usual)),
        against_constant=total - float(constant.evidence()[0]),
    )


@dataclass(frozen=True, eq=False)
class _Shapes:
    """Every shape tried; a feature is the weekly outcome of a curve that brings 1 a week at usual spend."""

    features: Floats
    carried: Ints
    """Place of its carry-over."""
    half: Floats
    slope: Floats
    reached: Floats
    """Share of the ceiling at usual spend."""
    prior: Floats
    """Logarithm of its chance before the data; they sum to 1."""


def _shapes(spend: Floats) -> _Shapes:
    usual = float(spend[spend > 0].mean())
    low, high = HALF_TIMES
    halves = usual * np.geomspace(low, high, _HALF_STEPS)
    slopes = np.array(SLOPES)
    levels = np.log(np.maximum(carried(spend, np.array(CARRY_OVER)), 1e-9 * usual))
    # Carry-over and start, half-saturation, slope, days.
    powers = slopes[None, None, :, None] * (np.log(halves)[None, :, None, None] - levels[:, None, None, :])
    reached = 1 / (1 + np.exp(np.minimum(powers, 700)))
    at_usual = 1 / (1 + (halves[:, None] / usual) ** slopes[None, :])
    features = _weeks(reached) / 7 / at_usual[None, :, :, None]
    widths = np.gradient(np.array(CARRY_OVER))
    prior = np.add.outer(
        np.log(np.tile(widths, 2)),
        np.add.outer(
            -0.5 * ((np.log(halves / usual) - np.log(USUAL_HALF)) / HALF_SPREAD) ** 2,
            np.log(np.gradient(np.log(slopes)))
            - 0.5 * ((np.log(slopes) - np.log(USUAL_SLOPE)) / SLOPE_SPREAD) ** 2,
        ),
    )
    prior -= np.log(np.exp(prior).sum())
    shape = prior.shape
    place = np.arange(shape[0]) % len(CARRY_OVER)
    return _Shapes(
        features=features.reshape(-1, features.shape[-1]),
        carried=np.broadcast_to(place[:, None, None], shape).ravel(),
        half=np.broadcast_to(halves[None, :, None], shape).ravel(),
        slope=np.broadcast_to(slopes[None, None, :], shape).ravel(),
        reached=np.broadcast_to(at_usual[None], shape).ravel(),
        prior=prior.ravel(),
    )


def carried(spend: Floats, decays: Floats) -> Floats:
    """Spend with its carry-over: decays by days, twice.

    First as if spend had been like its first week before, then as if there had been none.
    """
    kept = np.tile(decays, 2)
    level = np.repeat([spend[:7].mean(), 0.0], len(decays))
    result = np.empty((len(kept), len(spend)))
    for day, amount in enumerate(spend.tolist()):
        level = (1 - kept) * amount + kept * level
        result[:, day] = level
    return result


def _weeks(daily: Floats) -> Floats:
    """Sums of whole weeks that end with the last day, along the last axis."""
    weeks = daily.shape[-1] // 7
    whole = daily[..., daily.shape[-1] - 7 * weeks :]
    return np.asarray(whole.reshape(*daily.shape[:-1], weeks, 7).sum(axis=-1))


def _wave(ordinals: Ints) -> Floats:
    """Cosine and sine of the year at each week."""
    angle = 2 * np.pi * ordinals / 365.25
    return np.asarray(_weeks(np.stack([np.cos(angle), np.sin(angle)])) / 7)


def _independence(residuals: Floats) -> float:
    """Share of the weeks that counts: below 1 where a residual resembles the one before."""
    count = len(residuals)
    centred = residuals - residuals.mean()
    likeness = float((centred[1:] * centred[:-1]).sum() / max((centred**2).sum(), 1e-300))
    excess = float(np.clip(likeness - 1 / count**0.5, 0, 0.8))
    return (1 - excess) / (1 + excess)


class _Model:
    """Of every shape: ``y = level * feature * (1 + a cos + b sin)``, normal noise of unknown variance."""

    def __init__(
        self, features: Floats, wave: Floats, weekly: Floats, weights: Floats, usual: float, noise: float
    ) -> None:
        self._features = features
        self._wave = np.vstack([np.ones(len(weekly)), wave])
        self._count = float((weights * len(weights) / weights.sum()).sum())
        products = self._wave[:, None, :] * self._wave[None, :, :] * weights
        squares = features**2
        inner = np.einsum("sw,ijw->sij", squares, products)
        held = noise / (WAVE * usual) ** 2
        self._precision = inner + np.diag([1e-9 * float(inner[:, 0, 0].mean()), held, held])
        right = np.einsum("sw,iw->si", features, self._wave * (weekly * weights))
        self.mean = np.linalg.solve(self._precision, right[:, :, None])[:, :, 0]
        squared = float((weekly**2 * weights).sum()) - (right * self.mean).sum(axis=1)
        self._squared = np.maximum(squared, 1e-9 * float((weekly**2 * weights).sum())) + _PRIOR_WEEKS * noise
        self._freedom = self._count + _PRIOR_WEEKS - 1

    def evidence(self) -> Floats:
        """Logarithm of each shape's likelihood with level, wave and variance summed out, up to a constant."""
        determinant = np.linalg.slogdet(self._precision)[1]
        return np.asarray(-0.5 * determinant - 0.5 * self._freedom * np.log(self._squared))

    def predicted(self, shape: int) -> Floats:
        """Weekly outcome of a shape at its likeliest level and wave."""
        return np.asarray(self._features[shape] * (self.mean[shape] @ self._wave))

    def draw(self, shapes: Ints, rng: Generator) -> Floats:
        """A level for each of the shapes."""
        variance = self._squared[shapes] / rng.chisquare(self._freedom, len(shapes))
        spread = np.linalg.inv(self._precision[shapes])[:, 0, 0]
        return np.asarray(
            self.mean[shapes, 0] + (variance * spread) ** 0.5 * rng.standard_normal(len(shapes))
        )
