"""Splits in which parts that cut across channels (campaigns) change only so far.

Channels are the groups `engines.allocation` is exact for. Limits of a second grouping are kept by narrowing
the lines of the parts that go too far, and solving again: always within the limits, never below the present
split, and how far below the best split without these limits is told.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engines.allocation import Allocation, Ints, Problem

_ROUNDS = 12


def within_parts(
    problem: Problem, found: Allocation, part: Ints, most: float, solve: Callable[[Problem], Allocation]
) -> Allocation | None:
    """``found`` where no part changes by more than the share ``most``, else the best narrower split found.

    ``part`` is the place of each line's part. The total must be the present one. None where the limits leave
    no split, as when a channel far above its cap must give up more than its campaign may.
    """
    now = problem.now
    room = np.floor(np.bincount(part, now) * most).astype(np.int64)
    narrow, best = problem, found
    for _ in range(_ROUNDS):
        change = np.bincount(part, best.units - now).astype(np.int64)
        if (np.abs(change) <= room).all():
            return replace(best, gap=_gap(problem, found, best))
        narrow = _narrowed(narrow, best.units, part, change, room)
        least, greatest = narrow.room()
        groups = np.maximum(narrow.by_group(narrow.low), narrow.floors) <= np.minimum(
            narrow.by_group(narrow.high), narrow.limits
        )
        if not (least <= narrow.total <= greatest and groups.all() and (narrow.low <= narrow.high).all()):
            return None
        best = solve(narrow)
    return None


def _narrowed(problem: Problem, units: Ints, part: Ints, change: Ints, room: Ints) -> Problem:
    """With lines of the parts that go too far held to their share of what the part may change."""
    low, high, now = problem.low.copy(), problem.high.copy(), problem.now
    for place in np.flatnonzero(np.abs(change) > room).tolist():
        own = np.flatnonzero(part == place)
        rises = change[place] > 0
        steps = np.maximum((units - now if rises else now - units)[own], 0)
        share = int(room[place]) / int(steps.sum())
        for line, step in zip(own.tolist(), steps.tolist(), strict=True):
            allowed = math.floor(step * share)
            if rises:
                high[line] = max(int(now[line]) + allowed, int(low[line]))
            else:
                low[line] = min(int(now[line]) - allowed, int(high[line]))
    return replace(problem, low=low, high=high)


def _gap(problem: Problem, found: Allocation, kept: Allocation) -> float:
    """How much more the best split without the parts' limits could bring, relative to this one."""
    outcome = problem.outcome(kept.units)
    if outcome <= 0:
        return kept.gap
    return max(problem.outcome(found.units) * (1 + found.gap) / outcome - 1, 0.0)
