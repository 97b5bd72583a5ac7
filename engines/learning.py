"""Curves of channel lines too young for `engines.response`: what their few weeks say of them.

`engines.bandit` learns from the weeks of all lines; here its beliefs are told as fits, so that everything
made for fitted curves (the optimum, its effect, its reasons) works with them. Their bands are wide.
Carry-over is not learned: a week's outcome counts as that week's spend's.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from engines.bandit import Beliefs, begin
from engines.response import (
    DRAWS,
    MONTH_DAYS,
    STRAIGHT,
    Day,
    Draws,
    Fit,
    Refusal,
    nearest,
)

Floats = NDArray[np.float64]

LEARNABLE = ("too_little_history", "no_variation")
"""Refusals of `engines.response.fit` that learning gets over."""

MOST_WEEKS = 26
"""Weeks looked back at."""

_MONTH = MONTH_DAYS / 7


def learn_all(
    histories: Mapping[int, Sequence[Day]], until: date, *, seed: int = 0
) -> dict[int, Fit | Refusal]:
    """What the weeks up to ``until`` say of each line, by its identity; a month's, as `Fit` is.

    A line not yet spent on is believed to be like the others, spread widely. Refuses all of them where no
    whole week has brought any of them an outcome.
    """
    keys = sorted(histories)
    weekly = np.stack([_weekly(histories[key], until) for key in keys], axis=2)
    spent, earned = weekly
    running = np.flatnonzero(spent.sum(axis=1) > 0)
    if not len(running) or earned[running[0] :].sum() <= 0:
        none = Refusal(
            "no_outcome",
            "no whole week has brought an outcome yet",
            "let it run for a week, and check that its conversions are tracked",
        )
        return dict.fromkeys(keys, none)
    spent, earned = spent[running[0] :], earned[running[0] :]
    beliefs = _learned(spent, earned)
    return {
        key: _fit(beliefs, place, spent[:, place], earned[:, place], np.random.default_rng([seed, key]))
        for place, key in enumerate(keys)
    }


def _learned(spent: Floats, earned: Floats) -> Beliefs:
    weeks = (spent > 0).sum(axis=0)
    usual = np.divide(spent.sum(axis=0), weeks, out=np.zeros(spent.shape[1]), where=weeks > 0)
    usual[usual == 0] = usual[usual > 0].mean()
    beliefs = begin(usual, float(earned.sum() / spent.sum()))
    for money, outcome in zip(spent, earned, strict=True):
        beliefs = beliefs.after(money, outcome)
    return beliefs


def _fit(beliefs: Beliefs, place: int, spent: Floats, earned: Floats, rng: np.random.Generator) -> Fit:
    drawn = beliefs.of(place).draws(rng, DRAWS)
    draws = Draws(drawn.ceiling[0] * _MONTH, drawn.half[0] * _MONTH, drawn.slope[0])
    greatest = max(float(spent.max()), float(beliefs.usual[place])) * _MONTH
    curve = nearest(draws, greatest)
    seen = spent > 0
    missed = earned[seen] - np.array([curve.at(week * _MONTH) / _MONTH for week in spent[seen].tolist()])
    total = float(((earned[seen] - earned[seen].mean()) ** 2).sum()) if seen.any() else 0.0
    mean = float(earned[seen].mean()) if seen.any() else 0.0
    return Fit(
        curve=curve,
        draws=draws,
        carry_over=0.0,
        weeks=int(seen.sum()),
        r_squared=1 - float((missed**2).sum()) / total if total else 0.0,
        typical_error=float((missed**2).mean() ** 0.5 / mean) if mean else 0.0,
        saturation_seen=curve.marginal(greatest) * greatest < STRAIGHT * curve.at(greatest),
        greatest_spend=float(spent.max()) * _MONTH,
        learned=True,
    )


def _weekly(days: Sequence[Day], until: date) -> Floats:
    """Spend and outcome, a row each, of the last `MOST_WEEKS` whole weeks that end with ``until``."""
    sums = np.zeros((2, MOST_WEEKS))
    for one in days:
        ago = (until - one.day).days
        if 0 <= ago < 7 * MOST_WEEKS:
            sums[:, MOST_WEEKS - 1 - ago // 7] += float(one.spend), float(one.outcome)
    return sums
