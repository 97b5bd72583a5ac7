"""Dynamic programming over a grid of money: the best split where response curves are S-shaped.

The outcome is a sum over lines, so the best split of ``m`` steps over the first ``n`` lines follows from that
over the first ``n - 1`` (Bellman, "Dynamic programming", 1957, chapter 1: the allocation process). Groups
are joined from their lines first, then with each other, which keeps their limits exactly. A coarse grid finds
the right valleys; then the same programme on ever finer steps around the split found makes it exact.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS = 8192
"""Lines times steps of the coarse grid, about."""

_FINEST, _COARSEST = 512, 256
"""Most and least steps the money to be divided is cut into."""

_REACH = 8
"""Steps each line may move up or down in one polish."""

_WIDEST = 16 * _REACH
"""Steps a polish may have under way between lines."""

_SHRINK = 4
_PASSES = 40


@dataclass(frozen=True, eq=False)
class Lines:
    """What is to be divided between: limits in units of money, and the outcome at lines by points."""

    table: Callable[[Ints], Floats]
    low: Ints
    high: Ints
    group: Ints
    floors: Ints
    limits: Ints

    def sums(self, units: Ints) -> list[int]:
        """Money of each group."""
        return [int(units[self.group == place].sum()) for place in range(len(self.limits))]


@dataclass(frozen=True, eq=False)
class _Joined:
    """The best outcome for each number of steps, from ``first`` on, that some parts take together."""

    best: Floats
    first: int
    parts: tuple["_Joined", "_Joined"] | None = None
    choice: Ints | None = None
    """Place in the second part's table behind each best."""
    line: int = -1

    def take(self, steps: int, into: Ints) -> None:
        """Write each line's steps of the best way to take ``steps``."""
        stack = [(self, steps)]
        while stack:
            node, wanted = stack.pop()
            if node.parts is None or node.choice is None:
                if node.line >= 0:
                    into[node.line] = wanted
                continue
            left, right = node.parts
            taken = int(node.choice[wanted - node.first]) + right.first
            stack += [(left, wanted - taken), (right, taken)]

    def within(self, least: int, most: int) -> "_Joined":
        """Only what takes ``least`` to ``most`` steps."""
        start, end = max(least - self.first, 0), max(most - self.first + 1, 0)
        choice = None if self.choice is None else self.choice[start:end]
        return _Joined(self.best[start:end], self.first + start, self.parts, choice, self.line)


def _join(left: _Joined, right: _Joined, span: tuple[int, int]) -> _Joined:
    """Both together, for the steps in ``span`` only."""
    # Row by row, all ways of reaching one sum: the left part's table slides along the right one's, reversed.
    edge = np.full(len(right.best) - 1, -np.inf)
    ways = sliding_window_view(np.concatenate([edge, left.best, edge]), len(right.best)) + right.best[::-1]
    choice = ways.argmax(axis=1)
    best = ways[np.arange(len(ways)), choice]
    joined = _Joined(best, left.first + right.first, (left, right), len(right.best) - 1 - choice)
    return joined.within(*span)


def _join_all(parts: Sequence[_Joined], span: tuple[int, int]) -> _Joined:
    joined = parts[0].within(*span)
    for part in parts[1:]:
        joined = _join(joined, part, span)
    return joined


@dataclass(frozen=True, eq=False)
class Start:
    """The best split on the coarse grid; it may leave less than one step a line unspent."""

    units: Ints
    step: int
    groups: tuple[_Joined, ...]
    spent: tuple[int, ...]
    """Least money of each group."""

    def bound(self, level: float) -> float:
        """The most that all groups bring together where each unit of money costs ``level``."""
        return sum(
            float(
                (group.best - level * (least + self.step * (group.first + np.arange(len(group.best))))).max()
            )
            for group, least in zip(self.groups, self.spent, strict=True)
        )


def start(lines: Lines, total: int) -> Start:
    """The best split on a grid of at most `_FINEST` steps."""
    base = int(lines.low.sum())
    count = len(lines.low)
    cells = min(_FINEST, max(_COARSEST, _CELLS // count))
    step = max(1, -(-(total - base) // cells))
    most = (total - base) // step
    reach = np.minimum((lines.high - lines.low) // step, most)
    table = lines.table(lines.low[:, None] + step * np.arange(int(reach.max()) + 1)[None, :])
    least = lines.sums(lines.low)
    groups = []
    for place in range(len(lines.limits)):
        members = np.flatnonzero(lines.group == place).tolist()
        leaves = [_Joined(table[one, : int(reach[one]) + 1], 0, line=one) for one in members]
        room = min((int(lines.limits[place]) - least[place]) // step, most)
        joined = _join_all(leaves, (0, room)) if leaves else _Joined(np.zeros(1), 0)
        needed = -(-max(int(lines.floors[place]) - least[place], 0) // step)
        groups.append(joined.within(min(needed, joined.first + len(joined.best) - 1), room))
    units = lines.low.copy()
    if sum(group.first for group in groups) <= most:
        joined = _join_all(groups, (0, most))
        steps = np.zeros(count, np.int64)
        joined.take(joined.first + len(joined.best) - 1, steps)
        units = lines.low + step * steps
    return Start(units, step, tuple(groups), tuple(least))


def polish(lines: Lines, units: Ints, step: int) -> Ints:
    """Exchange money between lines in steps of ``step`` and ever smaller ones down to 1 while it helps."""
    while True:
        for _ in range(_PASSES):
            moved = _exchange(lines, units, step)
            if moved is None:
                break
            units = moved
        if step == 1:
            return units
        step = max(1, step // _SHRINK)


def _exchange(lines: Lines, units: Ints, step: int) -> Ints | None:
    """The best exchange of up to `_REACH` steps a line; None where none brings more."""
    steps = np.arange(-_REACH, _REACH + 1)
    money = units[:, None] + step * steps[None, :]
    allowed = (money >= lines.low[:, None]) & (money <= lines.high[:, None])
    table = lines.table(np.clip(money, 0, None))
    gains = np.where(allowed, table - table[:, _REACH][:, None], -np.inf)
    sums = lines.sums(units)
    groups = []
    for place in range(len(lines.limits)):
        members = np.flatnonzero((lines.group == place) & (lines.low < lines.high)).tolist()
        if not members:
            continue
        less = min((sums[place] - int(lines.floors[place])) // step, _WIDEST)
        more = min((int(lines.limits[place]) - sums[place]) // step, _WIDEST)
        leaves = [_Joined(gains[one], -_REACH, line=one) for one in members]
        groups.append(_join_all(leaves, (-_WIDEST, _WIDEST)).within(-less, more))
    if not groups:
        return None
    joined = _join_all(groups, (-_WIDEST, _WIDEST))
    gain = float(joined.best[-joined.first])
    if not gain > 1e-12 * float(np.abs(table[:, _REACH]).sum()):
        return None
    taken = np.zeros(len(units), np.int64)
    joined.take(0, taken)
    return np.asarray(units + step * taken)
