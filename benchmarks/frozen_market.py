"""A market to try weekly allocation in, and the policies to beat; written before what is measured on it.

`tests/test_frozen_market.py` holds this file's SHA-256: a better figure must come from a better method. It
imports nothing of the product. Money is in one currency; every number comes from the seed.

Six channels answer a week's spend by Hill curves nobody sees. The curves drift (random walks), swing with the
year, and are hit by shocks: a channel falls or jumps for some weeks, a competitor's launch costs all of them.
What is observed is counted in orders and noisy. What is scored is the expectation, without the noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHANNELS = 6
WEEKS = 104
BUDGET = 10_000.0
"""Money a week; a policy may spend less, never more."""

SEEDS = tuple(range(1, 21))

ORDER_VALUE = 80.0

_STEPS = 250
"""The oracle splits the budget in as many parts."""


@dataclass(frozen=True, eq=False)
class Market:
    """The hidden truth: arrays of weeks by channels."""

    ceiling: Floats
    """Revenue a week that no spend exceeds."""
    half: Floats
    """Spend a week that brings half of it."""
    slope: Floats
    """One a channel: concave up to 1, S-shaped above."""
    noise: Floats
    """Factor of the revenue observed, besides the chance of orders."""
    seed: int

    def expected(self, week: int, spend: Floats) -> Floats:
        """Expected revenue of each channel; the last axis of ``spend`` is the channels."""
        powered = np.maximum(spend, 0.0) ** self.slope
        return np.asarray(self.ceiling[week] * powered / (powered + self.half[week] ** self.slope))

    def observed(self, week: int, spend: Floats) -> Floats:
        """What the books show of a week."""
        rng = np.random.default_rng([self.seed, week, 7])
        orders = rng.poisson(self.expected(week, spend) / ORDER_VALUE)
        return np.asarray(orders * ORDER_VALUE * self.noise[week])


def market(seed: int) -> Market:
    """Draw a market."""
    rng = np.random.default_rng([seed, 2026])
    even = BUDGET / CHANNELS
    slope = rng.uniform(0.8, 1.6, CHANNELS)
    first_half = even * np.exp(rng.uniform(np.log(0.4), np.log(3.0), CHANNELS))
    returns = 2.5 * np.exp(rng.normal(0.0, 0.45, CHANNELS))
    first_ceiling = returns * even * (1 + (first_half / even) ** slope)
    weeks = np.arange(WEEKS)[:, None]
    ceiling = first_ceiling * np.exp(np.cumsum(rng.normal(0.0, 0.035, (WEEKS, CHANNELS)), axis=0))
    half = first_half * np.exp(np.cumsum(rng.normal(0.0, 0.02, (WEEKS, CHANNELS)), axis=0))
    swing = rng.uniform(0.05, 0.25, CHANNELS)
    peak = rng.uniform(0.0, 52.0) + rng.normal(0.0, 5.0, CHANNELS)
    ceiling = ceiling * (1 + swing * np.cos(2 * np.pi * (weeks - peak) / 52))
    return Market(
        ceiling * _shocks(rng), half, slope, np.exp(rng.normal(-0.005, 0.1, (WEEKS, CHANNELS))), seed
    )


def _shocks(rng: np.random.Generator) -> Floats:
    factors = np.ones((WEEKS, CHANNELS))
    for _ in range(4):
        begins, lasts = int(rng.integers(10, WEEKS - 4)), int(rng.integers(6, 20))
        size = rng.uniform(0.4, 0.75) if rng.random() < 0.6 else rng.uniform(1.3, 1.8)
        factors[begins : begins + lasts, rng.integers(CHANNELS)] *= size
    launch = int(rng.integers(20, WEEKS - 20))
    factors[launch : launch + 10] *= rng.uniform(0.75, 0.9)
    return factors


class Policy(Protocol):
    """Splits each week's budget, seeing the weeks before and nothing else."""

    def split(self, budget: float, spent: Floats, earned: Floats) -> Floats:
        """Money for each channel, given what was spent and observed so far, weeks by channels."""
        ...


class EvenSplit:
    """The same for every channel."""

    def split(self, budget: float, spent: Floats, earned: Floats) -> Floats:
        """One sixth each."""
        return np.full(spent.shape[1], budget / spent.shape[1])


class Proportional:
    """In proportion to the return of each channel over the last weeks, none below a small share."""

    def __init__(self, weeks: int = 8, least: float = 0.02) -> None:
        self._weeks, self._least = weeks, least

    def split(self, budget: float, spent: Floats, earned: Floats) -> Floats:
        """Even in the first two weeks."""
        if len(spent) < 2:
            return np.full(spent.shape[1], budget / spent.shape[1])
        returns = earned[-self._weeks :].sum(axis=0) / np.maximum(spent[-self._weeks :].sum(axis=0), 1e-9)
        shares = returns / returns.sum() if returns.sum() > 0 else np.full(len(returns), 1 / len(returns))
        shares = np.maximum(shares, self._least)
        return np.asarray(budget * shares / shares.sum())


class Thompson:
    """Thompson sampling on each channel's return, with forgetting: money in proportion to what is drawn.

    Normal rewards of unknown mean (Russo et al., "A tutorial on Thompson sampling", 2018, section 4), old
    weeks discounted (Raj & Kalyani, "Taming non-stationary bandits", 2017). With ``parts`` the budget is cut
    into as many, and each goes to the channel whose draw is greatest: the textbook's form, which does worse
    here because returns fall with spend.
    """

    def __init__(self, seed: int, parts: int | None = None, discount: float = 0.9) -> None:
        self._rng = np.random.default_rng([seed, 99])
        self._parts, self._discount = parts, discount

    def split(self, budget: float, spent: Floats, earned: Floats) -> Floats:
        """Even in the first two weeks."""
        channels = spent.shape[1]
        if len(spent) < 2:
            return np.full(channels, budget / channels)
        weights = self._discount ** np.arange(len(spent) - 1, -1, -1)[:, None] * (spent > 0)
        returns = np.divide(earned, spent, out=np.zeros_like(earned), where=spent > 0)
        seen = weights.sum(axis=0)
        overall = float((weights * returns).sum() / weights.sum())
        means = ((weights * returns).sum(axis=0) + 0.5 * overall) / (seen + 0.5)
        squares = (weights * (returns - means) ** 2).sum(axis=0) + 0.5 * (0.5 * overall) ** 2
        spread = np.sqrt(squares / (seen + 0.5) / (seen + 0.5))
        if self._parts is not None:
            drawn = self._rng.normal(means, spread, (self._parts, channels))
            return np.asarray(np.bincount(drawn.argmax(axis=1), minlength=channels) * budget / self._parts)
        shares = np.maximum(self._rng.normal(means, spread), 0.02 * overall)
        return np.asarray(budget * shares / shares.sum())


def best_split(market: Market, week: int, budget: float) -> Floats:
    """What the oracle spends: the best split on a grid, by dynamic programming."""
    money = np.linspace(0.0, budget, _STEPS + 1)
    tables = market.expected(week, np.repeat(money[:, None], CHANNELS, axis=1))
    best, chosen = tables[:, 0], []
    reach = np.arange(_STEPS + 1)
    rest = reach[:, None] - reach[None, :]
    for channel in range(1, CHANNELS):
        joined = np.where(rest >= 0, best[np.maximum(rest, 0)] + tables[None, :, channel], -np.inf)
        chosen.append(joined.argmax(axis=1))
        best = joined.max(axis=1)
    split, left = np.zeros(CHANNELS), _STEPS
    for channel in range(CHANNELS - 1, 0, -1):
        part = int(chosen[channel - 1][left])
        split[channel] = money[part]
        left -= part
    split[0] = money[left]
    return split


def oracle(market: Market, budgets: Sequence[float] = (BUDGET,) * WEEKS) -> float:
    """Expected revenue of whoever sees the truth each week."""
    return sum(
        float(market.expected(week, best_split(market, week, budget)).sum())
        for week, budget in enumerate(budgets)
    )


def run(market: Market, policy: Policy, budgets: Sequence[float] = (BUDGET,) * WEEKS) -> float:
    """Expected revenue of a policy over all weeks. Raises `ValueError` where it spends what it has not."""
    spent, earned = np.zeros((0, CHANNELS)), np.zeros((0, CHANNELS))
    total = 0.0
    for week, budget in enumerate(budgets):
        split = policy.split(budget, spent, earned)
        if split.min() < 0 or split.sum() > budget * (1 + 1e-9):
            raise ValueError("a policy spends what it was not given")
        total += float(market.expected(week, split).sum())
        spent = np.vstack([spent, split])
        earned = np.vstack([earned, market.observed(week, split)])
    return total
