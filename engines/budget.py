"""Budgets: splits between groups of channels, the optimum over fitted curves, and single moves.

Money is exact: every split sums to its budget to the smallest unit of the currency, by largest remainder.
Allocations are a month's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from engines.response import MONTH_DAYS, Estimate, Fit, Floats, Refusal, estimate
from engines.terms import minor_units

Ints = NDArray[np.int64]

CHANNEL_CAP = Decimal("0.30")
"""Greatest share of what is allocated that one channel may get."""

MIN_CHANNELS = 3
"""Channels that must get money, where there are as many."""

MIN_SHARE = Decimal("0.01")
"""From this share of what is allocated on, a channel counts as used."""

SMALL_MOVE, LARGE_MOVE = 0.10, 0.30
"""Shares of the budget moved up to which risk is low, and above which it is high."""

FAR_BEYOND = 1.5
"""Times a line's greatest spend above which risk is high; up to once it is low."""

SMALL_LOSS, LARGE_LOSS = 0.10, 0.30
"""Probabilities of doing worse up to which risk is low, and above which it is high."""

WORTHWHILE_GAIN = 0.005
"""Share of the present outcome a move must promise to be worth making."""

RISK_RULE = (
    f"low: at most {SMALL_MOVE:.0%} of the budget moves, no line goes beyond its greatest spend so far, and the "
    f"probability of doing worse is at most {SMALL_LOSS:.0%}; high: more than {LARGE_MOVE:.0%} moves, or a line "
    f"goes beyond {FAR_BEYOND} times its greatest spend, or that probability exceeds {LARGE_LOSS:.0%}; "
    "else medium"
)

CONFIDENCE_MEANING = (
    "the share of curves drawn from what the history allows under which the proposal brings more than the "
    "present split of the same budget"
)

_MICRO = 6


def channel_cap(channels: int) -> Decimal:
    """Greatest share a channel may get: 30 %, or ``min(1, 1.5 / n)`` with fewer than 4 channels."""
    return CHANNEL_CAP if channels >= 4 else min(Decimal(1), Decimal("1.5") / max(channels, 1))


def spread(total: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """``total`` in proportion to ``weights`` (evenly where all are 0), summing to it exactly.

    Largest remainder in the currency's smallest unit, or in millionths where the total is finer; the earlier
    part on a tie. Raises `ValueError` for no weights, a negative total or weight, or a total finer than a
    millionth.
    """
    if not weights or total < 0 or min(weights) < 0:
        raise ValueError("a total can only be spread over weights, and neither may be negative")
    places = _places([total], currency)
    parts = [Fraction(weight) for weight in weights] if any(weights) else [Fraction(1)] * len(weights)
    units, whole = _units(total, places), sum(parts)
    ideal = [units * part / whole for part in parts]
    floors = [int(part) for part in ideal]
    order = sorted(range(len(ideal)), key=lambda place: floors[place] - ideal[place])
    for place in order[: units - sum(floors)]:
        floors[place] += 1
    return [_amount(part, places) for part in floors]


def _places(amounts: Iterable[Decimal], currency: str) -> int:
    """Decimals all amounts can be written with: the currency's, else six."""
    usual = minor_units(currency)
    return usual if all(amount.scaleb(usual) % 1 == 0 for amount in amounts) else _MICRO


def _units(amount: Decimal, places: int) -> int:
    scaled = amount.scaleb(places)
    if scaled % 1:
        raise ValueError(f"{amount} is finer than a millionth")
    return int(scaled)


def _amount(units: int, places: int) -> Decimal:
    return Decimal(units).scaleb(-places)


# --- plans


@dataclass(frozen=True)
class Group:
    """A share of the budget meant for a kind of channels."""

    name: str
    share: Decimal
    is_reserve: bool = False


PROVEN_TEST_RESERVE = (
    Group("proven", Decimal("0.70")),
    Group("test", Decimal("0.15")),
    Group("reserve", Decimal("0.15"), is_reserve=True),
)
"""The default split."""

PRIMARY_GROWTH_EXPERIMENTAL = (
    Group("primary", Decimal("0.70")),
    Group("growth", Decimal("0.20")),
    Group("experimental", Decimal("0.10")),
)
"""The other usual split; everything is allocated."""


@dataclass(frozen=True)
class PlannedChannel:
    """A channel's part of a plan."""

    group: str
    channel: str
    amount: Decimal


@dataclass(frozen=True)
class Plan:
    """A budget divided between groups of channels; ``channels`` and ``reserve`` sum to it exactly."""

    budget: Decimal
    channels: tuple[PlannedChannel, ...]
    reserve: Decimal
    cap: Decimal
    """Greatest share of what is allocated that a channel may get."""
    notes: tuple[str, ...]
    """What had to differ from the split asked for, and why."""

    @property
    def allocated(self) -> Decimal:
        """What the channels get together."""
        return self.budget - self.reserve


def plan(
    budget: Decimal,
    channels: Mapping[str, Sequence[str]],
    currency: str,
    groups: Sequence[Group] = PROVEN_TEST_RESERVE,
) -> Plan:
    """Divide ``budget`` between groups by their shares and evenly between the channels of each.

    No channel gets more than `channel_cap` of what is allocated, reserve excluded: what a group cannot hold
    under the cap goes evenly to the other channels. The share of a group without channels joins the reserve.
    The notes say both. Raises `ValueError` for a negative budget, shares that do not sum to 1, an unknown
    group, or a channel named twice.
    """
    _check_plan(budget, channels, groups)
    places = _places([budget], currency)
    shares = spread(budget, [group.share for group in groups], currency)
    parts: list[PlannedChannel] = []
    for group, share in zip(groups, shares, strict=True):
        names = () if group.is_reserve else channels.get(group.name, ())
        amounts = spread(share, [Decimal(1)] * len(names), currency) if names else []
        parts += [PlannedChannel(group.name, *part) for part in zip(names, amounts, strict=True)]
    cap = channel_cap(len(parts))
    wished = [_units(part.amount, places) for part in parts]
    final = _level(wished, cap)
    held = tuple(
        replace(part, amount=_amount(units, places)) for part, units in zip(parts, final, strict=True)
    )
    reserve = budget - sum((part.amount for part in held), Decimal(0))
    return Plan(budget, held, reserve, cap, _plan_notes(groups, channels, len(parts), final != wished))


def _check_plan(budget: Decimal, channels: Mapping[str, Sequence[str]], groups: Sequence[Group]) -> None:
    if budget < 0:
        raise ValueError("a budget cannot be negative")
    if sum(group.share for group in groups) != 1:
        raise ValueError("the shares of the groups must sum to 1")
    unknown = set(channels) - {group.name for group in groups if not group.is_reserve}
    if unknown:
        raise ValueError(f"no such group: {', '.join(sorted(unknown))}")
    named = [channel for names in channels.values() for channel in names]
    if len(set(named)) < len(named):
        raise ValueError("a channel is named twice")


def _level(units: Sequence[int], cap: Decimal) -> list[int]:
    """Cut what exceeds the cap and share it out evenly among those with room."""
    total = sum(units)
    limit = max(int(total * cap), -(-total // max(len(units), 1)))
    levelled = [min(part, limit) for part in units]
    while excess := total - sum(levelled):
        room = [place for place, part in enumerate(levelled) if part < limit]
        for place in room:
            levelled[place] += min(max(excess // len(room), 1), limit - levelled[place])
            if sum(levelled) == total:
                break
    return levelled


def _plan_notes(
    groups: Sequence[Group], channels: Mapping[str, Sequence[str]], count: int, levelled: bool
) -> tuple[str, ...]:
    notes = [
        f"no {group.name} channel was named, so its {group.share:.0%} stays in reserve"
        for group in groups
        if not group.is_reserve and not channels.get(group.name)
    ]
    if levelled:
        notes.append(f"a group's share exceeded the cap of {channel_cap(count):.0%} a channel and was passed on")
    return (*notes, *_cap_notes(count))


def _cap_notes(count: int) -> tuple[str, ...]:
    """What fewer than four channels do to the rules."""
    if not 0 < count < 4:
        return ()
    noun = "channel" if count == 1 else "channels"
    notes = [f"with {count} {noun} the cap a channel is {channel_cap(count):.0%} instead of {CHANNEL_CAP:.0%}"]
    if count < MIN_CHANNELS:
        notes.append(f"the rule of at least {MIN_CHANNELS} channels cannot be met")
    return tuple(notes)


# --- the optimum


class Objective(StrEnum):
    """What the curves' outcome is."""

    REVENUE = "revenue"
    CONVERSIONS = "conversions"


class Risk(StrEnum):
    """How bold a proposal is, by `RISK_RULE`."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Line:
    """A channel line with its money a month and what is known of its response."""

    id: int
    channel: str
    name: str
    allocated: Decimal
    fit: Fit | Refusal
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True)
class Constraints:
    """What an allocation must keep to besides its total.

    ``cap`` is a channel's greatest share of the total; by default `channel_cap` of the channels there are.
    """

    cap: Decimal | None = None
    min_channels: int = MIN_CHANNELS
    max_change: Decimal | None = None
    """Greatest change of any line, as a share of its present money (0.2 is ±20 %)."""


@dataclass(frozen=True)
class Move:
    """What an optimum does to one line; money a month."""

    id: int
    name: str
    channel: str
    before: Decimal
    after: Decimal
    marginal: float | None
    """Outcome of the next unit of money at ``after``; None for a line without a curve."""
    reason: str

    @property
    def change(self) -> Decimal:
        """Money added, negative where it is taken away."""
        return self.after - self.before


@dataclass(frozen=True)
class Proof:
    """How near the allocation is to the exact optimum of the fitted curves.

    The curves are concave, so the Karush-Kuhn-Tucker conditions are sufficient (Boyd & Vandenberghe, "Convex
    optimization", 2004, section 5.5.3).
    """

    multiplier: float
    """Outcome the last unit of the total brings: the water level."""
    kkt_residual: float
    """Greatest violation of the conditions before rounding, relative to the multiplier."""
    gap: float
    """No allowed allocation brings more than this above the rounded one, relative to its outcome.

    The Frank-Wolfe gap: the best linear step from here (Jaggi, "Revisiting Frank-Wolfe", 2013, equation 2).
    """


@dataclass(frozen=True)
class Effect:
    """Expected outcome a month of the lines with curves, with 90 % ranges from the curves' draws."""

    now: Estimate
    """At the present allocation."""
    proposed: Estimate
    baseline: Estimate
    """Of the present split scaled to the proposal's total: the same as ``now`` where the total stays."""
    gain: Estimate
    """Proposed over baseline."""
    confidence: float
    """See `CONFIDENCE_MEANING`; a draw that brings the same counts half."""


@dataclass(frozen=True)
class Optimum:
    """The best allocation the curves know of under the constraints."""

    total: Decimal
    moves: tuple[Move, ...]
    """One a line, in the order given; their ``after`` sums to ``total`` exactly."""
    effect: Effect
    risk: Risk
    cap: Decimal
    proof: Proof
    notes: tuple[str, ...]

    @property
    def moved(self) -> Decimal:
        """Money that changes lines: the smaller of all that is added and all that is taken away."""
        added = sum((move.change for move in self.moves if move.change > 0), Decimal(0))
        taken = sum((-move.change for move in self.moves if move.change < 0), Decimal(0))
        return min(added, taken)

    @property
    def worthwhile(self) -> bool:
        """Whether it promises `WORTHWHILE_GAIN` over the present split and is likelier better than not."""
        enough = self.effect.gain.value >= WORTHWHILE_GAIN * self.effect.baseline.value
        return enough and self.effect.confidence > 0.5


def optimize(
    lines: Sequence[Line],
    total: Decimal,
    currency: str,
    objective: Objective = Objective.REVENUE,
    constraints: Constraints | None = None,
) -> Optimum | Refusal:
    """The allocation of ``total`` a month that maximizes the sum of the lines' fitted outcomes.

    Constraints: the total exactly; a channel's lines together at most the cap; at least ``min_channels``
    channels with `MIN_SHARE` each where there are as many; each line's limits. ``total`` is what is allocated,
    reserve excluded. A line without a curve keeps its money. The solution is water-filling: every line not
    held by a limit has the same marginal outcome (bisection on that level, nested for capped channels), then
    rounded by largest remainder within the limits; where rounding would fall behind the present allocation,
    that stays. Refuses with fewer than two lines, fewer than two curves, nothing to allocate, or limits that
    contradict each other. Raises `ValueError` for negative money or amounts finer than a millionth.
    """
    rules = constraints or Constraints()
    _check_lines(lines, total)
    refusal = _refuse(lines, total)
    if refusal is not None:
        return refusal
    problem = _problem(lines, total, currency, rules)
    conflict = _conflict(problem, lines, total)
    if conflict is not None:
        return conflict
    solved = _solve(problem)
    units = _keep_if_best(problem, _round(problem, solved.money))
    after = [_amount(part, problem.places) for part in units.tolist()]
    effect = expected_effect(lines, after)
    moves = _moves(lines, after, problem, objective)
    return Optimum(
        total=total,
        moves=moves,
        effect=effect,
        risk=_risk(lines, after, effect.confidence),
        cap=problem.cap,
        proof=Proof(solved.level, _kkt_residual(problem, solved), _gap(problem, units)),
        notes=_notes(lines, problem),
    )


@dataclass(frozen=True)
class _Problem:
    """The lines as columns; money in the smallest unit."""

    places: int
    cap: Decimal
    total: int
    ceiling: Floats
    half: Floats
    """In the smallest unit."""
    low: Ints
    high: Ints
    now: Ints
    channel: Ints
    """Place of each line's channel."""
    floors: Ints
    """Least money of each channel's lines together."""
    limits: Ints
    """Greatest money of each channel's lines together."""

    def marginals(self, money: Floats) -> Floats:
        return np.asarray(self.ceiling * self.half / (money + self.half) ** 2)

    def outcome(self, money: Floats) -> float:
        return float((self.ceiling * money / (money + self.half)).sum())

    def demand(self, level: Floats | float) -> Floats:
        """What each line takes where the next unit brings ``level``, within its own limits."""
        wanted = np.sqrt(self.ceiling * self.half / level) - self.half
        return np.clip(wanted, self.low, self.high)

    def by_channel(self, money: Floats) -> Floats:
        return np.asarray(np.bincount(self.channel, money, len(self.limits)), np.float64)


def _check_lines(lines: Sequence[Line], total: Decimal) -> None:
    amounts = [total, *(line.allocated for line in lines)]
    amounts += [limit for line in lines for limit in (line.minimum, line.maximum) if limit is not None]
    if min(amounts) < 0:
        raise ValueError("money to allocate cannot be negative")
    if len({line.id for line in lines}) < len(lines):
        raise ValueError("a line is given twice")


def _refuse(lines: Sequence[Line], total: Decimal) -> Refusal | None:
    if len(lines) < 2:
        return Refusal(
            "one_line",
            "there is nothing to move money between: only one channel line" if lines else "no channel line",
            "add another channel, or optimize the whole venture",
        )
    if total == 0:
        return Refusal("no_money", "there is no money to allocate", "set a budget first")
    unknown = [(line, line.fit) for line in lines if isinstance(line.fit, Refusal)]
    if len(lines) - len(unknown) < 2:
        reasons = "; ".join(f"{line.name}: {refusal.reason}" for line, refusal in unknown)
        cures = dict.fromkeys(refusal.cure for _, refusal in unknown)
        return Refusal(
            "too_little_history",
            f"fewer than two lines have a history that says what spend brings ({reasons})",
            "; ".join(cures),
        )
    return None


def _problem(lines: Sequence[Line], total: Decimal, currency: str, rules: Constraints) -> _Problem:
    names = list(dict.fromkeys(line.channel for line in lines))
    cap = channel_cap(len(names)) if rules.cap is None else rules.cap
    places = _places([total, *_fixed_amounts(lines)], currency)
    units = _units(total, places)
    ranges = [_range(line, units, places, rules.max_change) for line in lines]
    curves = [None if isinstance(line.fit, Refusal) else line.fit.curve for line in lines]
    enough = len(names) >= rules.min_channels
    floor = -(-units * Fraction(MIN_SHARE) // 1) if enough else 0
    return _Problem(
        places=places,
        cap=cap,
        total=units,
        ceiling=np.array([curve.ceiling if curve else 0.0 for curve in curves]),
        half=np.array([curve.half * 10**places if curve else 1.0 for curve in curves]),
        low=np.array([low for low, _ in ranges], dtype=np.int64),
        high=np.array([high for _, high in ranges], dtype=np.int64),
        now=np.array([int(line.allocated.scaleb(places)) for line in lines], dtype=np.int64),
        channel=np.array([names.index(line.channel) for line in lines], dtype=np.int64),
        floors=np.full(len(names), floor if rules.min_channels > 1 else 0, dtype=np.int64),
        limits=np.full(len(names), int(units * Fraction(cap)), dtype=np.int64),
    )
