"""The rules that split one conversion between its touches, exactly.

A conversion's credit is split into whole billionths and its revenue into whole millionths, both by largest
remainder, so that the credits of a conversion sum to exactly 1 and its money to exactly its revenue.

Journeys of one length are split together: a rule by position is then one short list of numbers for all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.journeys import LOOK_BACK_DAYS, Codes, Counts, Floats, Ints, Packed
from engines.shapley import Worth

DECAY_DAYS = 7.0
"""Time decay's constant: a touch this much earlier weighs 1/e. Its half-life is 7 × ln 2 = 4.85 days."""

POSITION_WEIGHTS = (0.4, 0.2, 0.4)
"""Position based: the first touch, all touches between, the last touch."""

UNITS = 1_000_000_000
"""Parts a conversion is split into."""

_PAIRWISE = 16
"""Longest journeys whose touches are compared each with each; longer ones are sorted."""

_EXACT = 2**53


class Model(StrEnum):
    """How credit comes about: rules that look at one conversion, and models that look at all journeys."""

    FIRST_TOUCH = "first_touch"
    LAST_TOUCH = "last_touch"
    LINEAR = "linear"
    TIME_DECAY = "time_decay"
    POSITION_BASED = "position_based"
    MARKOV = "markov"
    SHAPLEY = "shapley"

    @property
    def label(self) -> str:
        """The model as a person writes it."""
        return {"markov": "Markov", "shapley": "Shapley"}.get(self.value, self.value.replace("_", " "))


@dataclass(frozen=True)
class Rules:
    """What a model needs besides the journeys.

    Raises `ValueError` for a look-back or decay that is not positive, a negative pause, weights that are
    negative or do not sum to 1, or a Markov order other than 1, 2 or 3.
    """

    look_back_days: float = LOOK_BACK_DAYS
    decay_days: float = DECAY_DAYS
    position_weights: tuple[float, float, float] = POSITION_WEIGHTS
    markov_order: int = 1
    """Touches a Markov chain remembers."""
    with_lost: bool = True
    """Whether paths that did not convert count, where they are known and the model can use them."""
    shapley_worth: Worth = Worth.CONVERSIONS
    session_minutes: float = 0.0
    """Touches of one channel with no longer pause between them are one; 0 takes each by itself."""

    def __post_init__(self) -> None:
        if not (self.look_back_days > 0 and self.decay_days > 0):
            raise ValueError("the look-back window and the decay constant must be positive")
        if not self.session_minutes >= 0:
            raise ValueError("the pause that ends a session must not be negative")
        if min(self.position_weights) < 0 or abs(sum(self.position_weights) - 1) > 1e-9:
            raise ValueError("position weights must not be negative and must sum to 1")
        if self.markov_order not in (1, 2, 3):
            raise ValueError("the order of the Markov chain must be 1, 2 or 3")


@dataclass(frozen=True)
class Split:
    """The parts of all journeys of one length, a row a position; one wide, it stands for all."""

    journeys: Ints
    """Places among the conversions."""
    touches: Ints
    """Position by journey: places among the packed touches."""
    units: Ints
    """Credit in billionths."""
    micros: Ints
    """Revenue in millionths."""


@dataclass(frozen=True)
class _Group:
    """Journeys of one length."""

    packed: Packed
    journeys: Ints
    length: int

    def touches(self) -> Ints:
        return np.asarray(self.packed.firsts[self.journeys] + np.arange(self.length)[:, None])

    def weights(self, model: Model, rules: Rules, worths: Floats | None) -> Floats:
        """A weight a touch, of any sum above 0 in each journey."""
        places = np.arange(self.length)
        match model:
            case Model.FIRST_TOUCH:
                return _column(places == 0)
            case Model.LAST_TOUCH:
                return _column(places == self.length - 1)
            case Model.LINEAR:
                return _column(np.ones(self.length))
            case Model.POSITION_BASED:
                return _column(_position_weights(self.length, rules.position_weights))
            case Model.TIME_DECAY:
                # Counted from the last touch: the same shares, and old journeys do not underflow to nothing.
                moment = self.packed.moment[self.touches()]
                return np.asarray(np.exp((moment - moment[-1]) / (rules.decay_days * self.packed.day)))
            case Model.MARKOV | Model.SHAPLEY:
                return self._by_channel(worths)

    def _by_channel(self, worths: Floats | None) -> Floats:
        """Each channel met weighs its worth, whatever it was met how often; its touches share that."""
        channel = self.packed.channel[self.touches()]
        width = len(self.packed.names)
        key = np.arange(len(self.journeys)) * width + channel
        met = np.bincount(key.ravel(), minlength=len(self.journeys) * width)[key]
        weights = 1 / met
        if worths is None:
            return np.asarray(weights)
        weights *= worths[channel]
        # A journey of nothing but worthless channels is theirs all the same.
        return np.asarray(np.where(weights.sum(axis=0) > 0, weights, 1 / met))


def _column(weights: NDArray[Any]) -> Floats:
    return weights.astype(np.float64)[:, None]


def _position_weights(length: int, parts: tuple[float, float, float]) -> Floats:
    first, between, last = parts
    if length == 1:
        return np.ones(1)
    if length == 2:
        return np.array([first, last] if first + last else [0.5, 0.5])
    return np.array([first, *[between / (length - 2)] * (length - 2), last])


def split(
    packed: Packed, model: Model, rules: Rules | None = None, worths: Floats | None = None
) -> Iterator[Split]:
    """The parts of each conversion that has touches, journeys of one length after the other.

    - First and last touch: all to that touch. Linear: equal parts.
    - Time decay: ``exp(-days / decay_days)``, days from the touch to the conversion, divided by their sum.
    - Position based: first, between, last as `Rules.position_weights` say; one touch gets all; of two, each
      gets its end's weight over both ends' (half each where both are 0).
    - Shapley: equal parts to the channels met, and in a channel to its touches: what the game of conversions
      comes to, see `engines.shapley`.
    - Markov, and Shapley of rates: parts in proportion to ``worths``, the values of the channels met; equal
      ones where all of them are 0. Over conversions these need not sum to what the channels get in all.
    """
    for group in _groups(packed):
        units = _units(group.weights(model, rules or Rules(), worths))
        yield Split(group.journeys, group.touches(), units, _micros(packed.revenue[group.journeys], units))


def _groups(packed: Packed) -> Iterator[_Group]:
    order = np.argsort(packed.lengths, kind="stable")
    found = np.unique(packed.lengths[order], return_index=True, return_counts=True)
    for length, start, count in zip(*(one.tolist() for one in found), strict=True):
        if length:
            yield _Group(packed, order[start : start + count], length)


def _units(weights: Floats) -> Ints:
    ideal = weights / weights.sum(axis=0) * UNITS
    floors = np.floor(ideal).astype(np.int64)
    return _top_up(floors, ideal - floors, np.asarray(UNITS - floors.sum(axis=0)))


def _micros(revenue: Ints, units: Ints) -> Ints:
    # Whole and fractional billionths apart, or the product would not fit into 64 bits.
    whole = revenue // UNITS
    product = (revenue - whole * UNITS) * units
    low = product // UNITS
    remainders = product - low * UNITS
    low += whole * units
    return _top_up(low, remainders, revenue - low.sum(axis=0))


def _top_up(floors: Ints, remainders: Counts, missing: Ints) -> Ints:
    """Largest remainder: one unit more to the touches that lost most, the earlier one on a tie."""
    if missing.any():
        floors += _ranks(remainders) < missing
    return floors


def _ranks(remainders: Counts) -> NDArray[np.integer[Any]]:
    """Of each row in its column, the largest first."""
    length = len(remainders)
    if length > _PAIRWISE:
        order = np.argsort(-remainders, axis=0, kind="stable")
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(length)[:, None], axis=0)
        return ranks
    small = np.zeros(remainders.shape, dtype=np.int8)
    for one in range(1, length):
        for other in range(one):
            ahead = remainders[other] >= remainders[one]
            small[one] += ahead
            small[other] += ~ahead
    return small


def channel_totals(
    packed: Packed, models: Iterable[Model], rules: Rules | None = None
) -> Mapping[Model, tuple[Ints, Ints]]:
    """Credit in billionths and revenue in millionths by channel and rule, exact; of rules only.

    The same sums as over `split`, with each group of journeys looked up once.
    """
    rules = rules or Rules()
    width = len(packed.names)
    totals = {model: (np.zeros(width, np.int64), np.zeros(width, np.int64)) for model in models}
    for group in _groups(packed):
        revenue = packed.revenue[group.journeys]
        channel = packed.channel[group.touches()]
        for model, by_channel in totals.items():
            units = _units(group.weights(model, rules, None))
            for total, parts in zip(by_channel, (units, _micros(revenue, units)), strict=True):
                for codes, row in zip(channel, parts, strict=True):
                    total += sums(codes, row, width)  # noqa: PLW2901 - adds in place
    return totals


def sums(keys: Codes, values: Ints, length: int) -> Ints:
    """Whole numbers summed by key, exactly; one value stands for all where it is one."""
    if len(values) == 1 and len(keys) != 1:
        return np.asarray(np.bincount(keys, minlength=length) * values[0])
    bound = max(int(values.max(initial=0)), -int(values.min(initial=0))) * len(values)
    if bound < _EXACT:
        return np.bincount(keys, values, length).astype(np.int64)
    result = np.zeros(length, dtype=np.int64)
    np.add.at(result, keys, values)
    return result


def apportioned(total: int, shares: Floats) -> list[int]:
    """A whole number in proportion to shares that sum to 1, by largest remainder, the earlier on a tie.

    Exact for totals of any size; all of it to the first where no share is above 0. Units are the total's.
    """
    if not len(shares):
        return []
    weights = [int(one) for one in np.rint(np.maximum(shares, 0) * 2.0**52)]
    whole = sum(weights)
    if not whole:
        return [total, *[0] * (len(weights) - 1)]
    parts = [divmod(total * weight, whole) for weight in weights]
    missing = total - sum(part for part, _ in parts)
    order = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))
    extra = set(order[:missing])
    return [part + (place in extra) for place, (part, _) in enumerate(parts)]
