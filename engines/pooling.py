"""Lines of one venture judged together: what most of them are like says something of each.

Fitted by itself, every line's curve is as likely too good as too bad; but an optimum gives money to those
that look best, and so promises too much (Smith & Winkler, "The optimizer's curse", Management Science 52,
2006). The cure there as here is a prior that knows how much lines differ. It is learned from the lines
themselves (Gelman et al., "Bayesian data analysis", 3rd ed., chapter 5; Rubin, "Estimation in parallel
randomized experiments", 1981): return at usual spend, half-saturation and slope come from one distribution
each, whose middle and spread are summed over grids.

Each line's draws are reweighted to the prior learned (importance resampling: the same, section 10.4), so
nothing is fitted twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.posterior import HALF_SPREAD, SLOPE_SPREAD, USUAL_HALF, USUAL_SLOPE
from engines.response import DRAWS, Day, Draws, Fit, Refusal, fit_all, nearest

Floats = NDArray[np.float64]

POOLED_DRAWS = 4 * DRAWS
"""Curves drawn a line before reweighting."""

FEWEST = 3
"""Lines with a curve below which they say nothing of each other."""

MIDDLES = np.array([-1.5, -0.75, 0.0, 0.75, 1.5])
"""Where the lines' middle may lie, in standard deviations `MIDDLE_SPREAD` of its own prior."""

MIDDLE_SPREAD = {"slope": 0.2, "half": 0.35}
"""Standard deviation of the logarithm of the lines' middle around that of `engines.posterior`."""

SPREADS = {"slope": np.array([0.12, 0.2, SLOPE_SPREAD]), "half": np.array([0.2, 0.35, HALF_SPREAD])}
"""Standard deviations between lines, in logarithms; each as likely, none above what a line alone is given."""

RETURN_SPREADS = np.array([0.15, 0.3, 0.5, 0.7, 1.0])
"""The same of the return at usual spend, whose middle may be anything."""

POOLING_MEANING = (
    "lines of a venture are judged together: the less a line's own history says, the more it is taken to be "
    "like the others"
)

_CENTRAL_90 = 2 * 1.6449


def fit_together(
    histories: Mapping[int, Sequence[Day]], *, seed: int = 0, draws: int = DRAWS
) -> dict[int, Fit | Refusal]:
    """`engines.response.fit` of each line of one venture, by its identity, then pooled.

    Outcomes must be in one unit. Which lines are refused does not depend on the others.
    """
    alone = fit_all(histories, seed=seed, draws=POOLED_DRAWS)
    return pooled(alone, draws=draws, seed=seed)


def pooled(
    fits: Mapping[int, Fit | Refusal], *, draws: int = DRAWS, seed: int = 0
) -> dict[int, Fit | Refusal]:
    """The fits with ``draws`` curves each, drawn as if lines had one prior that all of them teach.

    Refusals stay as they are, and so does what was learned week by week (`engines.learning`). With fewer than
    `FEWEST` curves the draws are only thinned.
    """
    known = {
        key: fit
        for key, fit in sorted(fits.items())
        if isinstance(fit, Fit) and fit.usual and not fit.learned
    }
    if not known:
        return dict(fits)
    count = min(len(fit.draws.half) for fit in known.values())
    weights = np.zeros((len(known), count))
    if len(known) >= FEWEST:
        curves = [fit.draws for fit in known.values()]
        usual = np.array([fit.usual for fit in known.values()])
        slopes = np.log(np.stack([one.slope[:count] for one in curves]) / USUAL_SLOPE)
        halves = np.log(np.stack([one.half[:count] for one in curves]) / usual[:, None] / USUAL_HALF)
        returns = np.stack(
            [one.at(spend)[:count] / spend for one, spend in zip(curves, usual.tolist(), strict=True)]
        )
        weights = _of_shapes(slopes, halves) + _of_returns(np.log(returns))
    result = dict(fits)
    for (key, fit), row in zip(known.items(), weights, strict=True):
        rng = np.random.default_rng([seed, key, 2])
        picked = _resampled(row, min(draws, count), rng)
        drawn = Draws(fit.draws.ceiling[picked], fit.draws.half[picked], fit.draws.slope[picked])
        result[key] = replace(fit, draws=drawn, curve=nearest(drawn, fit.greatest_spend))
    return result


def _of_shapes(slopes: Floats, halves: Floats) -> Floats:
    """Logarithms of each draw's weight: lines by draws of logarithms around `engines.posterior`'s medians."""
    slope = _ratios(slopes, "slope", SLOPE_SPREAD)
    half = _ratios(halves, "half", HALF_SPREAD)
    # Lines by priors of the slope by priors of the half-saturation by draws.
    ratios = np.exp(slope[:, :, None, :] + half[:, None, :, :])
    evidence = ratios.mean(axis=3)
    before = -0.5 * np.repeat(MIDDLES**2, len(SPREADS["slope"]))
    chances = before[:, None] + before[None, :] + np.log(evidence).sum(axis=0)
    chances = np.exp(chances - chances.max())
    chances /= chances.sum()
    return np.asarray(np.log(np.einsum("ab,lab,labd->ld", chances, 1 / evidence, ratios)))


def _ratios(values: Floats, name: str, alone: float) -> Floats:
    """Logarithms of a prior of the lines over that of a line alone: lines by priors by draws."""
    middles = np.repeat(MIDDLES * MIDDLE_SPREAD[name], len(SPREADS[name]))[None, :, None]
    spreads = np.tile(SPREADS[name], len(MIDDLES))[None, :, None]
    near = values[:, None, :]
    return np.asarray(
        0.5 * (near / alone) ** 2 - 0.5 * ((near - middles) / spreads) ** 2 + np.log(alone / spreads)
    )


def _of_returns(returns: Floats) -> Floats:
    """The same for the logarithms of returns, known before as normal: each spread by its evidence (REML)."""
    low, middle, high = np.quantile(returns, (0.05, 0.5, 0.95), axis=1)
    variance = ((high - low) / _CENTRAL_90) ** 2
    total = variance[None, :] + RETURN_SPREADS[:, None] ** 2
    known = (1 / total).sum(axis=1)
    mean = (middle / total).sum(axis=1) / known
    missed = ((middle - mean[:, None]) ** 2 / total).sum(axis=1)
    chances = -0.5 * (np.log(total).sum(axis=1) + np.log(known) + missed)
    chances = np.exp(chances - chances.max())
    chances /= chances.sum()
    wide = RETURN_SPREADS**2
    log = -0.5 * (returns[:, None, :] - mean[:, None]) ** 2 / wide[:, None] - 0.5 * np.log(wide)[:, None]
    top = log.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.einsum("s,lsd->ld", chances, np.exp(log - top))) + top[:, 0])


def _resampled(weights: Floats, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of ``count`` draws as often as their logarithmic weights say, in no order."""
    chances = np.exp(weights - weights.max())
    sums = np.cumsum(chances)
    points = (np.arange(count) + rng.random()) / count * sums[-1]
    places = np.minimum(np.searchsorted(sums, points), len(sums) - 1)
    return np.asarray(rng.permutation(places))
