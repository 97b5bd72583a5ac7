"""Draws from the posterior of a joint media mix: whose effects, how carried over and how saturated.

    outcome = rest + sum over channels of effect * shape(channel) + noise

``rest`` (level, trend, season, controls) is linear and summed out. Each channel's shape is one of a grid, so
that given the other channels its shape is drawn exactly, its effect (normal, cut off at 0) summed out, and
then the effect (blocked Gibbs sampling: Gelman et al., "Bayesian data analysis", 3rd ed., sections 11.1 and
11.3). Nothing is tuned and nothing is rejected; several chains run side by side, and `Sample.spread` says
whether they agree.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHAINS = 8
WARM_UP = 150
KEPT = 300
"""Draws kept of each chain."""

TAIL = 4.0
"""Degrees of freedom of an effect's prior, half a Student's t: few channels may stand out far."""

_PRIOR_WEEKS = 1.0


@dataclass(frozen=True, eq=False)
class Task:
    """What is known before sampling: channels C with S shapes each, over weeks W, and R columns of rest."""

    features: Floats
    """Channels by shapes by weeks: what a channel of effect 1 brings each week."""
    shape_prior: Floats
    """Channels by shapes: logarithms of the chances before the data."""
    scale: Floats
    """Channels by shapes: the prior's scale of the effect."""
    rest: Floats
    """Weeks by columns."""
    rest_spread: Floats
    """Standard deviation of each column's coefficient before the data."""
    outcome: Floats
    noise: float
    """Variance of a week, roughly: the rest's prior is held against it."""
    worth: float = 1.0
    """Share of the weeks that counts, below 1 where good and bad weeks follow each other."""

    @property
    def precision(self) -> Floats:
        """Of the rest's coefficients, times the noise's variance."""
        return np.asarray(self.rest.T @ self.rest + np.diag(self.noise / self.rest_spread**2))


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws, the chains' one after the other."""

    shape: Ints
    """Draws by channels."""
    effect: Floats
    """Draws by channels."""
    rest: Floats
    """Draws by columns of the rest."""
    variance: Floats
    """Of a week's noise."""
    spread: float
    """The greatest R-hat of a channel's contribution: 1 where the chains agree (Gelman & Rubin 1992)."""


def sample(task: Task, rng: Generator) -> Sample:
    """``CHAINS * KEPT`` draws."""
    chains = _Chains(task, rng)
    kept = []
    for turn in range(WARM_UP + KEPT):
        chains.step()
        if turn >= WARM_UP:
            kept.append((chains.shape.copy(), chains.effect.copy(), chains.variance.copy()))
    # Chains by draws by channels.
    shape, effect = (np.stack([one[place] for one in kept], axis=1) for place in (0, 1))
    contribution = effect / task.scale[np.arange(shape.shape[2]), shape]
    shape, effect = shape.reshape(-1, shape.shape[2]), effect.reshape(-1, effect.shape[2])
    variance = np.stack([one[2] for one in kept], axis=1).ravel()
    return Sample(
        shape=shape.astype(np.int64),
        effect=effect,
        rest=_rest(task, shape, effect, variance, rng),
        variance=variance,
        spread=_agreement(contribution),
    )


def media(features: Floats, drawn: Sample) -> Floats:
    """What each channel brings each week under each draw: draws by channels by weeks."""
    channels = np.arange(features.shape[0])
    return np.asarray(features[channels, drawn.shape] * drawn.effect[:, :, None])


class _Chains:
    """Where the chains stand; `step` moves all of them through every channel and the noise."""

    def __init__(self, task: Task, rng: Generator) -> None:
        self._task, self._rng = task, rng
        channels, shapes, weeks = task.features.shape
        every = np.vstack([task.features.reshape(-1, weeks), task.outcome])
        across = every @ task.rest
        gram = (every @ every.T - across @ np.linalg.solve(task.precision, across.T)) * task.worth
        self._toward = gram[:-1, -1].reshape(channels, shapes)
        self._squared = float(gram[-1, -1])
        self._between = gram[:-1, :-1].reshape(channels, shapes, channels, shapes)
        self._own = np.einsum("cscs->cs", self._between)
        self._count = weeks * task.worth
        self._channels, self._chains = np.arange(channels), np.arange(CHAINS)
        self.shape = rng.integers(0, shapes, (CHAINS, channels))
        start = np.abs(rng.standard_normal((CHAINS, channels)))
        self.effect = task.scale[self._channels, self.shape] * start
        self.variance = np.full(CHAINS, task.noise)
        self._looser = np.ones((CHAINS, channels))

    def step(self) -> None:
        """Draw each channel given the others, then how far its prior reaches, then the noise."""
        for channel in range(len(self._channels)):
            self._draw(channel)
        scales = self._task.scale[self._channels, self.shape]
        degrees = self._rng.chisquare(TAIL + 1, self.effect.shape)
        self._looser = (TAIL + (self.effect / scales) ** 2) / degrees
        missed = np.maximum(self._missed(), 1e-9 * self._squared) + _PRIOR_WEEKS * self._task.noise
        self.variance = missed / self._rng.chisquare(self._count + _PRIOR_WEEKS, CHAINS)

    def _draw(self, channel: int) -> None:
        from scipy.special import log_ndtr, ndtri_exp

        task, rng = self._task, self._rng
        others = self.effect.copy()
        others[:, channel] = 0.0
        taken = self._between[channel][:, self._channels, self.shape]
        left = self._toward[channel] - np.einsum("skc,kc->ks", taken, others)
        scale = task.scale[channel] * np.sqrt(self._looser[:, channel])[:, None]
        sharp = self._own[channel] / self.variance[:, None] + 1 / scale**2
        above = left / self.variance[:, None] / np.sqrt(sharp)
        log = task.shape_prior[channel] + 0.5 * above**2 + log_ndtr(above)
        log -= 0.5 * np.log(sharp) + np.log(scale)
        sums = np.exp(log - log.max(axis=1, keepdims=True)).cumsum(axis=1)
        points = rng.random(CHAINS) * sums[:, -1]
        shape = np.minimum((sums < points[:, None]).sum(axis=1), sums.shape[1] - 1)
        # A normal cut off at 0, by its upper tail, which is exact far out.
        bound = above[self._chains, shape]
        drawn = bound - ndtri_exp(np.log1p(-rng.random(CHAINS)) + log_ndtr(bound))
        self.shape[:, channel] = shape
        self.effect[:, channel] = np.maximum(drawn / np.sqrt(sharp[self._chains, shape]), 1e-300)

    def _missed(self) -> Floats:
        """Sum of squares each chain leaves unexplained."""
        places = (self._channels, self.shape)
        missed = self._squared - 2 * (self.effect * self._toward[places]).sum(axis=1)
        for channel in self._channels:
            row = self._between[channel, self.shape[:, channel]]
            joint = row[self._chains[:, None], self._channels, self.shape]
            missed += self.effect[:, channel] * (joint * self.effect).sum(axis=1)
        return np.asarray(missed)


def _rest(task: Task, shape: Ints, effect: Floats, variance: Floats, rng: Generator) -> Floats:
    """The rest's coefficients given the channels, a draw each."""
    left = np.repeat(task.outcome[None, :], len(shape), axis=0)
    for channel, features in enumerate(task.features):
        left -= effect[:, channel, None] * features[shape[:, channel]]
    precision = task.precision
    middle = np.linalg.solve(precision, task.rest.T @ left.T).T
    root = np.linalg.cholesky(np.linalg.inv(precision) / task.worth)
    wander = rng.standard_normal(middle.shape) @ root.T
    return np.asarray(middle + np.sqrt(variance)[:, None] * wander)


def _agreement(values: Floats) -> float:
    """R-hat of halves of chains, the greatest over the last axis; chains by draws by channels."""
    half = values.shape[1] // 2
    parts = np.concatenate([values[:, :half], values[:, half : 2 * half]])
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = parts.mean(axis=1).var(axis=0, ddof=1)
    return float(np.sqrt((half - 1) / half + between / np.maximum(within, 1e-300)).max())
