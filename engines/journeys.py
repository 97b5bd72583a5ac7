"""Journeys: touches and conversions of visitors, one by one and as columns.

As columns (`Packed`) the touches lie sorted by visitor and time, and a conversion's journey is a range of
them: nothing is copied, and ten million touches fit into a few hundred megabytes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Counts = Ints | Floats
Codes = NDArray[np.integer[Any]]
"""Channels by number, of any width."""

LOOK_BACK_DAYS = 30.0
"""Touches longer before the conversion than this get no credit."""

DAY = timedelta(days=1)

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVER = 100_000.0
"""Days: a longer look-back is as good as none."""


@dataclass(frozen=True, slots=True)
class Touch:
    """One contact of a visitor with a channel."""

    channel: str
    line_id: int | None
    campaign_id: int | None
    moment: datetime


@dataclass(frozen=True, slots=True)
class Conversion:
    """Something a visitor did that is worth money."""

    id: int
    visitor: str
    moment: datetime
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Journey:
    """A conversion with its visitor's touches, in any order; those outside the window get nothing."""

    conversion_id: int
    moment: datetime
    revenue: Decimal
    touches: tuple[Touch, ...] = ()


def journeys(
    touches: Mapping[str, Sequence[Touch]],
    conversions: Iterable[Conversion],
    look_back_days: float = LOOK_BACK_DAYS,
) -> list[Journey]:
    """Each conversion with its visitor's touches up to it, both ends of the window counted.

    A touch serves every later conversion of its visitor inside the window: a repeat order does not empty it.
    """
    window = timedelta(days=look_back_days)
    return [
        Journey(
            won.id,
            won.moment,
            won.revenue,
            tuple(t for t in touches.get(won.visitor, ()) if won.moment - window <= t.moment <= won.moment),
        )
        for won in conversions
    ]


@dataclass(frozen=True)
class Packed:
    """Touches by visitor and then by time, those of the same moment in the order given; conversions beside.

    Times are whole numbers of one unit, ``day`` of which are a day.
    """

    names: tuple[str, ...]
    """Channels by code."""
    channel: Codes
    visitor: Codes
    moment: Ints
    places: Ints
    """Of each touch among those given."""
    firsts: Ints
    """Of each conversion, in the order given: its first touch."""
    lengths: Ints
    """Touches of each conversion; 0 for a direct one."""
    won: Ints
    """When each conversion was."""
    revenue: Ints
    """Millionths by conversion."""
    day: int
    look_back: int

    @property
    def owner(self) -> Ints:
        """The conversion of each claimed touch, journey by journey."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def claimed(self) -> Ints:
        """The claimed touches, journey by journey, each in the order of time."""
        return spread(self.firsts, self.lengths)


def spread(firsts: Ints, lengths: Ints) -> Ints:
    """The places of ranges, one range after the other."""
    starts = np.cumsum(lengths) - lengths
    return np.asarray(np.repeat(firsts - starts, lengths) + np.arange(int(lengths.sum())))


def pack(
    names: Sequence[str],
    visitor: Codes,
    moment: Ints,
    channel: Codes,
    won_visitor: Codes,
    won: Ints,
    revenue: Ints,
    *,
    day: int = 86_400,
    look_back_days: float = LOOK_BACK_DAYS,
    session_minutes: float = 0.0,
) -> Packed:
    """Sort touches and find each conversion's, from those at most the look-back before it to those at it.

    Of a visitor's touches of one channel with at most ``session_minutes`` from each to the next, the first
    stands for all.

    Visitors are numbers from 0; channels are places in ``names``; times are whole numbers of a unit of which
    ``day`` are a day; revenue is in millionths.
    """
    look_back = int(min(look_back_days, _EVER) * day)
    clock = _clock(visitor, moment, won_visitor, won, look_back)
    key = visitor * np.int64(clock.span)
    key += clock.tick
    order = _order(key)
    if session_minutes:
        order = order[_begins(visitor[order], moment[order], channel[order], session_minutes * day / 1440)]
    key = key[order]
    at = won_visitor * np.int64(clock.span)
    firsts = np.searchsorted(key, at + clock.early, "left")
    ends = np.searchsorted(key, at + clock.late, "right")
    return Packed(
        tuple(names),
        channel[order],
        visitor[order],
        moment[order],
        order,
        firsts,
        np.maximum(ends - firsts, 0),
        won,
        revenue,
        day,
        look_back,
    )


def _begins(visitor: Codes, moment: Ints, channel: Codes, pause: float) -> NDArray[np.bool_]:
    """Which touches in order begin a session."""
    begins = np.ones(len(moment), dtype=bool)
    begins[1:] = (visitor[1:] != visitor[:-1]) | (channel[1:] != channel[:-1])
    begins[1:] |= moment[1:] - moment[:-1] > pause
    return begins


@dataclass(frozen=True)
class _Clock:
    """Times as ticks so small that a visitor and a tick make one 64-bit number."""

    tick: Ints
    early: Ints
    late: Ints
    span: int


def _clock(visitor: Codes, moment: Ints, won_visitor: Codes, won: Ints, look_back: int) -> _Clock:
    visitors = 1 + max((int(one.max()) for one in (visitor, won_visitor) if len(one)), default=0)
    low = int(moment.min()) if len(moment) else 0
    # One tick more than there are: no window reaches into the next visitor's.
    span = int(moment.max()) - low + 2 if len(moment) else 1
    if visitors * span < 2**62:
        tick, early, late = moment - low, won - look_back - low, won - low
    else:
        ticks, tick = np.unique(moment, return_inverse=True)
        early = np.searchsorted(ticks, won - look_back, "left")
        late = np.searchsorted(ticks, won, "right") - 1
        span = len(ticks) + 1
    return _Clock(tick, np.clip(early, 0, span - 1), np.clip(late, -1, span - 1), span)


def _order(key: Ints) -> Ints:
    """A stable order: NumPy's fast sort, and then the few equal keys by place."""
    order = np.argsort(key)
    arranged = key[order]
    same = arranged[1:] == arranged[:-1]
    if same.any():
        tied = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
        order[tied] = order[tied][np.lexsort((order[tied], arranged[tied]))]
    return order


def pack_journeys(
    given: Sequence[Journey], look_back_days: float = LOOK_BACK_DAYS, session_minutes: float = 0.0
) -> Packed:
    """Journeys as columns, each as a visitor of its own; times in microseconds.

    Raises `ValueError` for revenue finer than a millionth.
    """
    counts = np.array([len(one.touches) for one in given], dtype=np.int64)
    touches = list(chain.from_iterable(one.touches for one in given))
    codes: defaultdict[str, int] = defaultdict(lambda: len(codes))
    places = np.arange(len(given), dtype=np.int64)
    channel = np.array([codes[one.channel] for one in touches], dtype=np.int64)
    return pack(
        tuple(codes),
        np.repeat(places, counts),
        moments([one.moment for one in touches]),
        channel,
        places,
        moments([one.moment for one in given]),
        np.array([micros(one.revenue) for one in given], dtype=np.int64),
        day=DAY // _MICROSECOND,
        look_back_days=look_back_days,
        session_minutes=session_minutes,
    )


def moments(given: Sequence[datetime]) -> Ints:
    """Microseconds since 1970."""
    return np.array([(one - _EPOCH) // _MICROSECOND for one in given], dtype=np.int64)


def lost_ranges(packed: Packed, since: int | None = None, until: int | None = None) -> tuple[Ints, Ints]:
    """First touch and length of each path that did not convert.

    Such a path is a row of touches of one visitor that no conversion claims, from ``since`` on and before
    ``until``; a pause longer than the look-back begins another one.
    """
    count = len(packed.moment)
    edges = np.bincount(packed.firsts, minlength=count + 1)[: count + 1]
    edges = edges - np.bincount(packed.firsts + packed.lengths, minlength=count + 1)[: count + 1]
    free = np.cumsum(edges[:count]) == 0
    if since is not None:
        free &= packed.moment >= since
    if until is not None:
        free &= packed.moment < until
    goes_on = free[1:] & free[:-1] & (packed.visitor[1:] == packed.visitor[:-1])
    goes_on &= packed.moment[1:] - packed.moment[:-1] <= packed.look_back
    begins = free.copy()
    begins[1:] &= ~goes_on
    closes = free
    closes[:-1] &= ~goes_on
    firsts = np.flatnonzero(begins)
    return firsts, np.flatnonzero(closes) - firsts + 1


def micros(amount: Decimal) -> int:
    """Money in millionths. Raises `ValueError` where it is finer."""
    scaled = amount.scaleb(6)
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{amount} is finer than a millionth")
    return whole


def money(millionths: int) -> Decimal:
    """An amount from its millionths."""
    return Decimal(millionths).scaleb(-6)


def scaled(conversions: Floats, revenue: Floats) -> tuple[Floats, Floats]:
    """Values as shares, negative ones as 0; those of conversions stand in where no revenue has a value."""
    shares = [np.maximum(one, 0) for one in (conversions, revenue)]
    shares = [one / one.sum() if one.any() else one for one in shares]
    return shares[0], shares[1] if shares[1].any() else shares[0]
