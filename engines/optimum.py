"""The best split of a month's budget over channel lines with fitted response curves.

Money is exact: a split sums to its total to the smallest unit of the currency, by largest remainder.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import numpy as np

from engines.allocation import Allocation, Curves, Floats, Ints, Problem, allocate
from engines.bandit import DRAWS
from engines.caution import allocate_cautiously
from engines.effect import Effect, Line, Risk, expected_effect, risk_of
from engines.money import amount_of, places_of, units_of
from engines.plans import MIN_CHANNELS, MIN_SHARE, cap_notes, channel_cap
from engines.response import Estimate, Fit, Refusal, estimate
from engines.stepping import within_parts

WORTHWHILE_GAIN = 0.005
"""Share of the present outcome a move must promise to be worth making."""

_MOST_UNITS = 10**14


class Objective(StrEnum):
    """What the curves' outcome is."""

    REVENUE = "revenue"
    CONVERSIONS = "conversions"


@dataclass(frozen=True)
class Constraints:
    """What an allocation must keep to besides its total.

    ``cap`` is a channel's greatest share of the total; by default `channel_cap` of the channels there are.
    It is lowered where, of more than `MIN_CHANNELS` channels, two could leave no third one `MIN_SHARE`.
    """

    cap: Decimal | None = None
    max_change: Decimal | None = None
    """Greatest change of any line, as a share of its present money (0.2 is ±20 %); a channel so far above
    the cap that this does not reach it only comes as near as it can."""
    least_return: float | None = None
    """Outcome a unit of money that the lines with curves must bring together: a target ROAS, or one over a
    target CPA. Where the total cannot, less is spent: the most that can."""
    channel_least: Mapping[str, Decimal] = field(default_factory=dict)
    """Money a channel's lines must get together; a step limit gives way to it, the cap does not."""
    channel_most: Mapping[str, Decimal] = field(default_factory=dict)
    """Money a channel's lines may get together; a step limit gives way to it."""
    campaign_change: Decimal | None = None
    """Greatest change of the money of any campaign's lines together, as a share of what they have now. Where
    the total changes, that of every line."""
    worst_share: float | None = None
    """Where given, the gain's mean over this worst share of the draws is maximized instead of the outcome."""
    explore: int | None = None
    """Where given, the seed by which a few curves are drawn, whose mean is maximized instead of the expected
    outcome: what is not yet known is tried (Thompson sampling, `engines.bandit`)."""


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
    brings: Estimate | None
    """Outcome added by the change, negative where lost, with its range from the draws; None likewise."""
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
    channels with `MIN_SHARE` each where there are as many; each line's limits; what `Constraints` asks for.
    ``total`` is what is allocated, reserve excluded. A line without a curve keeps its money. See
    `engines.allocation` for how; where the present allocation is allowed, the result is never worse. Refuses
    with fewer than two lines, fewer than two curves, nothing to allocate, limits that contradict each other,
    or a return no total reaches. Raises `ValueError` for negative money, amounts finer than a millionth, and
    totals beyond a hundred trillion of the smallest unit.
    """
    rules = constraints or Constraints()
    _check_lines(lines, total)
    refusal = _refuse(lines, total)
    if refusal is not None:
        return refusal
    solved = _solved(lines, total, currency, rules)
    if isinstance(solved, Refusal):
        return solved
    unspent: list[str] = []
    if rules.least_return is not None and solved.returns < rules.least_return:
        solved = _within_return(lines, total, currency, rules, rules.least_return)
        if isinstance(solved, Refusal):
            return solved
        left = total - solved.total
        unspent = [f"{left:,} stays unspent: with it the return would fall below {rules.least_return:.2f}"]
    effect = expected_effect(lines, solved.after)
    allocation, problem = solved.allocation, solved.problem
    return Optimum(
        total=solved.total,
        moves=_moves(lines, solved.after, problem, objective),
        effect=effect,
        risk=risk_of(lines, solved.after, effect.confidence),
        cap=problem.cap,
        proof=Proof(allocation.level * 10**problem.places, allocation.residual, allocation.gap),
        notes=(*unspent, *_notes(lines, problem)),
    )


@dataclass(frozen=True)
class _Solved:
    total: Decimal
    problem: "_Problem"
    allocation: Allocation
    after: tuple[Decimal, ...]
    returns: float
    """Outcome over money of the lines with curves."""


def _solved(lines: Sequence[Line], total: Decimal, currency: str, rules: Constraints) -> _Solved | Refusal:
    problem = _problem(lines, total, currency, rules)
    conflict = _conflict(problem, lines, total, rules)
    if conflict is not None:
        return conflict
    solve = _solver(lines, problem.places, rules)
    allocation = solve(problem.money)
    if rules.campaign_change is not None and problem.money.total == int(problem.money.now.sum()):
        names = list(dict.fromkeys(line.campaign for line in lines))
        parts = np.array([names.index(line.campaign) for line in lines], dtype=np.int64)
        held = within_parts(problem.money, allocation, parts, float(rules.campaign_change), solve)
        if held is None:
            return _contradiction(
                f"no split keeps every campaign within {rules.campaign_change:.0%} of what it has now"
            )
        allocation = held
    after = tuple(amount_of(part, problem.places) for part in allocation.units.tolist())
    spent = float(allocation.units[problem.money.curves.fitted].sum()) / 10**problem.places
    brought = problem.money.outcome(allocation.units)
    return _Solved(total, problem, allocation, after, brought / spent if spent else 0.0)


def _solver(lines: Sequence[Line], places: int, rules: Constraints) -> Callable[[Problem], Allocation]:
    """What finds the best split: for the expected curves, for some drawn, or for the worst of them."""

    def cautiously(money: Problem) -> Allocation:
        drawn = replace(money, curves=_drawn(lines, places))
        scaled = money.now.astype(np.float64) * (money.total / max(int(money.now.sum()), 1))
        return allocate_cautiously(drawn, drawn.curves.drawn(scaled), rules.worst_share or 1.0)

    if rules.explore is not None:
        tried = _tried(lines, places, rules.explore)
        return lambda money: allocate(replace(money, curves=tried))
    return allocate if rules.worst_share is None else cautiously


def _drawn(lines: Sequence[Line], places: int) -> Curves:
    """Every line's draws, its half-saturation in the smallest unit."""
    draws = [None if isinstance(line.fit, Refusal) else line.fit.draws for line in lines]
    count = min(len(one.half) for one in draws if one is not None)
    blank = np.zeros(count)
    return Curves(
        np.stack([blank if one is None else one.ceiling[:count] for one in draws]),
        np.stack([blank + 1 if one is None else one.half[:count] * 10.0**places for one in draws]),
        np.stack([blank + 1 if one is None else (blank + one.slope[:count]) for one in draws]),
        np.full(count, 1 / count),
    )


def _tried(lines: Sequence[Line], places: int, seed: int) -> Curves:
    """A few of the draws of each line, drawn apart from the other lines'."""
    drawn, rng = _drawn(lines, places), np.random.default_rng(seed)
    picks = rng.integers(0, len(drawn.weights), (len(lines), DRAWS))

    def picked(draws: Floats) -> Floats:
        return np.take_along_axis(draws, picks, axis=1)

    return Curves(picked(drawn.ceiling), picked(drawn.half), picked(drawn.slope), np.full(DRAWS, 1 / DRAWS))


_RETURN_STEPS = 32
_RETURN_HALVINGS = 12


def _within_return(
    lines: Sequence[Line], total: Decimal, currency: str, rules: Constraints, least: float
) -> _Solved | Refusal:
    """The greatest total whose best split brings ``least`` a unit: sought in steps, then halved."""
    cent = Decimal(1).scaleb(-places_of([total, *_kept(lines)], currency))
    reached, best = None, 0.0
    above = total
    for part in range(_RETURN_STEPS - 1, 0, -1):
        tried = _solved(lines, (total * part / _RETURN_STEPS).quantize(cent), currency, rules)
        if isinstance(tried, Refusal):
            continue
        best = max(best, tried.returns)
        if tried.returns >= least:
            reached = tried
            break
        above = tried.total
    if reached is None:
        return Refusal(
            "target",
            f"no split within the limits brings {least:.2f} a unit of money; the best brings {best:.2f}",
            "lower the target, or loosen a limit",
        )
    for _ in range(_RETURN_HALVINGS):
        middle = ((reached.total + above) / 2).quantize(cent)
        tried = _solved(lines, middle, currency, rules)
        if isinstance(tried, _Solved) and tried.returns >= least:
            reached = tried
        else:
            above = middle
    return reached


@dataclass(frozen=True)
class _Problem:
    """The money as arrays, in the smallest unit, and what the words about it need."""

    money: Problem
    places: int
    cap: Decimal


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
    places = places_of([total, *_kept(lines)], currency)
    units = units_of(total, places)
    if units > _MOST_UNITS:
        raise ValueError(f"{total:,} {currency} is more than can be allocated to the smallest unit")
    step = rules.max_change
    if rules.campaign_change is not None and total != sum(line.allocated for line in lines):
        step = rules.campaign_change if step is None else min(step, rules.campaign_change)
    ranges = [_range(line, units, places, step) for line in lines]
    curves = [None if isinstance(line.fit, Refusal) else line.fit.curve for line in lines]
    # With more channels than must be used, the cap alone sees to it.
    floor = math.ceil(units * Fraction(MIN_SHARE)) if len(names) == MIN_CHANNELS else 0
    scale = 10.0**places
    money = Problem(
        curves=Curves.certain(
            np.array([curve.ceiling if curve else 0.0 for curve in curves]),
            np.array([curve.half * scale if curve else 1.0 for curve in curves]),
            np.array([curve.slope if curve else 1.0 for curve in curves]),
        ),
        total=units,
        low=np.array([low for low, _ in ranges], dtype=np.int64),
        high=np.array([high for _, high in ranges], dtype=np.int64),
        now=np.array([int(line.allocated.scaleb(places)) for line in lines], dtype=np.int64),
        group=np.array([names.index(line.channel) for line in lines], dtype=np.int64),
        floors=np.full(len(names), floor, dtype=np.int64),
        limits=np.full(len(names), int(units * Fraction(cap)), dtype=np.int64),
    )
    if step is not None:
        money = replace(money, limits=_one_step_nearer(money))
    return _Problem(_with_channels(money, lines, places, rules), places, cap)


def _with_channels(money: Problem, lines: Sequence[Line], places: int, rules: Constraints) -> Problem:
    """With what channels must and may get; lines may step further where that needs it."""
    names = list(dict.fromkeys(line.channel for line in lines))
    floors, limits, low, high = (one.copy() for one in (money.floors, money.limits, money.low, money.high))
    moving = np.array([not isinstance(line.fit, Refusal) for line in lines])
    for place, name in enumerate(names):
        own = (money.group == place) & moving
        if name in rules.channel_least:
            floors[place] = max(
                int(floors[place]), math.ceil(Fraction(rules.channel_least[name]) * 10**places)
            )
            if money.by_group(high)[place] < floors[place]:
                ceilings = [_range(line, money.total, places, None)[1] for line in lines]
                high = np.where(own, ceilings, high)
        if name in rules.channel_most:
            limits[place] = min(int(limits[place]), int(Fraction(rules.channel_most[name]) * 10**places))
            if money.by_group(low)[place] > limits[place]:
                low = np.where(own, [_range(line, money.total, places, None)[0] for line in lines], low)
    return replace(money, floors=floors, limits=limits, low=low, high=high)


def _one_step_nearer(money: Problem) -> Ints:
    """The cap, but for channels so far above it that limited steps do not reach it: as near as they come."""
    now, least = money.by_group(money.now), money.by_group(money.low)
    over = now > money.limits
    limits = np.where(over, np.maximum(money.limits, least), money.limits).astype(np.int64)
    short = money.total - int(np.minimum(money.by_group(money.high), limits).sum())
    for place in np.flatnonzero(over).tolist():
        more = int(np.clip(short, 0, max(int(now[place]) - int(limits[place]), 0)))
        limits[place] += more
        short -= more
    return limits


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
        kept = int(now) if line.minimum is None else max(int(now), math.ceil(Fraction(line.minimum) * scale))
        if line.maximum is not None:
            kept = min(kept, math.floor(Fraction(line.maximum) * scale))
        return kept, kept
    lows, highs = [Fraction(0)], [Fraction(total)]
    if line.minimum is not None:
        lows.append(Fraction(line.minimum) * scale)
    if line.maximum is not None:
        highs.append(Fraction(line.maximum) * scale)
    if max_change is not None:
        lows.append(now * (1 - Fraction(max_change)))
        highs.append(now * (1 + Fraction(max_change)))
    return math.ceil(max(lows)), math.floor(min(highs))


def _conflict(problem: _Problem, lines: Sequence[Line], total: Decimal, rules: Constraints) -> Refusal | None:
    """What makes the limits impossible to keep, if anything."""
    money = problem.money
    names = list(dict.fromkeys(line.channel for line in lines))
    asked = _asked_conflict(problem, names, rules)
    if asked is not None:
        return asked
    crossed = np.flatnonzero(money.low > money.high)
    if len(crossed):
        return _contradiction(f"the limits of {lines[int(crossed[0])].name} contradict each other")
    least, most = money.by_group(money.low), money.by_group(money.high)
    for place, name in enumerate(names):
        needed, cap = (amount_of(int(x), problem.places) for x in (least[place], money.limits[place]))
        if needed > cap:
            return _contradiction(f"{name} keeps {needed:,} but the cap of {problem.cap:.0%} allows {cap:,}")
        if most[place] < money.floors[place]:
            return _contradiction(f"{name} cannot get the {MIN_SHARE:.0%} that each of three channels needs")
    needed_all, room = (amount_of(part, problem.places) for part in money.room())
    if needed_all > total:
        return _contradiction(f"the lines need at least {needed_all:,}, more than the {total:,} there is")
    if room < total:
        return _contradiction(f"the cap and the lines' limits leave room for {room:,} of {total:,} only")
    return None


def _asked_conflict(problem: _Problem, names: Sequence[str], rules: Constraints) -> Refusal | None:
    """What stands in the way of what channels must or may get, if anything."""
    money = problem.money
    least, most = money.by_group(money.low), money.by_group(money.high)
    unknown = sorted((set(rules.channel_least) | set(rules.channel_most)) - set(names))
    if unknown:
        return _contradiction(f"there is no line of {', '.join(unknown)} to give money to")
    for name, amount in rules.channel_least.items():
        place = names.index(name)
        cap, room = (amount_of(int(x), problem.places) for x in (money.limits[place], most[place]))
        if amount > cap:
            limit = rules.channel_most.get(name)
            why = f"it may get {limit:,}" if limit == cap else f"the cap of {problem.cap:.0%} allows {cap:,}"
            return _contradiction(f"{name} must get {amount:,} but {why}")
        if amount > room:
            return _contradiction(f"{name} must get {amount:,} but its lines can take {room:,} only")
    for name, amount in rules.channel_most.items():
        needed = amount_of(int(least[names.index(name)]), problem.places)
        if needed > amount:
            return _contradiction(f"{name} may get {amount:,} but its lines keep {needed:,}")
    return None


def _contradiction(reason: str) -> Refusal:
    return Refusal("conflict", reason, "raise the cap or loosen a limit, add a channel, or change the total")


def _moves(
    lines: Sequence[Line], after: Sequence[Decimal], problem: _Problem, objective: Objective
) -> tuple[Move, ...]:
    full = problem.money.by_group(np.array([float(amount.scaleb(problem.places)) for amount in after]))
    capped = full >= problem.money.limits - 0.5
    return tuple(
        Move(
            line.id,
            line.name,
            line.channel,
            line.allocated,
            new,
            None if isinstance(line.fit, Refusal) else line.fit.curve.marginal(float(new)),
            None if isinstance(line.fit, Refusal) else _brings(line.fit, line.allocated, new),
            _reason(line, new, problem, place, objective, capped=bool(capped[problem.money.group[place]])),
        )
        for place, (line, new) in enumerate(zip(lines, after, strict=True))
    )


def _brings(fit: Fit, before: Decimal, after: Decimal) -> Estimate:
    less, more = float(before), float(after)
    return estimate(fit.curve.at(more) - fit.curve.at(less), fit.draws.at(more) - fit.draws.at(less))


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
    if units >= problem.money.high[place]:
        return f"{reason}; held at the most it may get"
    if units <= problem.money.low[place]:
        return f"{reason}; held at the least it may get"
    return reason


def _notes(lines: Sequence[Line], problem: _Problem) -> tuple[str, ...]:
    notes = list(cap_notes(len(problem.money.limits)))
    cap = int(problem.money.total * Fraction(problem.cap))
    sums = problem.money.by_group(problem.money.now)
    names = list(dict.fromkeys(line.channel for line in lines))
    for place in np.flatnonzero(sums > cap).tolist():
        notes.append(f"{names[place]} had more than the cap of {problem.cap:.0%} allows")
        if problem.money.limits[place] > cap:
            notes[-1] += "; this step brings it nearer"
    straight = [
        line.name for line in lines if not isinstance(line.fit, Refusal) and not line.fit.saturation_seen
    ]
    learned = [line for line in lines if isinstance(line.fit, Fit) and line.fit.learned]
    if learned:
        notes.append(
            f"{len(learned)} lines have too few weeks for a fitted curve: theirs are learned week by week, "
            "and money is moved to learn, too"
        )
    if straight:
        notes.append(f"no saturation seen so far: {', '.join(straight)}")
    return tuple(notes)
