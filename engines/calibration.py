"""Whether stated confidences come true: of what was promised with 85 %, how much was kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

BINS = (Decimal(0), Decimal("0.6"), Decimal("0.7"), Decimal("0.8"), Decimal("0.9"), Decimal(1))
"""Edges of the groups of stated confidences that are looked at together."""
Z = 1.6448536269514722
"""Of the standard normal: leaves 5 % on either side, for intervals of 90 %."""


@dataclass(frozen=True)
class Judged:
    """A promise that was compared with what happened."""

    source: str
    confidence: Decimal
    """Stated, 0 to 1."""
    kept: bool
    in_range: bool
    """Whether what it brought lies in the range that was stated to hold it with 90 %."""


@dataclass(frozen=True)
class Group:
    """Promises of about the same stated confidence."""

    count: int
    stated: Decimal
    """Their mean stated confidence."""
    true: Decimal
    """The share that was kept."""
    low: Decimal
    high: Decimal
    """In which the true probability lies with 90 %, by Wilson's score interval."""

    @property
    def is_off(self) -> bool:
        """Whether the stated confidence lies outside of that interval."""
        return not self.low <= self.stated <= self.high


@dataclass(frozen=True)
class Calibration:
    """Stated confidences against the truth."""

    whole: Group
    groups: tuple[Group, ...]
    """From the least confident; empty ones are left out."""
    sources: dict[str, Group]
    brier: Decimal
    """Mean squared error of the stated confidences, 0 best; Brier (1950). Saying 50 % always gives 0.25."""
    in_range: Decimal
    """The share whose outcome lay in the stated range: 90 % where the ranges are true."""


def wilson(kept: int, count: int) -> tuple[Decimal, Decimal]:
    """The interval in which a probability lies with 90 %, from how often it came true (Wilson 1927).

    Raises `ValueError` for a count below 1.
    """
    if count < 1:
        raise ValueError("nothing was counted")
    share, square = kept / count, Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z / (1 + square / count) * sqrt(share * (1 - share) / count + square / (4 * count * count))
    return _exact(max(middle - half, 0.0)), _exact(min(middle + half, 1.0))


def calibration(judged: Sequence[Judged]) -> Calibration | None:
    """Stated against true over promises that were judged; None where there are none."""
    if not judged:
        return None
    binned: dict[int, list[Judged]] = {}
    sources: dict[str, list[Judged]] = {}
    for one in judged:
        at = max(place for place, edge in enumerate(BINS[:-1]) if one.confidence >= edge)
        binned.setdefault(at, []).append(one)
        sources.setdefault(one.source, []).append(one)
    errors = [(one.confidence - one.kept) ** 2 for one in judged]
    return Calibration(
        whole=_group(judged),
        groups=tuple(_group(binned[at]) for at in sorted(binned)),
        sources={name: _group(some) for name, some in sorted(sources.items())},
        brier=_exact(sum(errors) / len(errors)),
        in_range=_exact(Decimal(sum(one.in_range for one in judged)) / len(judged)),
    )


def _group(some: Sequence[Judged]) -> Group:
    kept = sum(one.kept for one in some)
    low, high = wilson(kept, len(some))
    return Group(
        count=len(some),
        stated=_exact(sum((one.confidence for one in some), Decimal(0)) / len(some)),
        true=_exact(Decimal(kept) / len(some)),
        low=low,
        high=high,
    )


def _exact(value: Decimal | float) -> Decimal:
    return round(Decimal(value), 4)
