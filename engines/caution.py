"""The split for those who fear the worst draws more than they hope for the best.

What is maximized is the conditional value at risk of the gain over the present split: its mean over the
worst share of the draws (Rockafellar & Uryasev, "Optimization of conditional value-at-risk", 2000). That is
the least mean gain over all weights that give no draw more than its part of the share, so split and weights
play against each other: each round the best split for the mean of the weights so far, then the worst weights
for it (Brown, "Iterative solution of games by fictitious play", 1951).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.allocation import Allocation, Floats, Ints, Problem, allocate, round_within

_ROUNDS = 10
_BLENDS = (0.25, 0.5, 0.75)


def tail_mean(gains: NDArray[np.float64], share: float) -> float:
    """Mean of the worst ``share`` (above 0, at most 1) of the draws."""
    return float((np.sort(gains) * _tail(len(gains), share)).sum())


def _tail(count: int, share: float) -> Floats:
    """Weights of the draws from the worst on; the last one counts in part."""
    return np.asarray(np.clip(share * count - np.arange(count), 0, 1) / (share * count), np.float64)


def allocate_cautiously(problem: Problem, baseline: Floats, share: float) -> Allocation:
    """The split whose gain over ``baseline``, an outcome a draw, has the greatest `tail_mean`.

    Never below that of the present split where it is allowed. ``gap`` bounds what any split could add.
    Raises `ValueError` for a share outside (0, 1] or limits that cannot be kept.
    """
    if not 0 < share <= 1:
        raise ValueError("the share of draws must be above 0 and at most 1")
    curves = problem.curves
    count = len(curves.weights)
    weights, tail = curves.weights, _tail(count, share)
    tried: list[Ints] = [problem.now] if problem.allows(problem.now) else []
    bound, level, residual = np.inf, 0.0, 0.0
    for turn in range(1, _ROUNDS + 1):
        found = allocate(replace(problem, curves=curves.weighted(weights)))
        level, residual = found.level, found.residual
        most = float(weights @ curves.drawn(found.units)) * (1 + found.gap) - float(weights @ baseline)
        bound = min(bound, most)
        tried += [found.units, *_between(problem, found.units)]
        worst = np.zeros(count)
        worst[np.argsort(curves.drawn(found.units) - baseline, kind="stable")] = tail
        weights = worst if turn == 1 else weights + (worst - weights) / turn
    values = [tail_mean(curves.drawn(units) - baseline, share) for units in tried]
    best = int(np.argmax(values))
    outcome = float(curves.drawn(tried[best]).mean())
    gap = max(bound - values[best], 0.0) / outcome if outcome > 0 else 0.0
    return Allocation(tried[best], level, residual, gap)


def _between(problem: Problem, units: Ints) -> list[Ints]:
    """Splits on the way from the present one, where it is allowed: its limits are convex."""
    now = problem.now
    if not problem.allows(now):
        return []
    return [round_within(problem, now + part * (units - now)) for part in _BLENDS]
