"""Paths of channels: how many conversions each brought, how often it led nowhere, and what they tell."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from engines.journeys import Codes, Ints, Packed, lost_ranges, money, spread

Table = dict[tuple[str, ...], tuple[int, int, int]]
"""Conversions, revenue in millionths and paths that led nowhere, by sequence of channels."""

_TABLE = 1 << 24
"""Largest table of keys that is looked up instead of sorted."""


@dataclass(frozen=True)
class Paths:
    """Sequences of channels as ranges of a column of codes, which may overlap; equal ones may stand apart."""

    names: tuple[str, ...]
    """Channels by code."""
    channel: Codes
    firsts: Ints
    lengths: Ints
    """At least 1."""
    conversions: Ints
    revenue: Ints
    """Millionths."""
    lost: Ints
    """Times the path was gone without a conversion."""

    @property
    def flat(self) -> Codes:
        """The channels of all paths, one path after the other."""
        return np.asarray(self.channel[spread(self.firsts, self.lengths)])

    @classmethod
    def of(cls, table: Mapping[tuple[str, ...], tuple[int, int, int]], names: Sequence[str] = ()) -> "Paths":
        """From a table; ``names`` come first among the channels' codes."""
        codes = {name: code for code, name in enumerate(names)}
        flat = [codes.setdefault(name, len(codes)) for path in table for name in path]
        lengths = np.array([len(path) for path in table], dtype=np.int64)
        counts = np.array(list(table.values()), dtype=np.int64).reshape(-1, 3)
        return cls(
            tuple(codes),
            np.array(flat, dtype=np.int64),
            np.cumsum(lengths) - lengths,
            lengths,
            counts[:, 0].copy(),
            counts[:, 1].copy(),
            counts[:, 2].copy(),
        )

    def table(self) -> Table:
        """Equal paths as one, by the names of their channels."""
        found: Table = {}
        channel = self.channel.tolist()
        columns = (self.firsts, self.lengths, self.conversions, self.revenue, self.lost)
        for first, length, *counts in zip(*(one.tolist() for one in columns), strict=True):
            path = tuple(self.names[code] for code in channel[first : first + length])
            before = found.get(path, (0, 0, 0))
            found[path] = (before[0] + counts[0], before[1] + counts[1], before[2] + counts[2])
        return found

    def collapsed(self) -> "Paths":
        """Equal paths as one, exactly: ranges are told apart step by step, as in a tree of prefixes."""
        number, example = self.numbered()
        totals = [np.zeros(len(example), dtype=np.int64) for _ in range(3)]
        for total, values in zip(totals, (self.conversions, self.revenue, self.lost), strict=True):
            np.add.at(total, number, values)
        return Paths(self.names, self.channel, self.firsts[example], self.lengths[example], *totals)

    def numbered(self) -> tuple[Ints, Ints]:
        """A number from 0 of each path, the same for equal ones, and the place of one path of each number."""
        width = max(len(self.names), 1)
        longest = np.argsort(-self.lengths, kind="stable")
        lengths = self.lengths[longest]
        most = int(lengths.max(initial=0))
        node = np.zeros(len(lengths), dtype=np.int64)
        count = 1
        for step in range(most):
            alive = int(np.searchsorted(-lengths, -step, "left"))
            key = node[:alive] * width + self.channel[self.firsts[longest[:alive]] + step]
            node[:alive], count = renumbered(key, count * width)
        ends, count = renumbered(node * (most + 1) + lengths, (int(node.max(initial=0)) + 1) * (most + 1))
        number, example = np.empty_like(ends), np.empty(count, dtype=np.int64)
        number[longest] = ends
        example[number] = np.arange(len(number))
        return number, example

    def __add__(self, other: "Paths") -> "Paths":
        """The paths of both, whatever their codes."""
        names = tuple(dict.fromkeys([*self.names, *other.names]))
        code = np.array([names.index(name) for name in other.names], dtype=np.int64)
        renamed = code[other.channel] if len(code) else other.channel
        return Paths(
            names,
            np.concatenate([self.channel, renamed]),
            np.concatenate([self.firsts, other.firsts + len(self.channel)]),
            *(
                np.concatenate([getattr(self, name), getattr(other, name)])
                for name in ("lengths", "conversions", "revenue", "lost")
            ),
        )


def renumbered(keys: Ints, bound: int) -> tuple[Ints, int]:
    """Keys below a bound as numbers from 0 without gaps, in their order."""
    if bound <= max(_TABLE, 4 * len(keys)):
        met = np.zeros(bound, dtype=np.int64)
        met[keys] = 1
        np.cumsum(met, out=met)
        return met[keys] - 1, int(met[-1]) if bound else 0
    found, numbers = np.unique(keys, return_inverse=True)
    return numbers, len(found)


def converting(packed: Packed) -> Paths:
    """A path a conversion that has touches."""
    with_touches = np.flatnonzero(packed.lengths)
    ones = np.ones(len(with_touches), dtype=np.int64)
    return Paths(
        packed.names,
        packed.channel,
        packed.firsts[with_touches],
        packed.lengths[with_touches],
        ones,
        packed.revenue[with_touches],
        np.zeros_like(ones),
    )


def lost(packed: Packed, since: int | None = None, until: int | None = None) -> Paths:
    """The paths that did not convert; see `engines.journeys.lost_ranges`."""
    firsts, lengths = lost_ranges(packed, since, until)
    none = np.zeros(len(firsts), dtype=np.int64)
    return Paths(packed.names, packed.channel, firsts, lengths, none, none, np.ones_like(none))


@dataclass(frozen=True)
class Path:
    """A sequence of channels that led to conversions; the same channel twice in a row is named once."""

    channels: tuple[str, ...]
    conversions: int
    revenue: Decimal


@dataclass(frozen=True)
class PathStatistics:
    """How conversions came about, over those with a touch in the window."""

    lengths: dict[int, int]
    """Conversions by number of touches."""
    mean_length: float
    mean_days: float
    """From the first touch in the window to the conversion."""
    median_days: float
    slow_days: float
    """Nine of ten conversions took no longer."""
    assisted: int
    """Conversions with touches of more than one channel."""
    top: tuple[Path, ...]
    """The most frequent paths."""


def statistics(packed: Packed, count: int = 10) -> PathStatistics | None:
    """Of the conversions with touches, with the ``count`` most frequent paths; None where there are none."""
    attributed = np.flatnonzero(packed.lengths)
    if not len(attributed):
        return None
    lengths = packed.lengths[attributed]
    days = (packed.won[attributed] - packed.moment[packed.firsts[attributed]]) / packed.day
    width = len(packed.names)
    met = np.unique(packed.owner * width + packed.channel[packed.claimed]) // width
    return PathStatistics(
        lengths=dict(sorted(Counter(lengths.tolist()).items())),
        mean_length=float(lengths.mean()),
        mean_days=float(days.mean()),
        median_days=float(np.median(days)),
        slow_days=float(np.quantile(days, 0.9)),
        assisted=int((np.bincount(met) > 1).sum()),
        top=_top(converting(packed), count),
    )


def _top(paths: Paths, count: int) -> tuple[Path, ...]:
    """Without repeats, the most frequent first."""
    flat = paths.flat
    starts = np.cumsum(paths.lengths) - paths.lengths
    fresh = np.ones(len(flat), dtype=bool)
    fresh[1:] = flat[1:] != flat[:-1]
    fresh[starts] = True
    lengths = np.add.reduceat(fresh, starts, dtype=np.int64)
    short = replace(paths, channel=flat[fresh], firsts=np.cumsum(lengths) - lengths, lengths=lengths)
    found = short.collapsed()
    # Enough of the most frequent to settle ties by revenue and name.
    least = np.sort(found.conversions)[-min(count, len(found.conversions))]
    some = found.conversions >= least
    kept = replace(
        found,
        **{
            name: getattr(found, name)[some]
            for name in ("firsts", "lengths", "conversions", "revenue", "lost")
        },
    )
    rows = [Path(names, won, money(revenue)) for names, (won, revenue, _) in kept.table().items()]
    return tuple(sorted(rows, key=lambda p: (-p.conversions, -p.revenue, p.channels))[:count])
