"""Splitting a weekly budget where there is no history: learn what each channel brings while it is spent.

Each channel's response is a Hill curve whose level and half-saturation wander and sometimes jump. What the
weeks so far say of it is kept as chances on a grid (a point-mass filter: Bucy & Senne, "Digital synthesis of
non-linear filters", Automatica 7, 1971): a week passing spreads them out, which is how old weeks are
forgotten; a week observed multiplies them by its likelihood (normal, of unknown spread). To choose is to draw
curves from these chances (Thompson sampling: Russo et al., "A tutorial on Thompson sampling", 2018, section
7.1 on approximate posteriors) and to split the money exactly for what was drawn (`engines.allocation`).

Before any week the shapes are as likely as `engines.posterior` takes them to be, and every channel as good
as another.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engines.allocation import Allocation, Curves, Problem, allocate
from engines.posterior import HALF_SPREAD, SLOPE_SPREAD, USUAL_HALF, USUAL_SLOPE
from engines.terms import minor_units

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL_STEP = 0.1
"""Step of the grid in the logarithm of a channel's return at usual spend."""

LEVELS = 51
"""Steps of that grid: a factor of 12 either way."""

LEVEL_SPREAD = 0.7
"""Standard deviation of that logarithm between channels before the first week."""

HALVES = np.geomspace(0.15, 8.0, 14)
"""Half-saturation, in times of the usual spend."""

SLOPES = np.array([0.75, 1.0, 1.3, 1.7])

NOISES = np.array([0.06, 0.09, 0.14, 0.2, 0.3, 0.45, 0.7])
"""Standard deviation of a week's outcome over its expectation, at usual spend."""

LEVEL_DRIFT, HALF_DRIFT = 0.05, 0.03
"""Standard deviations of a week's change of the logarithms."""

JUMP, JUMP_SPREAD = 0.02, 0.4
"""Chance that a week brings a jump of the level, and how far in its logarithm."""

DRAWS = 3
"""Curves drawn a channel and week, whose mean is what money is split for."""


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What is known of each channel: chances of every curve and of every size of noise."""

    usual: Floats
    """Money a week of each channel that the shapes are thought around."""
    middle: float
    """Return in the middle of the grid of levels."""
    chances: Floats
    """Channels by noises by levels by halves by slopes; each channel's sum to 1."""
    weeks: int

    def after(self, spent: Floats, earned: Floats) -> "Beliefs":
        """With one more week: money and outcome of each channel. What was not spent on says nothing."""
        passed = _passed(self.chances)
        seen = spent > 0
        expected = self._expected(np.maximum(spent, 1e-9 * self.usual))
        typical = self._expected(self.usual)
        # Counts' part of the variance grows with the outcome, the rest with its square.
        unit = expected * (expected + typical) / 2
        variance = NOISES[None, :, None, None, None] ** 2 * unit[:, None] + 1e-12
        missed = (earned[:, None, None, None] - expected)[:, None] ** 2
        log = -0.5 * (missed / variance + np.log(variance))
        likelihood = np.exp(log - log.max(axis=(1, 2, 3, 4), keepdims=True))
        posterior = passed * np.where(seen[:, None, None, None, None], likelihood, 1.0)
        posterior /= posterior.sum(axis=(1, 2, 3, 4), keepdims=True)
        return replace(self, chances=posterior, weeks=self.weeks + 1)

    def _expected(self, spent: Floats) -> Floats:
        """Channels by levels by halves by slopes."""
        shares = (spent / self.usual)[:, None, None]
        shape = _hill(shares, HALVES[None, :, None], SLOPES) / _hill(1.0, HALVES[:, None], SLOPES)
        return np.asarray(self._levels[:, None, None] * self.usual[:, None, None, None] * shape[:, None])

    @cached_property
    def _levels(self) -> Floats:
        return np.asarray(self.middle * np.exp(LEVEL_STEP * (np.arange(LEVELS) - LEVELS // 2)))

    def of(self, channel: int) -> "Beliefs":
        """What is known of one channel."""
        only = slice(channel, channel + 1)
        return replace(self, usual=self.usual[only], chances=self.chances[only])

    def draws(self, rng: Generator, count: int) -> Curves:
        """Curves of the coming week as likely as they are believed, channels by draws; in money a week."""
        passed = _passed(self.chances).sum(axis=1)
        channels = len(passed)
        sums = passed.reshape(channels, -1).cumsum(axis=1)
        wanted = (np.arange(count) + rng.random((channels, count))) / count
        places = np.stack(
            [
                rng.permutation(np.minimum(np.searchsorted(row, points * row[-1]), len(row) - 1))
                for row, points in zip(sums, wanted, strict=True)
            ]
        )
        level, half, slope = np.unravel_index(places, passed.shape[1:])
        # Within its cell of the grid any level is as likely.
        levels = self._levels[level] * np.exp(LEVEL_STEP * (rng.random(places.shape) - 0.5))
        halves, slopes = HALVES[half], SLOPES[slope]
        return Curves(
            levels * self.usual[:, None] / _hill(1.0, halves, slopes),
            halves * self.usual[:, None],
            slopes,
            np.full(count, 1 / count),
        )


def begin(usual: Floats, middle: float) -> Beliefs:
    """Beliefs before the first week.

    ``usual`` is the money a week of each channel that the shapes are thought around (the even split, say);
    ``middle`` the return expected of a channel nothing is known of (of other campaigns, or of the first week
    pooled). Raises `ValueError` where they are not positive.
    """
    if not (len(usual) and usual.min() > 0 and middle > 0):
        raise ValueError("beliefs need channels, a usual spend and a return to begin with")
    levels = np.exp(-0.5 * (LEVEL_STEP * (np.arange(LEVELS) - LEVELS // 2) / LEVEL_SPREAD) ** 2)
    halves = np.exp(-0.5 * (np.log(HALVES / USUAL_HALF) / HALF_SPREAD) ** 2)
    slopes = np.gradient(np.log(SLOPES)) * np.exp(-0.5 * (np.log(SLOPES / USUAL_SLOPE) / SLOPE_SPREAD) ** 2)
    prior = np.einsum("n,l,h,s->nlhs", np.ones(len(NOISES)), levels, halves, slopes)
    return Beliefs(usual, middle, np.repeat(prior[None] / prior.sum(), len(usual), axis=0), 0)


def split(
    beliefs: Beliefs, limits: Problem, unit: float, rng: Generator, *, draws: int = DRAWS
) -> Allocation:
    """The coming week's money, in whole units of ``unit`` money each, within ``limits``.

    It is the best split for the mean of a few curves drawn: one is Thompson sampling, many give up trying
    what is not sure to pay. The curves of ``limits`` are not looked at.
    """
    drawn = beliefs.draws(rng, draws)
    curves = Curves(drawn.ceiling, drawn.half / unit, drawn.slope, drawn.weights)
    return allocate(replace(limits, curves=curves))


def pace(total: Decimal, spent: Decimal, weeks: int, currency: str) -> Decimal:
    """What may be spent in the first of the ``weeks`` left, of ``total`` of which ``spent`` is gone.

    Even parts of what is left, rounded down to the currency's smallest unit; the last week gets all of it.
    Raises `ValueError` without weeks.
    """
    if weeks < 1:
        raise ValueError("there must be a week left to spend in")
    left = max(total - spent, Decimal(0))
    return (left / weeks).quantize(Decimal(1).scaleb(-minor_units(currency)), rounding=ROUND_DOWN)


def _hill(amount: Floats | float, half: Floats, slope: Floats) -> Floats:
    return np.asarray(1 / (1 + (half / amount) ** slope))


def _walk(count: int, step: float, drift: float) -> Floats:
    """Chances of going from one step of a grid to another in a week, of the drift's variance."""
    side = drift**2 / (2 * step**2)
    moves = np.diag(np.full(count, 1 - 2 * side)) + side * (np.eye(count, k=1) + np.eye(count, k=-1))
    moves[0, 0] += side
    moves[-1, -1] += side
    return np.asarray(moves)


def _jumps() -> Floats:
    apart = LEVEL_STEP * (np.arange(LEVELS)[:, None] - np.arange(LEVELS)[None, :])
    wide = np.exp(-0.5 * (apart / JUMP_SPREAD) ** 2)
    return np.asarray(
        (1 - JUMP) * _walk(LEVELS, LEVEL_STEP, LEVEL_DRIFT) + JUMP * wide / wide.sum(axis=1, keepdims=True)
    )


_LEVEL_MOVES = _jumps()
_HALF_MOVES = _walk(len(HALVES), float(np.log(HALVES[1] / HALVES[0])), HALF_DRIFT)


def _passed(chances: Floats) -> Floats:
    """A week later, nothing seen."""
    moved = np.einsum("cnlhs,lm->cnmhs", chances, _LEVEL_MOVES, optimize=True)
    return np.asarray(np.einsum("cnmhs,hk->cnmks", moved, _HALF_MOVES, optimize=True))
