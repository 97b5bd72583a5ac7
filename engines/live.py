"""Paths kept up to date as touches and conversions come in, in any order, late ones too."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from engines.paths import Paths, Table


@dataclass
class _Visitor:
    touches: list[tuple[int, int, str]] = field(default_factory=list)
    """Moment, number of arrival and channel, in order."""
    won: list[tuple[int, int]] = field(default_factory=list)
    """Moment and revenue in millionths, in order."""


class LivePaths:
    """All paths of all visitors, as counts of equal ones; an event changes those of its visitor alone.

    Equal at any time to what `engines.journeys.pack` makes of all events so far: a conversion's path is its
    visitor's touches in the look-back before it, and what none claims did not convert. Times are whole
    numbers, the look-back in the same unit; touches of one moment keep the order in which they came. An event
    costs as much as its visitor has touches times conversions.
    """

    def __init__(self, look_back: int) -> None:
        self._look_back = look_back
        self._arrived = 0
        self._visitors: defaultdict[str, _Visitor] = defaultdict(_Visitor)
        self._counts: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])

    def touch(self, visitor: str, moment: int, channel: str) -> None:
        """A visitor met a channel."""
        known = self._visitors[visitor]
        self._count(known, -1)
        insort(known.touches, (moment, self._arrived, channel))
        self._arrived += 1
        self._count(known, 1)

    def convert(self, visitor: str, moment: int, revenue: int) -> None:
        """A visitor converted, for millionths; its touches up to the look-back before are lost no longer."""
        known = self._visitors[visitor]
        self._count(known, -1)
        insort(known.won, (moment, revenue))
        self._count(known, 1)

    def table(self) -> Table:
        """Conversions, revenue in millionths and times without conversion, by path."""
        return {path: (won, revenue, lost) for path, (won, revenue, lost) in self._counts.items()}

    def paths(self, names: Sequence[str] = ()) -> Paths:
        """The same for the models; ``names`` come first among the channels' codes."""
        return Paths.of(self.table(), names)

    def _count(self, known: _Visitor, times: int) -> None:
        """Add or take away everything a visitor did."""
        free = [True] * len(known.touches)
        for moment, revenue in known.won:
            first = bisect_left(known.touches, (moment - self._look_back,))
            end = bisect_right(known.touches, (moment + 1,))
            free[first:end] = [False] * (end - first)
            self._add(known.touches[first:end], (times, times * revenue, 0))
        for run in self._lost(known, free):
            self._add(run, (0, 0, times))

    def _lost(self, known: _Visitor, free: list[bool]) -> list[list[tuple[int, int, str]]]:
        runs: list[list[tuple[int, int, str]]] = []
        goes_on = False
        for place, touch in enumerate(known.touches):
            near = place > 0 and touch[0] - known.touches[place - 1][0] <= self._look_back
            if free[place] and goes_on and near:
                runs[-1].append(touch)
            elif free[place]:
                runs.append([touch])
            goes_on = free[place]
        return runs

    def _add(self, touches: list[tuple[int, int, str]], amounts: tuple[int, int, int]) -> None:
        if not touches:
            return
        path = tuple(channel for _, _, channel in touches)
        counts = self._counts[path]
        for place, amount in enumerate(amounts):
            counts[place] += amount
        if not counts[0] and not counts[2]:
            del self._counts[path]
