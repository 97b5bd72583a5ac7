"""Weekly allocation without history in the frozen market, beside the policies to beat.

``python -m benchmarks.bandit [--seeds 20]``

A share is a policy's expected revenue over 104 weeks over the oracle's. The gap closed is what the bandit
wins over a policy, over what the oracle wins over it, both summed over the seeds; its interval is a bootstrap
over the seeds, which are paired. The method was made on markets of seeds from 1001 on; these it never saw.
"""

import argparse
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from benchmarks.frozen_market import (
    BUDGET,
    SEEDS,
    WEEKS,
    EvenSplit,
    Floats,
    Market,
    Policy,
    Proportional,
    Thompson,
    market,
    oracle,
    run,
)
from engines.allocation import Curves, Problem
from engines.bandit import DRAWS, Beliefs, begin, pace, split

UNITS = 2000
"""Parts the week's budget is split in."""

AIM = 0.30
"""Of the gap between Thompson sampling and the oracle."""


class Learning:
    """The bandit as a policy of the frozen market: an even split first, then what it has learned."""

    def __init__(self, seed: int, draws: int = DRAWS) -> None:
        self._rng = np.random.default_rng([seed, 5])
        self._draws = draws
        self._beliefs: Beliefs | None = None

    def split(self, budget: float, spent: Floats, earned: Floats) -> Floats:
        """Learn the week before, then split."""
        channels = spent.shape[1]
        if not len(spent):
            return np.full(channels, budget / channels)
        if self._beliefs is None:
            pooled = max(earned[0].sum() / spent[0].sum(), 0.01)
            self._beliefs = begin(np.full(channels, budget / channels), pooled)
        self._beliefs = self._beliefs.after(spent[-1], earned[-1])
        unit = budget / UNITS
        return np.asarray(
            split(self._beliefs, free(channels), unit, self._rng, draws=self._draws).units * unit
        )


def free(channels: int) -> Problem:
    """Channels without limits but the total."""
    none, all_ = np.zeros(channels, np.int64), np.full(channels, UNITS)
    flat = Curves.certain(np.zeros(channels), np.ones(channels), np.ones(channels))
    return Problem(flat, UNITS, none, all_, none, np.arange(channels), none, all_)


POLICIES: dict[str, Callable[[int], Policy]] = {
    "even split": lambda _seed: EvenSplit(),
    "ROI-proportional": lambda _seed: Proportional(),
    "Thompson, by parts": lambda seed: Thompson(seed, parts=20),
    "Thompson": Thompson,
    "bandit, 1 draw": lambda seed: Learning(seed, draws=1),
    "bandit": Learning,
}


def budgets() -> list[float]:
    """Each week's money, paced over all weeks."""
    total, spent, found = Decimal(str(BUDGET)) * WEEKS, Decimal(0), list[float]()
    for week in range(WEEKS):
        now = pace(total, spent, WEEKS - week, "USD")
        spent += now
        found.append(float(now))
    return found


def closed(ours: Floats, theirs: Floats, best: Floats) -> tuple[float, float, float]:
    """Share of the gap closed over all seeds, and its 95 % interval."""
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(best), (10_000, len(best)))
    drawn = (ours - theirs)[picks].sum(axis=1) / (best - theirs)[picks].sum(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return float((ours - theirs).sum() / (best - theirs).sum()), low, high


def earned_by(make: Callable[[int], Policy], markets: list[Market]) -> Floats:
    """What a policy earns in each market."""
    weekly = budgets()
    return np.array([run(found, make(found.seed), weekly) for found in markets])


def main() -> None:
    """Print the table; fail where the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    options = parser.parse_args()
    markets = [market(seed) for seed in SEEDS[: options.seeds]]
    best = np.array([oracle(found, budgets()) for found in markets])
    earned = {name: earned_by(make, markets) for name, make in POLICIES.items()}
    ours = earned["bandit"]
    print(f"{'policy':<20} {'share':>6} {'± sd':>6} {'least':>6} {'most':>6}   gap the bandit closes; wins")
    for name, theirs in earned.items():
        shares = theirs / best
        told = f"{name:<20} {shares.mean():>6.3f} {shares.std(ddof=1):>6.3f}"
        told += f" {shares.min():>6.3f} {shares.max():>6.3f}"
        if name != "bandit":
            gap, low, high = closed(ours, theirs, best)
            told += f"   {gap:>4.0%} ({low:.0%} to {high:.0%}); {(ours > theirs).sum()} of {len(best)}"
        print(told)
    assert closed(ours, earned["Thompson"], best)[0] >= AIM, "less of the gap than aimed at"


if __name__ == "__main__":
    main()
