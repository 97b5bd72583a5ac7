"""Budgets: splits between groups of channels, the optimum over fitted curves, and single moves.

Money is exact: every split sums to its budget to the smallest unit of the currency, by largest remainder.
Allocations are a month's.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from fractions import Fraction
from functools import partial

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
    f"low: at most {SMALL_MOVE:.0%} of the budget changes, no line goes beyond its greatest spend so far, "
    f"and the probability of doing worse is at most {SMALL_LOSS:.0%}; high: more than {LARGE_MOVE:.0%} "
    f"changes, or a line goes beyond {FAR_BEYOND} times its greatest spend, or that probability exceeds "
    f"{LARGE_LOSS:.0%}; else medium"
)

CONFIDENCE_MEANING = (
    "the share of curves drawn from what the history allows under which the proposal brings more than the "
    "present split of the same budget"
)

_MICRO = 6
_MOST_UNITS = 10**14


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
        notes.append(f"what exceeded the cap of {channel_cap(count):.0%} a channel was passed on to others")
    return (*notes, *_cap_notes(count))


def _cap_notes(count: int) -> tuple[str, ...]:
    """What fewer than four channels do to the rules."""
    if not 0 < count < 4:
        return ()
    noun = "channel" if count == 1 else "channels"
    notes = [
        f"with {count} {noun} the cap a channel is {channel_cap(count):.0%} instead of {CHANNEL_CAP:.0%}"
    ]
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
    It is lowered where, of more than `MIN_CHANNELS` channels, two could leave no third one `MIN_SHARE`.
    """

    cap: Decimal | None = None
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

    The curves are concave, so the Karush-Kuhn-Tucker conditions suffice (Boyd & Vandenberghe, "Convex
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

    Constraints: the total exactly; a channel's lines together at most the cap; at least `MIN_CHANNELS`
    channels with `MIN_SHARE` each where there are as many; each line's limits. ``total`` is what is
    allocated, reserve excluded. A line without a curve keeps its money. The solution is water-filling: every
    line not held by a limit has the same marginal outcome (bisection on that level, nested for capped
    channels), then rounded by largest remainder within the limits; where rounding would fall behind the
    present allocation, that stays. Refuses with fewer than two lines, fewer than two curves, nothing to
    allocate, or limits that contradict each other. Raises `ValueError` for negative money, amounts finer than
    a millionth, and totals beyond a hundred trillion of the smallest unit.
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
        risk=risk_of(lines, after, effect.confidence),
        cap=problem.cap,
        proof=Proof(solved.level * 10**problem.places, _kkt_residual(problem, solved), _gap(problem, units)),
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

    def outcome(self, money: Floats | Ints) -> float:
        return float((self.ceiling * money / (money + self.half)).sum())

    def demand(self, level: Floats | float) -> Floats:
        """What each line takes where the next unit brings ``level``, within its own limits."""
        wanted = np.sqrt(self.ceiling * self.half / level) - self.half
        return np.clip(wanted, self.low, self.high)

    def channel_demand(self, place: int, level: float) -> float:
        """What the lines of one channel take together."""
        return float(self.demand(level)[self.channel == place].sum())

    def by_channel(self, money: Floats | Ints) -> Floats:
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
    cap = _cap(len(names), rules)
    places = _places([total, *_kept(lines)], currency)
    units = _units(total, places)
    if units > _MOST_UNITS:
        raise ValueError(f"{total:,} {currency} is more than can be allocated to the smallest unit")
    ranges = [_range(line, units, places, rules.max_change) for line in lines]
    curves = [None if isinstance(line.fit, Refusal) else line.fit.curve for line in lines]
    # With more channels than must be used, the cap alone sees to it.
    floor = math.ceil(units * Fraction(MIN_SHARE)) if len(names) == MIN_CHANNELS else 0
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
        floors=np.full(len(names), floor, dtype=np.int64),
        limits=np.full(len(names), int(units * Fraction(cap)), dtype=np.int64),
    )


def _cap(channels: int, rules: Constraints) -> Decimal:
    cap = channel_cap(channels) if rules.cap is None else rules.cap
    # What all but the greatest two then share leaves one of them enough to count.
    fewest = MIN_CHANNELS - 1
    most = (1 - MIN_SHARE * (channels - fewest)) / fewest
    return min(cap, most) if channels > MIN_CHANNELS else min(cap, Decimal(1))


def _kept(lines: Sequence[Line]) -> list[Decimal]:
    """Money of the lines without a curve."""
    return [line.allocated for line in lines if isinstance(line.fit, Refusal)]


def _range(line: Line, total: int, places: int, max_change: Decimal | None) -> tuple[int, int]:
    """Least and greatest money of a line, in the smallest unit."""
    scale = Fraction(10) ** places
    now = Fraction(line.allocated) * scale
    if isinstance(line.fit, Refusal):
        return int(now), int(now)
    lows, highs = [Fraction(0)], [Fraction(total)]
    if line.minimum is not None:
        lows.append(Fraction(line.minimum) * scale)
    if line.maximum is not None:
        highs.append(Fraction(line.maximum) * scale)
    if max_change is not None:
        lows.append(now * (1 - Fraction(max_change)))
        highs.append(now * (1 + Fraction(max_change)))
    return math.ceil(max(lows)), math.floor(min(highs))


def _conflict(problem: _Problem, lines: Sequence[Line], total: Decimal) -> Refusal | None:
    """What makes the limits impossible to keep, if anything."""
    names = list(dict.fromkeys(line.channel for line in lines))
    crossed = np.flatnonzero(problem.low > problem.high)
    if len(crossed):
        return _contradiction(f"the limits of {lines[int(crossed[0])].name} contradict each other")
    least, most = problem.by_channel(problem.low), problem.by_channel(problem.high)
    for place, name in enumerate(names):
        needed, cap = (_amount(int(x), problem.places) for x in (least[place], problem.limits[place]))
        if needed > cap:
            return _contradiction(f"{name} keeps {needed:,} but the cap of {problem.cap:.0%} allows {cap:,}")
        if most[place] < problem.floors[place]:
            return _contradiction(f"{name} cannot get the {MIN_SHARE:.0%} that each of three channels needs")
    needed_all, room = np.maximum(least, problem.floors).sum(), np.minimum(most, problem.limits).sum()
    if needed_all > problem.total:
        needed = _amount(int(needed_all), problem.places)
        return _contradiction(f"the lines need at least {needed:,}, more than the {total:,} there is")
    if room < problem.total:
        held = _amount(int(room), problem.places)
        return _contradiction(f"the cap and the lines' limits leave room for {held:,} of {total:,} only")
    return None


def _contradiction(reason: str) -> Refusal:
    return Refusal("conflict", reason, "raise the cap or loosen a limit, add a channel, or change the total")


@dataclass(frozen=True)
class _Solved:
    level: float
    levels: Floats
    """Of each channel; the common one where neither its cap nor its floor binds."""
    money: Floats


def _solve(problem: _Problem) -> _Solved:
    fitted = problem.ceiling > 0
    highest = float(problem.marginals(problem.low.astype(np.float64))[fitted].max())
    lowest = float(problem.marginals(problem.high.astype(np.float64))[fitted].min())

    def taken(level: float) -> float:
        return float(np.clip(problem.by_channel(problem.demand(level)), problem.floors, problem.limits).sum())

    level = _bisect(taken, problem.total, lowest, highest)
    wanted = problem.by_channel(problem.demand(level))
    levels = np.full(len(problem.limits), level)
    for place in np.flatnonzero((wanted > problem.limits) | (wanted < problem.floors)).tolist():
        target = int(np.clip(wanted[place], problem.floors[place], problem.limits[place]))
        levels[place] = _bisect(partial(problem.channel_demand, place), target, lowest, highest)
    return _Solved(level, levels, problem.demand(levels[problem.channel]))


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


def _kkt_residual(problem: _Problem, solved: _Solved) -> float:
    """Greatest violation of stationarity, each line's relative to its channel's level, and of the total."""
    money, own = solved.money, solved.levels[problem.channel]
    over = problem.marginals(money) - own
    lines = np.where(money >= problem.high, np.maximum(-over, 0), np.abs(over))
    lines = np.where(money <= problem.low, np.maximum(over, 0), lines)
    lines = np.where(problem.low == problem.high, 0, lines)
    sums, excess = problem.by_channel(money), solved.levels - solved.level
    near = 1e-9 * problem.total
    channels = np.where(sums >= problem.limits - near, np.maximum(-excess, 0), np.abs(excess))
    channels = np.where(sums <= problem.floors + near, np.maximum(excess, 0), channels)
    total = abs(money.sum() - problem.total) / problem.total
    return float(max((lines / own).max(), channels.max() / solved.level, total))


def _round(problem: _Problem, money: Floats) -> Ints:
    """Whole units that sum to the total, by largest remainder within every limit."""
    units = np.clip(np.floor(money).astype(np.int64), problem.low, problem.high)
    order = np.argsort(-(money - units), kind="stable").tolist()
    _place(problem, units, order, problem.floors, 1)
    _place(problem, units, order, problem.limits, 1)
    _place(problem, units, order, problem.limits, problem.total)
    return units


def _place(problem: _Problem, units: Ints, order: Sequence[int], until: Ints, step: int) -> None:
    """Add what the total leaves to the lines in ``order``, at most ``step`` each and ``until`` a channel."""
    sums = [int(total) for total in problem.by_channel(units)]
    left = problem.total - int(units.sum())
    for place in order:
        channel = int(problem.channel[place])
        room = min(int(problem.high[place] - units[place]), int(until[channel]) - sums[channel], left, step)
        if room > 0:
            units[place] += room
            sums[channel] += room
            left -= room


def _keep_if_best(problem: _Problem, units: Ints) -> Ints:
    """The present allocation where it is allowed and, to the last unit, no worse."""
    now = problem.now
    sums = problem.by_channel(now)
    allowed = (
        now.sum() == problem.total
        and bool(((now >= problem.low) & (now <= problem.high)).all())
        and bool(((sums >= problem.floors) & (sums <= problem.limits)).all())
    )
    return now if allowed and problem.outcome(now) >= problem.outcome(units) else units


def _gap(problem: _Problem, units: Ints) -> float:
    """The Frank-Wolfe gap at ``units``, relative to its outcome."""
    slopes = problem.marginals(units.astype(np.float64))
    order = np.argsort(-slopes, kind="stable").tolist()
    best = problem.low.copy()
    _place(problem, best, order, problem.floors, problem.total)
    _place(problem, best, order, problem.limits, problem.total)
    gain = float((slopes * (best - units)).sum())
    outcome = problem.outcome(units)
    return max(gain, 0.0) / outcome if outcome else 0.0


def expected_effect(lines: Sequence[Line], after: Sequence[Decimal]) -> Effect:
    """What the curves expect of giving each line its money in ``after`` a month.

    Lines without a curve are left out on both sides. The baseline is the present split scaled to what
    ``after`` sums to (an even split where nothing is allocated now).
    """
    now = [line.allocated for line in lines]
    before, total = sum(now), sum(after)
    if before == total:
        scaled = [float(amount) for amount in now]
    else:
        scaled = [
            float(amount / before if before else Fraction(1, len(now))) * float(total) for amount in now
        ]
    at_now, now_draws = _outcomes(lines, [float(amount) for amount in now])
    at_scaled, scaled_draws = _outcomes(lines, scaled)
    at_after, after_draws = _outcomes(lines, [float(amount) for amount in after])
    gains = after_draws - scaled_draws
    return Effect(
        now=estimate(at_now, now_draws),
        proposed=estimate(at_after, after_draws),
        baseline=estimate(at_scaled, scaled_draws),
        gain=estimate(at_after - at_scaled, gains),
        confidence=float((gains > 0).mean() + (gains == 0).mean() / 2),
    )


def _outcomes(lines: Sequence[Line], money: Sequence[float]) -> tuple[float, Floats]:
    """Expected outcome of all lines with a curve, and the same under each draw."""
    fitted = [
        (line.fit, amount)
        for line, amount in zip(lines, money, strict=True)
        if not isinstance(line.fit, Refusal)
    ]
    count = min((len(fit.draws.half) for fit, _ in fitted), default=1)
    drawn = np.zeros(count)
    for fit, amount in fitted:
        drawn += fit.draws.at(amount)[:count]
    return sum(fit.curve.at(amount) for fit, amount in fitted), drawn


def risk_of(lines: Sequence[Line], after: Sequence[Decimal], confidence: float) -> Risk:
    """How bold it is to give each line its money in ``after``, by `RISK_RULE`."""
    changes = [new - line.allocated for line, new in zip(lines, after, strict=True)]
    added = sum(max(change, Decimal(0)) for change in changes)
    taken = sum(max(-change, Decimal(0)) for change in changes)
    budget = max(sum(line.allocated for line in lines), sum(after))
    moved = float(max(added, taken) / budget) if budget else 0.0
    beyond = max((_beyond(line, new) for line, new in zip(lines, after, strict=True)), default=0.0)
    loss = 1 - confidence if moved else 0.0
    if moved > LARGE_MOVE or beyond > FAR_BEYOND or loss > LARGE_LOSS:
        return Risk.HIGH
    return Risk.LOW if moved <= SMALL_MOVE and beyond <= 1 and loss <= SMALL_LOSS else Risk.MEDIUM


def _beyond(line: Line, after: Decimal) -> float:
    """Times a line's greatest spend so far that it is raised to; 0 where it is not raised or not known."""
    if isinstance(line.fit, Refusal) or after <= line.allocated or not line.fit.greatest_spend:
        return 0.0
    return float(after) / line.fit.greatest_spend


def _moves(
    lines: Sequence[Line], after: Sequence[Decimal], problem: _Problem, objective: Objective
) -> tuple[Move, ...]:
    full = problem.by_channel(np.array([float(amount.scaleb(problem.places)) for amount in after]))
    capped = full >= problem.limits - 0.5
    return tuple(
        Move(
            line.id,
            line.name,
            line.channel,
            line.allocated,
            new,
            None if isinstance(line.fit, Refusal) else line.fit.curve.marginal(float(new)),
            _reason(line, new, problem, place, objective, capped=bool(capped[problem.channel[place]])),
        )
        for place, (line, new) in enumerate(zip(lines, after, strict=True))
    )


def _reason(
    line: Line, after: Decimal, problem: _Problem, place: int, objective: Objective, *, capped: bool
) -> str:
    if isinstance(line.fit, Refusal):
        return f"keeps its money: {line.fit.reason}"
    per, noun = (1, "revenue") if objective is Objective.REVENUE else (100, "conversions")
    before, then = (per * line.fit.curve.marginal(float(amount)) for amount in (line.allocated, after))
    reason = f"the next {per} spent brings {before:.2f} {noun} now and {then:.2f} after"
    units = int(after.scaleb(problem.places))
    if capped:
        return f"{reason}; held at the cap of {problem.cap:.0%} a channel"
    if units >= problem.high[place]:
        return f"{reason}; held at the most it may get"
    if units <= problem.low[place]:
        return f"{reason}; held at the least it may get"
    return reason


def _notes(lines: Sequence[Line], problem: _Problem) -> tuple[str, ...]:
    notes = list(_cap_notes(len(problem.limits)))
    over = problem.by_channel(problem.now) > problem.limits
    names = list(dict.fromkeys(line.channel for line in lines))
    notes += [
        f"{name} had more than the cap of {problem.cap:.0%} allows"
        for name, exceeds in zip(names, over.tolist(), strict=True)
        if exceeds
    ]
    straight = [
        line.name for line in lines if not isinstance(line.fit, Refusal) and not line.fit.saturation_seen
    ]
    if straight:
        notes.append(f"no saturation seen so far: {', '.join(straight)}")
    return tuple(notes)


# --- single moves


@dataclass(frozen=True)
class Shift:
    """Money moved from one line to another, a month; both sums stay the same together."""

    amount: Decimal
    source_before: Decimal
    source_after: Decimal
    target_before: Decimal
    target_after: Decimal


def reallocate(
    source: Decimal,
    target: Decimal,
    currency: str,
    *,
    amount: Decimal | None = None,
    percent: Decimal | None = None,
) -> Shift | Refusal:
    """Move ``amount``, or ``percent`` (0.15 is 15 %) of the source's money, from one line to another.

    A percentage is rounded half-even to the currency's smallest unit. Refuses what is not positive and what
    would leave the source below 0. Raises `ValueError` unless exactly one of both is given.
    """
    if (amount is None) == (percent is None):
        raise ValueError("give either an amount or a percentage")
    moved = amount if amount is not None else _percentage(source, percent or Decimal(0), currency)
    if moved <= 0:
        return Refusal("not_positive", "there is nothing to move", "name an amount above 0")
    if moved > source:
        return Refusal(
            "below_zero",
            f"only {source:,} {currency} a month can be moved away, not {moved:,}",
            f"move at most {source:,} {currency}",
        )
    return Shift(moved, source, source - moved, target, target + moved)


def _percentage(source: Decimal, percent: Decimal, currency: str) -> Decimal:
    places = _places([source], currency)
    return (source * percent).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


class Pace(StrEnum):
    """The time an amount is meant for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


@dataclass(frozen=True)
class Setting:
    """A new budget, a month, and what each line gets of it; ``lines`` sums to ``after`` exactly."""

    before: Decimal
    after: Decimal
    lines: Mapping[int, Decimal]


def set_budget(
    lines: Mapping[int, Decimal],
    amount: Decimal,
    currency: str,
    pace: Pace = Pace.MONTH,
    *,
    days: int | None = None,
) -> Setting | Refusal:
    """Set what the lines, given by identity with their money a month, may spend together.

    ``amount`` a ``pace`` becomes a month's of 30.4375 days, rounded half-even to the currency's smallest
    unit; a total is spread over ``days``. The lines keep their proportions (even parts where none has money).
    Refuses a negative amount, no lines, and a total without days.
    """
    if amount < 0:
        return Refusal("negative", "a budget cannot be negative", "name an amount of 0 or more")
    if not lines:
        return Refusal("no_lines", "there is no channel line to give money to", "add a channel first")
    if pace is Pace.TOTAL and (days is None or days < 1):
        return Refusal("no_end", "a total needs an end to be spread to", "name an end or a monthly amount")
    monthly = amount if pace is Pace.MONTH else amount * _MONTH / _PACE_DAYS.get(pace, Decimal(days or 1))
    places = _places([amount], currency) if pace is Pace.MONTH else minor_units(currency)
    after = monthly.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    parts = spread(after, list(lines.values()), currency)
    return Setting(sum(lines.values(), Decimal(0)), after, dict(zip(lines, parts, strict=True)))


_MONTH = Decimal(str(MONTH_DAYS))
_PACE_DAYS = {Pace.DAY: Decimal(1), Pace.WEEK: Decimal(7)}
