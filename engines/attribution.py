"""Attribution: which touches a conversion is credited to, by position and time rules.

A conversion's credit is split into whole billionths and its revenue into whole millionths, both by largest
remainder, so that the credits of a conversion sum to exactly 1 and its money to exactly its revenue. Revenue
is in one currency a calculation.

The rules are those of the field (first touch, last touch, linear, time decay, position based); Shao & Li,
"Data-driven multi-touch attribution models" (KDD 2011), section 2, describes them. They are conventions: none
of them says what a channel caused.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOOK_BACK_DAYS = 30.0
"""Touches longer before the conversion than this get no credit."""

DECAY_DAYS = 7.0
"""Time decay's constant: a touch this much earlier weighs 1/e. Its half-life is 7 × ln 2 = 4.85 days."""

POSITION_WEIGHTS = (0.4, 0.2, 0.4)
"""Position based: the first touch, all touches between, the last touch."""

RESAMPLES = 200
"""Bootstrap resamples behind each interval."""

INTERVAL = 0.90
"""Probability the intervals are made for."""

CONFIDENCE_MEANING = (
    "the share of resampled sets of conversions in which the same channel gets the most credit; it speaks of "
    "chance in the journeys seen, not of whether the model's rule is right"
)

_CREDIT_UNITS = 1_000_000_000
_DAY = timedelta(days=1)


class Model(StrEnum):
    """A rule that splits a conversion's credit between its touches."""

    FIRST_TOUCH = "first_touch"
    LAST_TOUCH = "last_touch"
    LINEAR = "linear"
    TIME_DECAY = "time_decay"
    POSITION_BASED = "position_based"

    @property
    def label(self) -> str:
        """The rule as a person writes it."""
        return self.value.replace("_", " ")


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


@dataclass(frozen=True)
class Rules:
    """What a model needs besides the journeys.

    Raises `ValueError` for a look-back or decay that is not positive, or weights that are negative or do not
    sum to 1.
    """

    look_back_days: float = LOOK_BACK_DAYS
    decay_days: float = DECAY_DAYS
    position_weights: tuple[float, float, float] = POSITION_WEIGHTS

    def __post_init__(self) -> None:
        if not (self.look_back_days > 0 and self.decay_days > 0):
            raise ValueError("the look-back window and the decay constant must be positive")
        if min(self.position_weights) < 0 or abs(sum(self.position_weights) - 1) > 1e-9:
            raise ValueError("position weights must not be negative and must sum to 1")


@dataclass(frozen=True, slots=True)
class TouchCredit:
    """What one touch gets of one conversion."""

    touch: Touch
    credit: Decimal
    revenue: Decimal


@dataclass(frozen=True)
class Share:
    """A share of everything credited, with its bootstrap interval of probability `INTERVAL`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ChannelCredit:
    """What a channel is credited with."""

    channel: str
    conversions: Decimal
    revenue: Decimal
    share: Share
    """Of credited conversions."""
    revenue_share: Share
    """Of credited revenue; zeros where no revenue was credited."""
    touched: int
    """Conversions with at least one touch of the channel in the window."""
    assisted: int
    """Those of them whose last touch was another channel's."""


@dataclass(frozen=True)
class CampaignCredit:
    """What a campaign is credited with on one channel; no campaign where a touch belonged to none."""

    channel: str
    campaign_id: int | None
    conversions: Decimal
    revenue: Decimal


@dataclass(frozen=True)
class Path:
    """A sequence of channels that led to conversions; the same channel twice in a row is named once."""

    channels: tuple[str, ...]
    conversions: int
    revenue: Decimal


@dataclass(frozen=True)
class PathStatistics:
    """How conversions came about, over those with a touch in the window."""

    lengths: Mapping[int, int]
    """Conversions by number of touches."""
    mean_length: float
    mean_days: float
    """Days from the first touch in the window to the conversion."""
    median_days: float
    slow_days: float
    """Nine of ten conversions take no longer."""
    assisted: int
    """Conversions with touches of more than one channel."""
    top: tuple[Path, ...]
    """The most frequent paths."""


@dataclass(frozen=True)
class Attribution:
    """Credits of a set of conversions under one model."""

    model: Model
    rules: Rules
    conversions: int
    revenue: Decimal
    unattributed: int
    """Conversions without a touch in the window: direct, or not tracked."""
    unattributed_revenue: Decimal
    channels: tuple[ChannelCredit, ...]
    """Most credited conversions first."""
    campaigns: tuple[CampaignCredit, ...]
    paths: PathStatistics | None
    """None where nothing was attributed."""
    confidence: float | None
    """See `CONFIDENCE_MEANING`; None where nothing was attributed."""


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


def credit_touches(
    journeys: Sequence[Journey], model: Model, rules: Rules | None = None
) -> dict[int, tuple[TouchCredit, ...]]:
    """Credits by conversion, first touch first; an empty tuple for a conversion without touches.

    The credits of a conversion sum to exactly 1 and their revenue to exactly its revenue. Raises `ValueError`
    for revenue finer than a millionth.
    """
    packed = _pack(journeys, rules or Rules())
    units, micros = _split(packed, model, rules or Rules())
    touches = [touch for journey in journeys for touch in journey.touches]
    rows = zip(packed.places.tolist(), units.tolist(), micros.tolist(), strict=True)
    parts = [TouchCredit(touches[place], _credit(unit), _money(micro)) for place, unit, micro in rows]
    bounds = [0, *np.cumsum(packed.lengths).tolist()]
    return {
        journey.conversion_id: tuple(parts[start:end])
        for journey, (start, end) in zip(journeys, pairwise(bounds), strict=True)
    }


def attribute(
    journeys: Sequence[Journey],
    model: Model,
    rules: Rules | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Attribution:
    """Credits by channel and by channel and campaign, with intervals and path statistics.

    - First and last touch: all to that touch. Linear: equal parts.
    - Time decay: ``exp(-days / decay_days)``, days from the touch to the conversion, divided by their sum.
    - Position based: first, between, last as `Rules.position_weights` say; one touch gets all; of two, each
      gets its end's weight over both ends' (half each where both are 0).

    Of touches at the same moment, the one given first comes first. Conversions without a touch in the window
    are counted as unattributed. Intervals are percentile bootstrap intervals over conversions (Efron &
    Tibshirani 1993, chapter 13), repeatable by ``seed``. Raises `ValueError` for revenue finer than a
    millionth.
    """
    rules = rules or Rules()
    packed = _pack(journeys, rules)
    units, micros = _split(packed, model, rules)
    direct = packed.lengths == 0
    boot = _bootstrap(packed, units, micros, np.random.default_rng(seed), resamples)
    return Attribution(
        model=model,
        rules=rules,
        conversions=len(journeys),
        revenue=_money(int(packed.revenue.sum())),
        unattributed=int(direct.sum()),
        unattributed_revenue=_money(int(packed.revenue[direct].sum())),
        channels=_by_channel(packed, units, micros, boot),
        campaigns=_by_campaign(packed, units, micros),
        paths=_paths(packed),
        confidence=boot.confidence,
    )


@dataclass(frozen=True)
class _Packed:
    """Touches inside the window, by journey and then by time, as columns."""

    names: tuple[str, ...]
    """Channels by code."""
    channel: Ints
    campaign: Ints
    """-1 where a touch belongs to none."""
    owner: Ints
    """Place of the journey."""
    places: Ints
    """Place among all touches given."""
    days: Floats
    """Before the conversion."""
    lengths: Ints
    """Touches by journey."""
    revenue: Ints
    """Millionths by journey."""
    starts: Ints = field(init=False)
    """First touch of each journey, which for an empty one is the next journey's."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", np.cumsum(self.lengths) - self.lengths)

    @property
    def position(self) -> Ints:
        """Of each touch in its journey, from 0."""
        return np.arange(len(self.owner)) - self.starts[self.owner]

    @property
    def last(self) -> NDArray[np.bool_]:
        """Whether a touch is its journey's last."""
        return np.asarray(self.position == self.lengths[self.owner] - 1)


def _pack(journeys: Sequence[Journey], rules: Rules) -> _Packed:
    given = np.array([len(journey.touches) for journey in journeys], dtype=np.int64)
    touches = list(chain.from_iterable(journey.touches for journey in journeys))
    codes: defaultdict[str, int] = defaultdict(lambda: len(codes))
    channel = np.array([codes[touch.channel] for touch in touches], dtype=np.int64)
    campaign = np.array([-1 if t.campaign_id is None else t.campaign_id for t in touches], dtype=np.int64)
    days = np.fromiter(_ages(journeys), np.float64, len(touches))
    owner = np.repeat(np.arange(len(journeys)), given)
    inside = np.flatnonzero((days >= 0) & (days <= rules.look_back_days))
    order = inside[np.lexsort((-days[inside], owner[inside]))]
    return _Packed(
        names=tuple(codes),
        channel=channel[order],
        campaign=campaign[order],
        owner=owner[order],
        places=order,
        days=days[order],
        lengths=np.bincount(owner[order], minlength=len(journeys)),
        revenue=np.array([_micros(journey.revenue) for journey in journeys], dtype=np.int64),
    )


def _ages(journeys: Sequence[Journey]) -> Iterator[float]:
    for journey in journeys:
        moment = journey.moment
        for touch in journey.touches:
            yield (moment - touch.moment) / _DAY


def _micros(amount: Decimal) -> int:
    scaled = amount.scaleb(6)
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{amount} is finer than a millionth")
    return whole


def _money(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-6)


def _credit(units: int) -> Decimal:
    return Decimal(units).scaleb(-9)


def _weights(packed: _Packed, model: Model, rules: Rules) -> Floats:
    """A weight a touch, of any sum above 0 in each journey."""
    match model:
        case Model.FIRST_TOUCH:
            return np.asarray(packed.position == 0, np.float64)
        case Model.LAST_TOUCH:
            return np.asarray(packed.last, np.float64)
        case Model.LINEAR:
            return np.ones(len(packed.owner))
        case Model.TIME_DECAY:
            # Counted from the last touch: the same shares, and old journeys do not underflow to nothing.
            latest = packed.days[packed.starts[packed.owner] + packed.lengths[packed.owner] - 1]
            return np.asarray(np.exp((latest - packed.days) / rules.decay_days))
        case Model.POSITION_BASED:
            return _position_weights(packed, rules.position_weights)


def _position_weights(packed: _Packed, parts: tuple[float, float, float]) -> Floats:
    first, between, last = parts
    ends = first + last
    short = (first / ends, last / ends) if ends else (0.5, 0.5)
    length, position, at_end = packed.lengths[packed.owner], packed.position, packed.last
    weights = np.where(position == 0, first, np.where(at_end, last, between / np.maximum(length - 2, 1)))
    weights = np.where(length == 2, np.where(at_end, short[1], short[0]), weights)
    return np.where(length == 1, 1.0, weights)


def _split(packed: _Packed, model: Model, rules: Rules) -> tuple[Ints, Ints]:
    """Credit in billionths and revenue in millionths of each touch."""
    weights = _weights(packed, model, rules)
    sums = np.bincount(packed.owner, weights, len(packed.lengths))
    ideal = weights / sums[packed.owner] * _CREDIT_UNITS
    floors = np.floor(ideal).astype(np.int64)
    wholes = np.where(packed.lengths > 0, _CREDIT_UNITS, 0)
    units = _top_up(packed, floors, ideal - floors, wholes)
    # Whole and fractional billionths apart, or the product would not fit into 64 bits.
    whole, rest = np.divmod(packed.revenue[packed.owner], _CREDIT_UNITS)
    low, remainder = np.divmod(rest * units, _CREDIT_UNITS)
    owed = np.where(packed.lengths > 0, packed.revenue, 0)
    return units, _top_up(packed, whole * units + low, remainder.astype(np.float64), owed)


def _top_up(packed: _Packed, floors: Ints, remainders: Floats, totals: Ints) -> Ints:
    """Largest remainder: one unit more to the touches that lost most, the earlier one on a tie."""
    reached = np.zeros(len(totals), dtype=np.int64)
    np.add.at(reached, packed.owner, floors)
    missing = totals - reached
    order = np.lexsort((packed.position, -remainders, packed.owner))
    rank = np.empty_like(order)
    rank[order] = packed.position
    return floors + np.asarray(rank < missing[packed.owner], np.int64)


@dataclass(frozen=True)
class _Boot:
    shares: tuple[Share, ...]
    revenue_shares: tuple[Share, ...]
    confidence: float | None


def _bootstrap(packed: _Packed, units: Ints, micros: Ints, rng: np.random.Generator, resamples: int) -> _Boot:
    """Resample the attributed journeys with replacement."""
    attributed = np.flatnonzero(packed.lengths)
    if not len(attributed):
        return _Boot((), (), None)
    credit, revenue = (_matrix(packed, values)[attributed] for values in (units, micros))
    count = len(attributed)
    width = credit.shape[1]
    both = np.hstack([credit, revenue])
    drawn = np.empty((resamples, 2 * width))
    for row in drawn:
        row[:] = np.bincount(rng.integers(0, count, count), minlength=count) @ both
    credits_drawn, revenue_drawn = drawn[:, :width], drawn[:, width:]
    leader = int(credit.sum(axis=0).argmax())
    confidence = float((credits_drawn.argmax(axis=1) == leader).mean()) if resamples else None
    return _Boot(
        _shares(credit.sum(axis=0), credits_drawn), _shares(revenue.sum(axis=0), revenue_drawn), confidence
    )


def _matrix(packed: _Packed, values: Ints) -> Floats:
    """Journeys by channels."""
    width = len(packed.names)
    cells = packed.owner * width + packed.channel
    flat = np.bincount(cells, values.astype(np.float64), len(packed.lengths) * width)
    return np.asarray(flat, np.float64).reshape(-1, width)


def _shares(totals: Floats, drawn: Floats) -> tuple[Share, ...]:
    values = _normal(totals[None, :])[0]
    if not len(drawn):
        return tuple(Share(value, value, value) for value in values.tolist())
    tail = (1 - INTERVAL) / 2
    low, high = np.quantile(_normal(drawn), (tail, 1 - tail), axis=0)
    return tuple(Share(*row) for row in zip(values.tolist(), low.tolist(), high.tolist(), strict=True))


def _normal(rows: Floats) -> Floats:
    sums = rows.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(rows, sums, out=np.zeros_like(rows), where=sums != 0))


def _sums(keys: Ints, values: Ints, length: int) -> list[int]:
    result = np.zeros(length, dtype=np.int64)
    np.add.at(result, keys, values)
    sums: list[int] = result.tolist()
    return sums


def _by_channel(packed: _Packed, units: Ints, micros: Ints, boot: _Boot) -> tuple[ChannelCredit, ...]:
    width = len(packed.names)
    pairs = np.unique(packed.owner * width + packed.channel)
    touched = np.bincount(pairs % width, minlength=width)
    closed = np.bincount(packed.channel[packed.last], minlength=width)
    conversions, revenue = _sums(packed.channel, units, width), _sums(packed.channel, micros, width)
    found = [
        ChannelCredit(
            name,
            _credit(conversions[code]),
            _money(revenue[code]),
            boot.shares[code],
            boot.revenue_shares[code],
            int(touched[code]),
            int(touched[code] - closed[code]),
        )
        for code, name in enumerate(packed.names)
        if touched[code]
    ]
    return tuple(sorted(found, key=lambda one: (-one.conversions, -one.revenue, one.channel)))


def _by_campaign(packed: _Packed, units: Ints, micros: Ints) -> tuple[CampaignCredit, ...]:
    width = len(packed.names)
    pairs, keys = np.unique((packed.campaign + 1) * width + packed.channel, return_inverse=True)
    conversions, revenue = _sums(keys, units, len(pairs)), _sums(keys, micros, len(pairs))
    found = [
        CampaignCredit(
            packed.names[pair % width],
            pair // width - 1 if pair >= width else None,
            _credit(conversions[place]),
            _money(revenue[place]),
        )
        for place, pair in enumerate(pairs.tolist())
    ]
    return tuple(sorted(found, key=lambda c: (-c.conversions, -c.revenue, c.channel, c.campaign_id or -1)))


def _paths(packed: _Packed, count: int = 10) -> PathStatistics | None:
    attributed = np.flatnonzero(packed.lengths)
    if not len(attributed):
        return None
    lengths = packed.lengths[attributed]
    days = packed.days[packed.starts[attributed]]
    met = np.unique(packed.owner * len(packed.names) + packed.channel) // len(packed.names)
    return PathStatistics(
        lengths=dict(sorted(Counter(lengths.tolist()).items())),
        mean_length=float(lengths.mean()),
        mean_days=float(days.mean()),
        median_days=float(np.median(days)),
        slow_days=float(np.quantile(days, 0.9)),
        assisted=int((np.bincount(met) > 1).sum()),
        top=_top_paths(packed, count),
    )


def _top_paths(packed: _Packed, count: int) -> tuple[Path, ...]:
    fresh = packed.position == 0
    fresh[1:] |= packed.channel[1:] != packed.channel[:-1]
    steps = packed.channel[fresh].tolist()
    bounds = np.cumsum(np.bincount(packed.owner[fresh], minlength=len(packed.lengths))).tolist()
    seen: Counter[tuple[int, ...]] = Counter()
    money: Counter[tuple[int, ...]] = Counter()
    for (start, end), revenue in zip(pairwise([0, *bounds]), packed.revenue.tolist(), strict=True):
        if end > start:
            key = tuple(steps[start:end])
            seen[key] += 1
            money[key] += revenue
    paths = [
        Path(tuple(packed.names[code] for code in key), times, _money(money[key]))
        for key, times in seen.items()
    ]
    return tuple(sorted(paths, key=lambda p: (-p.conversions, -p.revenue, p.channels))[:count])
