"""Whether a channel's share of the credit moved by more than chance explains."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

from engines.response import Estimate

LEAST_SHIFT = 0.05
"""Of all credit: a smaller move is of no consequence, however certain."""

LIMIT = 4.0
"""Standard errors of the difference from which on it is no chance: 6 in 100,000 looks (normal)."""

_OF_90_PERCENT = 2 * 1.6449
"""Standard errors that a 90 % interval is wide (normal)."""

_NOTHING = Estimate(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Shift:
    """A channel whose share of the credit moved."""

    channel: str
    before: Estimate
    now: Estimate
    score: float
    """The difference in its standard errors; negative where the channel lost."""


def shifts(before: Mapping[str, Estimate], now: Mapping[str, Estimate]) -> tuple[Shift, ...]:
    """The channels whose share (0 to 1, with its 90 % range) moved between two periods, the most first.

    The two are of different conversions, so their errors add as independent ones do. A channel that one of
    them lacks has no share there.
    """
    found = []
    for channel in sorted({*before, *now}):
        one, other = before.get(channel, _NOTHING), now.get(channel, _NOTHING)
        difference = other.value - one.value
        error = hypot(one.high - one.low, other.high - other.low) / _OF_90_PERCENT
        if abs(difference) >= LEAST_SHIFT and abs(difference) > LIMIT * error:
            found.append(Shift(channel, one, other, difference / error if error else LIMIT))
    return tuple(sorted(found, key=lambda one: -abs(one.now.value - one.before.value)))
