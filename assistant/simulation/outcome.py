"""What a simulation came to: figures of each pair of runs, and of all seeds of a market together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from engines.worlds import Kind

Floats = NDArray[np.float64]

RESAMPLES = 10_000


class Sums(BaseModel):
    """What one run spent and earned in truth, whatever was recorded."""

    spend: float
    revenue: float
    customers: int
    margin: float

    @property
    def cac(self) -> float:
        """Spend a new customer; infinite without any."""
        return self.spend / self.customers if self.customers else float("inf")

    @property
    def roas(self) -> float:
        """Revenue over spend; 0 where nothing is spent."""
        return self.revenue / self.spend if self.spend else 0.0

    @property
    def roi(self) -> float:
        """Revenue less spend, over spend."""
        return self.roas - 1

    @property
    def contribution(self) -> float:
        """Gross margin of revenue less spend."""
        return self.margin * self.revenue - self.spend


class Pair(BaseModel):
    """The same market twice: with somebody acting, and as it was split at the start."""

    kind: Kind
    seed: int
    days: int
    ways: tuple[str, ...]
    acting: Sums
    static: Sums
    gained: list[float]
    """Contribution of acting over static, summed up to each day."""
    acts: list[str]
    """What was carried out, a line each."""
    seconds: float


@dataclass(frozen=True)
class Figure:
    """A figure over the seeds of a market, paired."""

    name: str
    static: float
    """Mean."""
    acting: float
    change: float
    """Mean of the seeds' changes."""
    low: float
    """Of the mean's 95 % bootstrap interval."""
    high: float
    least: float
    most: float
    better: int
    """Seeds in which acting was better; where it was as good, no act was carried out or none mattered."""
    seeds: int
    relative: bool
    """Whether changes are shares of the static figure, or differences."""


def _relative(now: float, before: float) -> float:
    return now / before - 1 if before else 0.0


def _difference(now: float, before: float) -> float:
    return now - before


_FIGURES: tuple[tuple[str, str, Callable[[float, float], float], bool], ...] = (
    ("CAC", "cac", _relative, False),
    ("ROAS", "roas", _relative, True),
    ("ROI", "roi", _difference, True),
    ("contribution", "contribution", _relative, True),
    ("new customers", "customers", _relative, True),
    ("spend", "spend", _relative, False),
)


def figures(pairs: Sequence[Pair]) -> list[Figure]:
    """Every figure of the pairs of one market."""
    found = []
    for name, attribute, change, more_is_better in _FIGURES:
        acting = np.array([getattr(pair.acting, attribute) for pair in pairs], np.float64)
        static = np.array([getattr(pair.static, attribute) for pair in pairs], np.float64)
        moved = np.array([change(*both) for both in zip(acting.tolist(), static.tolist(), strict=True)])
        low, high = interval(moved)
        better = moved > 1e-9 if more_is_better else moved < -1e-9
        found.append(
            Figure(
                name,
                float(static.mean()),
                float(acting.mean()),
                float(moved.mean()),
                low,
                high,
                float(moved.min()),
                float(moved.max()),
                int(better.sum()),
                len(pairs),
                change is _relative,
            )
        )
    return found


def interval(values: Floats) -> tuple[float, float]:
    """95 % bootstrap interval of the mean."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975)).tolist()
    return low, high


def record(pairs: Sequence[Pair], **about: Any) -> dict[str, Any]:
    """Everything of a run, for a file."""
    return {
        **about,
        "markets": {
            kind.value: {
                "figures": [vars(one) for one in figures(of_kind(pairs, kind))],
                "seeds": [pair.model_dump(mode="json") for pair in of_kind(pairs, kind)],
            }
            for kind in kinds(pairs)
        },
    }


def kinds(pairs: Sequence[Pair]) -> list[Kind]:
    """The markets there are, in their usual order."""
    return [kind for kind in Kind if any(pair.kind is kind for pair in pairs)]


def of_kind(pairs: Sequence[Pair], kind: Kind) -> list[Pair]:
    """Those of a market, by seed."""
    return sorted((pair for pair in pairs if pair.kind is kind), key=lambda pair: pair.seed)
