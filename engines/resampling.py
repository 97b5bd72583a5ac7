"""Shares with the intervals that chance explains, by bootstrap (Efron & Tibshirani 1993, chapter 13)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engines.journeys import Floats

RESAMPLES = 200
"""Resamples behind each interval."""

INTERVAL = 0.90
"""Probability the intervals are made for."""

CONFIDENCE_MEANING = (
    "the share of resampled sets of conversions in which the same channel gets the most credit; it speaks of "
    "chance in the journeys seen, not of whether the model's rule is right"
)


@dataclass(frozen=True)
class Share:
    """A share of everything credited, with its bootstrap interval of probability `INTERVAL`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Boot:
    """Shares of conversions and of revenue by channel, and how often the leader led."""

    shares: tuple[Share, ...]
    revenue_shares: tuple[Share, ...]
    confidence: float | None


def of_sums(conversions: Floats, revenue: Floats, rng: np.random.Generator, resamples: int) -> Boot:
    """Intervals where credits are sums over journeys: the journeys (rows) are drawn with replacement."""
    count, width = conversions.shape
    both = np.hstack([conversions, revenue])
    drawn = np.empty((resamples, 2 * width))
    for row in drawn:
        row[:] = np.bincount(rng.integers(0, count, count), minlength=count) @ both
    totals = both.sum(axis=0)
    return _boot(totals[:width], totals[width:], drawn[:, :width], drawn[:, width:])


def of_counts(
    counts: Floats,
    shares: Callable[[Floats], tuple[Floats, Floats]],
    rng: np.random.Generator,
    resamples: int,
) -> Boot:
    """Intervals where credits are any function of how often each kind of path was gone.

    ``shares`` gives those of conversions and of revenue for counts.
    """
    times = int(counts.sum())
    chances = counts / times
    found = [shares(rng.multinomial(times, chances).astype(np.float64)) for _ in range(resamples)]
    conversions, revenue = shares(counts)
    drawn = [np.array([one[place] for one in found]).reshape(-1, len(conversions)) for place in range(2)]
    return _boot(conversions, revenue, drawn[0], drawn[1])


def _boot(conversions: Floats, revenue: Floats, drawn: Floats, revenue_drawn: Floats) -> Boot:
    leader = int(conversions.argmax())
    confidence = float((drawn.argmax(axis=1) == leader).mean()) if len(drawn) else None
    return Boot(_shares(conversions, drawn), _shares(revenue, revenue_drawn), confidence)


def _shares(totals: Floats, drawn: Floats) -> tuple[Share, ...]:
    values = normal(totals[None, :])[0]
    if not len(drawn):
        return tuple(Share(value, value, value) for value in values.tolist())
    tail = (1 - INTERVAL) / 2
    low, high = np.quantile(normal(drawn), (tail, 1 - tail), axis=0)
    return tuple(Share(*row) for row in zip(values.tolist(), low.tolist(), high.tolist(), strict=True))


def normal(rows: Floats) -> Floats:
    """Each row as shares of its sum; zeros where that is 0."""
    sums = rows.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(rows, sums, out=np.zeros_like(rows), where=sums != 0))
