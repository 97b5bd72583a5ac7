"""Shapley values of channels: each one's fair part of what all channels bring together.

Shapley, "A value for n-person games" (1953): a channel's value is its mean marginal worth over all orders in
which the channels may join. The games are those of Zhao, Mahboobi & Bagheri, "Shapley value methods for
attribution modeling in online advertising" (arXiv:1804.05327, 2018), after Shao & Li, "Data-driven
multi-touch attribution models" (KDD 2011), section 4:

- `Worth.CONVERSIONS`: a coalition is worth the conversions (or the revenue) of the journeys that met none but
  its channels. Every journey's set of channels then carries a dividend that its channels share equally
  (Harsanyi 1963), so ``value(c) = sum over sets T with c of conversions(T) / |T|``: exact for any number of
  channels, and a rule for each conversion too. Paths that did not convert do not enter.
- `Worth.RATE`: a coalition is worth the conversions over all paths, converting or not, that met none but its
  channels: 0 where there are none. Exact from all 2^n coalitions up to 20 channels; above, a mean over random
  orders with a bound on its error (Maurer & Pontil, "Empirical Bernstein bounds", 2009, theorem 4).

At the edges: one channel has the worth of all. A channel never met has the value 0. Values sum to the worth
of all channels together. Of rates, a channel can have a negative value (journeys with it convert less often);
where credits are made of them it counts as 0. A channel never met alone has, of rates, a worth of 0 by itself
and its value through the others. The order of touches and how often a channel was met make no difference.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import factorial, log

import numpy as np

from engines.journeys import Counts, Floats, Ints, scaled, spread
from engines.paths import Paths, renumbered

EXACT = 20
"""Channels up to which all coalitions are looked at."""

PERMUTATIONS = 4_000
"""Random orders beyond that."""

CONFIDENCE = 0.95
"""Probability that all errors of a sample are inside its bound."""


_BITS = 62
"""Channels that fit into one number as bits."""


class Worth(StrEnum):
    """What a coalition of channels is worth."""

    CONVERSIONS = "conversions"
    RATE = "rate"


@dataclass(frozen=True)
class Values:
    """A value by channel code, in conversions or conversions a path; and in millionths of revenue."""

    conversions: Floats
    revenue: Floats
    error: float = 0.0
    """No value of conversions is further from the exact one, with probability `CONFIDENCE`; 0 where exact."""

    @property
    def shares(self) -> tuple[Floats, Floats]:
        """Of conversions and revenue, each summing to 1, or to 0 where nothing converted."""
        return scaled(self.conversions, self.revenue)


def shapley_values(
    paths: Paths, worth: Worth = Worth.CONVERSIONS, *, with_lost: bool = True, seed: int = 0
) -> Values:
    """The channels' values in a game; without the paths that did not convert where they are not wanted."""
    lost = paths.lost if with_lost else np.zeros_like(paths.lost)
    return Game(paths, seed=seed).values(worth, paths.conversions, paths.revenue, lost)


class Game:
    """The games on the sets of channels of paths, to be played with any counts of the paths."""

    def __init__(
        self,
        paths: Paths,
        *,
        seed: int = 0,
        exact: int = EXACT,
        permutations: int = PERMUTATIONS,
    ) -> None:
        self._seed, self._exact, self._permutations = seed, exact, permutations
        self._width = max(len(paths.names), 1)
        self._number, member, self._sizes = _sets(paths)
        self._starts = np.cumsum(self._sizes) - self._sizes
        # Channels never met have no number of their own.
        self._met, self._member = np.unique(member, return_inverse=True)

    def values(self, worth: Worth, conversions: Counts, revenue: Counts, lost: Counts) -> Values:
        """The channels' values where each path has these."""
        won, earned, gone = (
            np.asarray(np.bincount(self._number, one.astype(np.float64), len(self._sizes)), np.float64)
            for one in (conversions, revenue, conversions + lost)
        )
        if not len(self._met):
            return Values(self._all(np.zeros(0)), self._all(np.zeros(0)))
        if worth is Worth.CONVERSIONS:
            return Values(self._dividends(won), self._dividends(earned))
        if len(self._met) <= self._exact:
            return Values(self._of_coalitions(won, gone), self._of_coalitions(earned, gone))
        return self._of_orders(won, earned, gone)

    def _dividends(self, amount: Floats) -> Floats:
        shared = np.repeat(amount / self._sizes, self._sizes)
        return self._all(np.asarray(np.bincount(self._member, shared, len(self._met)), np.float64))

    def _of_coalitions(self, amount: Floats, paths: Floats) -> Floats:
        count = len(self._met)
        mask = np.add.reduceat(1 << self._member, self._starts)
        above, below = (_within(mask, one, 1 << count) for one in (amount, paths))
        worth = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
        size = np.bitwise_count(np.arange(1 << count, dtype=np.uint32)).astype(np.int64)
        weight = np.array([factorial(n) * factorial(count - n - 1) / factorial(count) for n in range(count)])
        values = np.empty(count)
        for channel in range(count):
            halves = worth.reshape(-1, 2, 1 << channel)
            sizes = size.reshape(-1, 2, 1 << channel)[:, 0]
            values[channel] = (weight[sizes] * (halves[:, 1] - halves[:, 0])).sum()
        return self._all(values)

    def _of_orders(self, won: Floats, earned: Floats, paths: Floats) -> Values:
        count, permutations = len(self._met), self._permutations
        rng = np.random.default_rng(self._seed)
        sums, squares, revenue = np.zeros(count), np.zeros(count), np.zeros(count)
        for _ in range(permutations):
            order = rng.permutation(count)
            rank = np.empty(count, dtype=np.int64)
            rank[order] = np.arange(count)
            complete = np.maximum.reduceat(rank[self._member], self._starts)
            below = np.cumsum(np.bincount(complete, paths, count))
            for amount, total in ((won, sums), (earned, revenue)):
                above = np.cumsum(np.bincount(complete, amount, count))
                worth = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
                added = np.diff(worth, prepend=0.0)
                total[order] += added
                if amount is won:
                    squares[order] += added**2
        mean = sums / permutations
        variance = np.maximum(squares - permutations * mean**2, 0) / (permutations - 1)
        # Marginal rates lie between -1 and 1; two sides and all channels at once.
        chance = log(4 * count / (1 - CONFIDENCE))
        bound = np.sqrt(2 * variance * chance / permutations) + 14 * chance / (3 * (permutations - 1))
        return Values(self._all(mean), self._all(revenue / permutations), float(bound.max()))

    def _all(self, values: Floats) -> Floats:
        result = np.zeros(self._width)
        result[self._met] = values
        return result


def _sets(paths: Paths) -> tuple[Ints, Ints, Ints]:
    """The number of each path's set of channels; the channels of all sets, one set after the other; sizes."""
    if len(paths.names) > _BITS or not len(paths.lengths):
        return _sets_of_many(paths)
    starts = np.cumsum(paths.lengths) - paths.lengths
    masks = np.bitwise_or.reduceat(np.int64(1) << paths.flat.astype(np.int64), starts)
    number, count = renumbered(masks, 1 << len(paths.names))
    found = np.empty(count, dtype=np.int64)
    found[number] = masks
    owner, member = np.nonzero(found[:, None] >> np.arange(len(paths.names)) & 1)
    return number, member, np.bincount(owner, minlength=count)


def _sets_of_many(paths: Paths) -> tuple[Ints, Ints, Ints]:
    width = max(len(paths.names), 1)
    owner = np.repeat(np.arange(len(paths.lengths)), paths.lengths)
    pairs = np.unique(owner * width + paths.flat)
    sizes = np.bincount(pairs // width, minlength=len(paths.lengths))
    sets = replace(paths, channel=pairs % width, firsts=np.cumsum(sizes) - sizes, lengths=sizes)
    number, example = sets.numbered()
    member = sets.channel[spread(sets.firsts[example], sizes[example])]
    return number, member.astype(np.int64), sizes[example]


def _within(mask: Ints, amount: Floats, size: int) -> Floats:
    """Of each set, as a mask, the sum over its subsets."""
    total = np.asarray(np.bincount(mask, amount, size), np.float64)
    step = 1
    while step < len(total):
        halves = total.reshape(-1, 2, step)
        halves[:, 1] += halves[:, 0]
        step *= 2
    return total
