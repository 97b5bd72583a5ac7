"""Exact allocation of whole units of money over lines with Hill response curves.

Concave curves are solved by water-filling: every line not held by a limit has the same marginal outcome
(Boyd & Vandenberghe, "Convex optimization", 2004, section 5.5.3 and example 5.2). Where a curve is S-shaped
that is not enough, and a dynamic programme does it (`engines.grid`). Pure arithmetic on arrays; names, money
and reasons are `engines.optimum`'s.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from engines import grid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_POLISHED_LINES = 64
"""Up to as many lines a concave optimum is made exact to the unit; beyond, rounding is all there is."""

_HALVINGS = 60


@dataclass(frozen=True, eq=False)
class Curves:
    """Expected outcome of each line: the weighted mean of Hill curves ``ceiling * x^s / (x^s + half^s)``.

    Arrays are lines by draws; one column is a curve that is certain. A line of ceiling 0 brings nothing.
    """

    ceiling: Floats
    half: Floats
    """In units of money."""
    slope: Floats
    weights: Floats
    """Of the draws; they sum to 1."""

    @classmethod
    def certain(cls, ceiling: Floats, half: Floats, slope: Floats) -> "Curves":
        """One curve a line."""
        return cls(ceiling[:, None], half[:, None], slope[:, None], np.ones(1))

    def at(self, money: Floats | Ints) -> Floats:
        """Expected outcome of each line at its ``money``: lines, or lines by points."""
        points = money.reshape(len(money), -1)
        columns = [self._drawn(points[:, place]) @ self.weights for place in range(points.shape[1])]
        return np.stack(columns, axis=1).reshape(money.shape)

    def table(self, money: Floats | Ints) -> Floats:
        """As `at` for lines by points, where there is one draw quicker."""
        if len(self.weights) > 1:
            return self.at(money)
        return np.asarray(self.ceiling * _reached(money, self.half, self.slope))

    def drawn(self, money: Floats | Ints) -> Floats:
        """Outcome of all lines together under each draw."""
        return np.asarray(self._drawn(money).sum(axis=0))

    def _drawn(self, money: Floats | Ints) -> Floats:
        return np.asarray(self.ceiling * _reached(money[:, None], self.half, self.slope))

    def marginals(self, money: Floats | Ints) -> Floats:
        """Outcome of the next unit of each line."""
        spent = np.maximum(money, 1e-9)[:, None].astype(np.float64)
        reached = _reached(spent, self.half, self.slope)
        return np.asarray((self.ceiling * self.slope / spent * reached * (1 - reached)) @ self.weights)

    def weighted(self, weights: Floats) -> "Curves":
        """The same draws with other weights."""
        return Curves(self.ceiling, self.half, self.slope, weights)

    @cached_property
    def fitted(self) -> Flags:
        """Lines that bring something."""
        return np.asarray((self.ceiling > 0).any(axis=1))

    @cached_property
    def concave(self) -> bool:
        """Whether no curve is S-shaped."""
        return bool((self.slope[self.fitted] <= 1).all())

    @cached_property
    def _closed(self) -> bool:
        return len(self.weights) == 1 and bool((self.slope == 1).all())

    def demand(self, level: Floats | float, low: Ints, high: Ints) -> Floats:
        """What each line takes, within its limits, where the next unit brings ``level``; concave curves."""
        if self._closed:
            ceiling, half = self.ceiling[:, 0], self.half[:, 0]
            return np.clip(np.sqrt(ceiling * half / level) - half, low, high)
        least, most = low.astype(np.float64), high.astype(np.float64)
        for _ in range(_HALVINGS):
            middle = (least + most) / 2
            more = self.marginals(middle) > level
            least, most = np.where(more, middle, least), np.where(more, most, middle)
        return np.asarray((least + most) / 2)


def _reached(money: Floats | Ints, half: Floats, slope: Floats) -> Floats:
    """Share of the ceiling, 0 to 1."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(1 / (1 + (half / np.asarray(money, np.float64)) ** slope))


@dataclass(frozen=True, eq=False)
class Problem:
    """Lines with limits each, and groups of lines (channels) with limits together; all in units of money.

    Every line belongs to one group. `allocate` expects limits that can be kept: `room` says whether.
    """

    curves: Curves
    total: int
    low: Ints
    high: Ints
    now: Ints
    """The present split, whatever it sums to."""
    group: Ints
    """Place of each line's group."""
    floors: Ints
    """Least money of each group's lines together."""
    limits: Ints
    """Greatest money of each group's lines together."""

    def by_group(self, money: Floats | Ints) -> Floats:
        """Sums of each group's lines."""
        return np.asarray(np.bincount(self.group, money, len(self.limits)), np.float64)

    def outcome(self, money: Floats | Ints) -> float:
        """Expected outcome of all lines together."""
        return float(self.curves.at(money).sum())

    def room(self) -> tuple[int, int]:
        """Least and greatest total the limits of lines and groups leave, where none contradict each other."""
        least = np.maximum(self.by_group(self.low), self.floors).sum()
        most = np.minimum(self.by_group(self.high), self.limits).sum()
        return int(least), int(most)

    def allows(self, units: Ints) -> bool:
        """Whether a split spends the total and keeps every limit."""
        sums = self.by_group(units)
        return (
            int(units.sum()) == self.total
            and bool(((units >= self.low) & (units <= self.high)).all())
            and bool(((sums >= self.floors) & (sums <= self.limits)).all())
        )


@dataclass(frozen=True, eq=False)
class Allocation:
    """A split in whole units that sums to the total, and how near it is to the best there is."""

    units: Ints
    level: float
    """Outcome the last unit of the total brings."""
    residual: float
    """Greatest violation of the optimality conditions before rounding, relative to ``level``."""
    gap: float
    """No allowed split brings more than this above ``units``, relative to its outcome.

    Concave: the Frank-Wolfe gap, the best linear step from here (Jaggi, "Revisiting Frank-Wolfe", 2013,
    equation 2). S-shaped: the Lagrangian bound at ``level``, its groups tabulated on the grid.
    """


def allocate(problem: Problem) -> Allocation:
    """The split of the total that brings most, never less than the present one where that is allowed.

    Raises `ValueError` where the limits cannot be kept.
    """
    least, most = problem.room()
    groups = np.maximum(problem.by_group(problem.low), problem.floors) <= np.minimum(
        problem.by_group(problem.high), problem.limits
    )
    if not (least <= problem.total <= most and groups.all() and (problem.low <= problem.high).all()):
        raise ValueError("the limits cannot be kept")
    return _concave(problem) if problem.curves.concave else _s_shaped(problem)


def improve(problem: Problem, units: Ints, step: int) -> Ints:
    """Exchange money between lines in ever smaller steps, down to one unit, while that brings more."""
    return grid.polish(_lines(problem), units, step)


def _lines(problem: Problem) -> grid.Lines:
    return grid.Lines(
        problem.curves.table, problem.low, problem.high, problem.group, problem.floors, problem.limits
    )


def _keep_if_best(problem: Problem, units: Ints) -> Ints:
    """The present split where it is allowed and no worse."""
    now = problem.now
    return now if problem.allows(now) and problem.outcome(now) >= problem.outcome(units) else units


def _concave(problem: Problem) -> Allocation:
    if not problem.curves.fitted.any():
        return Allocation(fill(problem, problem.low, range(len(problem.low))), 0.0, 0.0, 0.0)
    solved = solve(problem)
    units = round_within(problem, solved.money)
    if len(units) <= _POLISHED_LINES:
        units = improve(problem, units, 1)
    units = _keep_if_best(problem, units)
    return Allocation(units, solved.level, residual(problem, solved), gap(problem, units))


def _s_shaped(problem: Problem) -> Allocation:
    lines = _lines(problem)
    start = grid.start(lines, problem.total)
    order = np.argsort(-problem.curves.marginals(start.units), kind="stable").tolist()
    units = fill(problem, start.units, order)
    if not problem.allows(units):
        units = fill(problem, problem.low, order)
    units = grid.polish(lines, units, start.step)
    units = _keep_if_best(problem, units)
    level = _last_unit(problem, units)
    outcome = problem.outcome(units)
    bound = start.bound(level) + level * problem.total
    above = max(bound / outcome - 1, 0.0) if outcome > 0 else 0.0
    return Allocation(units, level, _unheld_spread(problem, units, level), above)


def _unheld(problem: Problem, units: Ints) -> Flags:
    """Lines that neither their own limits nor their group's hold."""
    sums = problem.by_group(units)
    free = ((sums > problem.floors) & (sums < problem.limits))[problem.group]
    return np.asarray((units > problem.low) & (units < problem.high) & free & problem.curves.fitted)


def _last_unit(problem: Problem, units: Ints) -> float:
    """The marginal outcome the unheld lines share (their median); the greatest of all where all are held."""
    slopes, unheld = problem.curves.marginals(units), _unheld(problem, units)
    return float(np.median(slopes[unheld]) if unheld.any() else slopes.max())


def _unheld_spread(problem: Problem, units: Ints, level: float) -> float:
    slopes = problem.curves.marginals(units)[_unheld(problem, units)]
    return float(np.abs(slopes / level - 1).max()) if len(slopes) and level > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Solved:
    """A concave problem solved before rounding."""

    level: float
    levels: Floats
    """Of each group; the common one where neither its limit nor its floor binds."""
    money: Floats


def solve(problem: Problem) -> Solved:
    """Water-filling: bisection on the common marginal outcome, nested for the groups held by a limit."""
    curves, low, high = problem.curves, problem.low, problem.high
    fitted = curves.fitted & (low < high)
    if not fitted.any():
        fitted = curves.fitted
    highest = float(curves.marginals(low)[fitted].max())
    lowest = max(float(curves.marginals(high)[fitted].min()), 1e-300)

    def taken(level: float) -> float:
        return float(
            np.clip(problem.by_group(curves.demand(level, low, high)), problem.floors, problem.limits).sum()
        )

    def of_group(place: int, level: float) -> float:
        return float(curves.demand(level, low, high)[problem.group == place].sum())

    level = _bisect(taken, problem.total, lowest, highest)
    wanted = problem.by_group(curves.demand(level, low, high))
    levels = np.full(len(problem.limits), level)
    for place in np.flatnonzero((wanted > problem.limits) | (wanted < problem.floors)).tolist():
        target = int(np.clip(wanted[place], problem.floors[place], problem.limits[place]))
        levels[place] = _bisect(partial(of_group, place), target, lowest, highest)
    return Solved(level, levels, curves.demand(levels[problem.group], low, high))


def _bisect(taken: Callable[[float], float], target: float, low: float, high: float) -> float:
    """The level at which ``taken``, which falls with it, meets ``target``; halved on the logarithm."""
    while high / low > 1 + 4e-16:
        middle = math.sqrt(low) * math.sqrt(high)
        if not low < middle < high:
            break
        if taken(middle) > target:
            low = middle
        else:
            high = middle
    return high


def residual(problem: Problem, solved: Solved) -> float:
    """Greatest violation of stationarity, each line's relative to its group's level, and of the total."""
    money, own = solved.money, solved.levels[problem.group]
    over = problem.curves.marginals(money) - own
    near = 1e-9 * problem.total
    lines = np.where(money >= problem.high - near, np.maximum(-over, 0), np.abs(over))
    lines = np.where(money <= problem.low + near, np.maximum(over, 0), lines)
    lines = np.where(problem.low == problem.high, 0, lines)
    sums, excess = problem.by_group(money), solved.levels - solved.level
    groups = np.where(sums >= problem.limits - near, np.maximum(-excess, 0), np.abs(excess))
    groups = np.where(sums <= problem.floors + near, np.maximum(excess, 0), groups)
    total = abs(money.sum() - problem.total) / problem.total
    return float(max((lines / own).max(), groups.max() / solved.level, total))


def round_within(problem: Problem, money: Floats) -> Ints:
    """Whole units that sum to the total, by largest remainder within every limit."""
    units = np.clip(np.floor(money).astype(np.int64), problem.low, problem.high)
    order = np.argsort(-(money - units), kind="stable").tolist()
    _place(problem, units, order, problem.floors, 1)
    _place(problem, units, order, problem.limits, 1)
    _place(problem, units, order, problem.limits, problem.total)
    return units


def fill(problem: Problem, units: Ints, order: Sequence[int]) -> Ints:
    """``units`` with what is missing to the total added to the lines in ``order``, within every limit."""
    filled = units.copy()
    _place(problem, filled, order, problem.floors, problem.total)
    _place(problem, filled, order, problem.limits, problem.total)
    return filled


def _place(problem: Problem, units: Ints, order: Sequence[int], until: Ints, step: int) -> None:
    """Add what the total leaves to the lines in ``order``, at most ``step`` each and ``until`` a group."""
    sums = [int(total) for total in problem.by_group(units)]
    left = problem.total - int(units.sum())
    for place in order:
        group = int(problem.group[place])
        room = min(int(problem.high[place] - units[place]), int(until[group]) - sums[group], left, step)
        if room > 0:
            units[place] += room
            sums[group] += room
            left -= room


def gap(problem: Problem, units: Ints) -> float:
    """The Frank-Wolfe gap at ``units``, relative to its outcome; for concave curves."""
    slopes = problem.curves.marginals(units)
    order = np.argsort(-slopes, kind="stable").tolist()
    best = fill(problem, problem.low, order)
    gain = float((slopes * (best - units)).sum())
    outcome = problem.outcome(units)
    return max(gain, 0.0) / outcome if outcome else 0.0
