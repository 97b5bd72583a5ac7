"""Response curves and budgets: fits on known truths, the optimum against a general solver, exact money."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import allocation
from engines.effect import Line, Risk, expected_effect, risk_of
from engines.money import spread
from engines.moves import Pace, Setting, Shift, reallocate, set_budget
from engines.optimum import Constraints, Objective, Optimum, optimize
from engines.plans import PRIMARY_GROWTH_EXPERIMENTAL, channel_cap, plan
from engines.response import (
    MIN_WEEKS,
    MONTH_DAYS,
    Curve,
    Day,
    Draws,
    Fit,
    Refusal,
    fit,
    fit_all,
)

FIRST = date(2025, 1, 6)
UNKNOWN = Refusal("too_little_history", "only 2 whole weeks", "wait")


def history(
    spend: Sequence[float], ceiling: float, half: float, carry: float = 0.0, noise: float = 0.0, seed: int = 1
) -> list[Day]:
    """Days that follow a curve exactly, up to ``noise``; ceiling and half a day."""
    rng = np.random.default_rng(seed)
    level, days = spend[0], []
    for place, amount in enumerate(spend):
        level = (1 - carry) * amount + carry * level
        outcome = ceiling * level / (level + half) * (1 + noise * rng.standard_normal())
        days.append(
            Day(
                FIRST + timedelta(days=place), Decimal(str(round(amount, 2))), Decimal(str(round(outcome, 4)))
            )
        )
    return days


def varied(weeks: int, seed: int = 2) -> list[float]:
    rng = np.random.default_rng(seed)
    return np.repeat(100 * rng.lognormal(0, 0.5, weeks), 7).tolist()


def fitted(days: Sequence[Day]) -> Fit:
    result = fit(days)
    assert isinstance(result, Fit)
    return result


def test_fit_finds_a_curve_that_made_the_history() -> None:
    found = fitted(history(varied(60), 800, 120, carry=0.45))
    assert found.carry_over == 0.45
    assert found.r_squared > 0.99
    assert found.saturation_seen
    for daily in (40, 100, 200):
        truth = 800 * daily / (daily + 120) * MONTH_DAYS
        assert found.curve.at(daily * MONTH_DAYS) == pytest.approx(truth, rel=0.03)
    assert found.weeks == 60


def test_bands_hold_the_truth_about_as_often_as_they_say() -> None:
    held, truth = 0, 800 * 100 / 220 * MONTH_DAYS
    for seed in range(60):
        band = fitted(history(varied(40, seed), 800, 120, noise=0.4, seed=seed)).expected(100 * MONTH_DAYS)
        assert band.low <= band.value <= band.high
        held += band.low <= truth <= band.high
    assert 46 <= held <= 59


def test_straight_response_is_said_to_show_no_saturation() -> None:
    assert not fitted(history(varied(40), 1e7, 1e6)).saturation_seen


def test_fit_repeats_by_seed_and_order_of_days_does_not_matter() -> None:
    days = history(varied(20), 800, 120, noise=0.3)
    first, again = fitted(days), fitted(days[::-1])
    assert first.curve == again.curve
    assert np.array_equal(first.draws.half, again.draws.half)
    other = fit(days, seed=9)
    assert isinstance(other, Fit)
    assert not np.array_equal(first.draws.ceiling, other.draws.ceiling)
    both = fit_all({1: days, 2: days})
    assert isinstance(both[1], Fit)
    assert isinstance(both[2], Fit)
    assert not np.array_equal(both[1].draws.ceiling, both[2].draws.ceiling)


@pytest.mark.parametrize(
    ("days", "code"),
    [
        ([], "too_little_history"),
        (history(varied(MIN_WEEKS - 1), 800, 120), "too_little_history"),
        (history([0.0] * 200, 800, 120), "too_little_history"),
        (history([100.0] * 200, 800, 120), "no_variation"),
        (history(varied(20), 0, 120), "no_outcome"),
    ],
)
def test_fit_refuses_what_the_data_cannot_say(days: list[Day], code: str) -> None:
    refusal = fit(days)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert refusal.reason
    assert refusal.cure


def test_fit_rejects_bad_days() -> None:
    days = history(varied(10), 800, 120)
    with pytest.raises(ValueError, match="twice"):
        fit([*days, days[0]])
    with pytest.raises(ValueError, match="negative"):
        fit([*days[1:], replace(days[0], spend=Decimal(-1))])


def known(ceiling: float, half: float, seed: int = 0, greatest: float = 1e9) -> Fit:
    """A fit as if its curve were this one, with some uncertainty."""
    rng = np.random.default_rng(seed)
    return Fit(
        curve=Curve(ceiling, half),
        draws=Draws(ceiling * rng.lognormal(0, 0.1, 100), half * rng.lognormal(0, 0.1, 100), np.ones(100)),
        carry_over=0.0,
        weeks=52,
        r_squared=0.9,
        typical_error=0.1,
        saturation_seen=True,
        greatest_spend=greatest,
    )


def line(number: int, ceiling: float, half: float, allocated: str, channel: str = "") -> Line:
    name = channel or f"channel {number}"
    return Line(number, name, f"{name} {number}", Decimal(allocated), known(ceiling, half, number))


def best(
    lines: Sequence[Line], total: str | Decimal, constraints: Constraints | None = None, currency: str = "USD"
) -> Optimum:
    result = optimize(lines, Decimal(total), currency, constraints=constraints)
    assert isinstance(result, Optimum), result
    return result


FIVE = (
    line(1, 50_000, 9_000, "2000"),
    line(2, 30_000, 3_000, "2000"),
    line(3, 80_000, 20_000, "2000"),
    line(4, 8_000, 9_000, "2000"),
    line(5, 12_000, 1_000, "2000"),
)


def curves(lines: Sequence[Line]) -> list[Curve]:
    return [one.fit.curve for one in lines if isinstance(one.fit, Fit)]


def outcome(lines: Sequence[Line], money: Sequence[Decimal]) -> float:
    return sum(
        one.fit.curve.at(float(amount))
        for one, amount in zip(lines, money, strict=True)
        if isinstance(one.fit, Fit)
    )


def slsqp(lines: Sequence[Line], total: float, constraints: Constraints | None = None) -> float:
    """The same problem given to a general solver."""
    from scipy.optimize import minimize

    known_curves = curves(lines)
    ceiling = np.array([curve.ceiling for curve in known_curves])
    half = np.array([curve.half for curve in known_curves]) / total
    names = sorted({one.channel for one in lines})
    cap = float((constraints and constraints.cap) or channel_cap(len(names)))
    rows = [np.array([one.channel == name for one in lines], dtype=float) for name in names]
    limits = [{"type": "ineq", "fun": lambda x, row=row: cap - row @ x} for row in rows]
    if len(names) == 3:
        limits += [{"type": "ineq", "fun": lambda x, row=row: row @ x - 0.01} for row in rows]
    bounds = [
        (float(one.minimum or 0) / total, float(one.maximum if one.maximum is not None else total) / total)
        for one in lines
    ]
    scale = ceiling.sum()
    found = minimize(
        lambda x: -(ceiling * x / (x + half)).sum() / scale,
        np.full(len(lines), 1 / len(lines)),
        jac=lambda x: -(ceiling * half / (x + half) ** 2) / scale,
        bounds=bounds,
        constraints=[{"type": "eq", "fun": lambda x: x.sum() - 1}, *limits],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert found.success, found.message
    return float(-found.fun * scale)


@pytest.mark.parametrize("count", [2, 3, 4, 6, 9])
def test_optimum_equals_a_general_solver(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(6):
        lines = [
            line(n, rng.lognormal(10), rng.lognormal(8), "1000", channel=f"c{n % max(count - 2, 2)}")
            for n in range(count)
        ]
        found = best(lines, "10000")
        mine = outcome(lines, [move.after for move in found.moves])
        assert mine == pytest.approx(slsqp(lines, 10_000), rel=1e-6)
        assert found.proof.kkt_residual < 1e-9
        assert found.proof.gap < 1e-5


def test_optimum_with_line_limits_equals_a_general_solver() -> None:
    lines = [replace(one, minimum=Decimal(1500), maximum=Decimal(2600)) for one in FIVE]
    found = best(lines, "10000")
    assert outcome(lines, [move.after for move in found.moves]) == pytest.approx(
        slsqp(lines, 10_000), rel=1e-6
    )
    assert all(1500 <= move.after <= 2600 for move in found.moves)
    assert any("least it may get" in move.reason for move in found.moves)


def test_optimum_equals_brute_force_over_whole_units() -> None:
    lines = [line(1, 900, 9, "10"), line(2, 500, 4, "10"), line(3, 700, 20, "10")]
    found = best(lines, "30", currency="JPY")
    tried = [
        (Decimal(a), Decimal(b), Decimal(30 - a - b))
        for a, b in product(range(1, 16), repeat=2)
        if 1 <= 30 - a - b <= 15
    ]
    top = max(outcome(lines, split) for split in tried)
    assert outcome(lines, [move.after for move in found.moves]) == pytest.approx(top, rel=1e-12)
    assert top <= outcome(lines, [move.after for move in found.moves]) * (1 + found.proof.gap) + 1e-9


def test_the_optimum_over_few_whole_units_is_exact_and_stays() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        lines = [line(n, rng.uniform(100, 900), rng.uniform(1, 5), "0") for n in range(3)]
        tried = [(a, b, 10 - a - b) for a, b in product(range(1, 6), repeat=2) if 1 <= 10 - a - b <= 5]
        splits = [tuple(Decimal(amount) for amount in split) for split in tried]
        top = max(splits, key=lambda split: outcome(lines, split))
        afresh = [move.after for move in best(lines, "10", currency="JPY").moves]
        assert outcome(lines, afresh) == pytest.approx(outcome(lines, top), rel=1e-12)
        present = [replace(one, allocated=amount) for one, amount in zip(lines, top, strict=True)]
        found = best(present, "10", currency="JPY")
        assert tuple(move.after for move in found.moves) == top


def test_unheld_lines_share_one_marginal_return() -> None:
    found = best(FIVE, "10000")
    capped = [move for move in found.moves if "cap" in move.reason]
    free = [move.marginal for move in found.moves if "held" not in move.reason]
    assert [move.after for move in capped] == [Decimal(3000)] * len(capped)
    assert len(capped) >= 1
    assert free == pytest.approx([found.proof.multiplier] * len(free), rel=1e-5)


def test_kkt_residual_and_gap_are_not_blind() -> None:
    """An allocation that is not the optimum must not pass as one."""
    certain = [(one.fit.curve.ceiling, one.fit.curve.half * 100) for one in FIVE if isinstance(one.fit, Fit)]
    ceiling, half = np.array(certain).T
    problem = allocation.Problem(
        allocation.Curves.certain(ceiling, half, np.ones(5)),
        total=1_000_000,
        low=np.zeros(5, np.int64),
        high=np.full(5, 1_000_000),
        now=np.full(5, 200_000),
        group=np.arange(5),
        floors=np.zeros(5, np.int64),
        limits=np.full(5, 300_000),
    )
    solved = allocation.solve(problem)
    wrong = replace(solved, money=np.full(5, 200_000.0))
    assert allocation.residual(problem, solved) < 1e-9
    assert allocation.residual(problem, wrong) > 0.1
    gap = allocation.gap(problem, np.full(5, 200_000))
    best_outcome, even = problem.outcome(solved.money), problem.outcome(np.full(5, 200_000))
    assert best_outcome / even - 1 <= gap < 1


def test_lines_of_a_channel_share_its_cap() -> None:
    lines = [replace(one, channel="email" if one.id <= 3 else one.channel) for one in FIVE]
    lines += [line(6, 1_000, 1_000, "0"), line(7, 1_000, 1_000, "0")]
    found = best(lines, "10000")
    by_channel: defaultdict[str, Decimal] = defaultdict(Decimal)
    for move in found.moves:
        by_channel[move.channel] += move.after
    assert by_channel["email"] == Decimal(3000)
    assert max(by_channel.values()) == Decimal(3000)


@pytest.mark.parametrize(("channels", "cap"), [(1, "1"), (2, "0.75"), (3, "0.5"), (4, "0.3"), (9, "0.3")])
def test_cap_by_number_of_channels(channels: int, cap: str) -> None:
    assert channel_cap(channels) == Decimal(cap)


def test_few_channels_are_said() -> None:
    three = best(FIVE[:3], "9000")
    assert three.cap == Decimal("0.5")
    assert any("50% instead of 30%" in note for note in three.notes)
    two = best(FIVE[:2], "9000")
    assert any("at least 3 channels cannot be met" in note for note in two.notes)
    assert not any("instead" in note for note in best(FIVE, "9000").notes)


def test_every_one_of_three_channels_gets_something() -> None:
    lines = [line(1, 90_000, 9_000, "1"), line(2, 90_000, 9_000, "1"), line(3, 1, 9_000, "9998")]
    found = best(lines, "10000")
    assert [move.after for move in found.moves] == [Decimal(4950), Decimal(4950), Decimal(100)]
    assert outcome(lines, [move.after for move in found.moves]) == pytest.approx(
        slsqp(lines, 10_000), rel=1e-6
    )


def test_a_loose_cap_still_leaves_three_channels() -> None:
    lines = [*FIVE[:2], line(3, 1, 9_000, "0"), line(4, 1, 9_000, "0")]
    found = best(lines, "10000", Constraints(cap=Decimal(1)))
    assert sum(move.after >= 100 for move in found.moves) >= 3


def test_a_line_without_a_curve_keeps_its_money() -> None:
    lines = [replace(FIVE[0], fit=UNKNOWN, allocated=Decimal("1234.5678")), *FIVE[1:]]
    found = best(lines, "9234.5678")
    assert found.moves[0].change == 0
    assert found.moves[0].marginal is None
    assert "keeps its money" in found.moves[0].reason
    assert sum(move.after for move in found.moves) == Decimal("9234.5678")


def test_refusals_say_why_and_what_helps() -> None:
    cases = {
        "one_line": optimize(FIVE[:1], Decimal(100), "USD"),
        "no_money": optimize(FIVE, Decimal(0), "USD"),
        "too_little_history": optimize([FIVE[0], replace(FIVE[1], fit=UNKNOWN)], Decimal(100), "USD"),
    }
    for code, refusal in cases.items():
        assert isinstance(refusal, Refusal)
        assert refusal.code == code
        assert refusal.reason
        assert refusal.cure
    none = optimize([], Decimal(100), "USD")
    assert isinstance(none, Refusal)
    history_ = cases["too_little_history"]
    assert isinstance(history_, Refusal)
    assert "only 2 whole weeks" in history_.reason


@pytest.mark.parametrize(
    ("lines", "total", "constraints", "words"),
    [
        ([replace(one, maximum=Decimal(1000)) for one in FIVE], "6000", None, "room for 5,000.00 of 6,000"),
        ([replace(one, minimum=Decimal(1000)) for one in FIVE], "4000", None, "at least 5,000.00"),
        ([replace(FIVE[0], fit=UNKNOWN), *FIVE[1:]], "5000", None, "keeps 2,000.00 but the cap of 30%"),
        (FIVE, "10000", Constraints(cap=Decimal("0.1")), "room for 5,000.00"),
        (FIVE, "15000", Constraints(max_change=Decimal("0.2")), "room for 12,000.00"),
        (
            [replace(FIVE[0], minimum=Decimal(50), maximum=Decimal(10)), *FIVE[1:]],
            "10000",
            None,
            "contradict",
        ),
        (
            [*FIVE[:2], replace(FIVE[2], maximum=Decimal(10))],
            "10000",
            None,
            "cannot get the 1%",
        ),
    ],
)
def test_conflicts_are_named(
    lines: Sequence[Line], total: str, constraints: Constraints | None, words: str
) -> None:
    refusal = optimize(lines, Decimal(total), "USD", constraints=constraints)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "conflict"
    assert words in refusal.reason


def test_steps_are_limited() -> None:
    found = best(FIVE, "10000", Constraints(max_change=Decimal("0.1")))
    assert all(1800 <= move.after <= 2200 for move in found.moves)
    assert found.risk is Risk.LOW
    assert found.moved <= 1000


def test_a_limited_step_comes_nearer_to_the_cap_it_cannot_reach() -> None:
    money = ("8000", "500", "500", "500", "500")
    lines = [replace(one, allocated=Decimal(amount)) for one, amount in zip(FIVE, money, strict=True)]
    found = best(lines, "10000", Constraints(max_change=Decimal("0.3")))
    assert [move.after for move in found.moves] == [Decimal(7400), *[Decimal(650)] * 4]
    assert any("this step brings it nearer" in note for note in found.notes)


def test_effect_ranges_and_confidence() -> None:
    found = best(FIVE, "10000")
    effect = found.effect
    assert effect.now == effect.baseline
    assert effect.gain.value == pytest.approx(effect.proposed.value - effect.now.value)
    assert effect.gain.low <= effect.gain.value <= effect.gain.high
    assert effect.confidence > 0.9
    assert found.worthwhile
    assert not best(
        [replace(o, allocated=m.after) for o, m in zip(FIVE, found.moves, strict=True)], "10000"
    ).moved


def test_each_move_says_what_it_brings_with_its_range() -> None:
    found = best(FIVE, "10000")
    for one, move in zip(FIVE, found.moves, strict=True):
        assert isinstance(one.fit, Fit)
        assert move.brings is not None
        more = one.fit.curve.at(float(move.after)) - one.fit.curve.at(float(move.before))
        assert move.brings.value == pytest.approx(more)
        assert move.brings.low <= move.brings.value <= move.brings.high
    total = sum(move.brings.value for move in found.moves if move.brings)
    assert total == pytest.approx(found.effect.gain.value)


def test_no_proposal_is_certain() -> None:
    sure = [replace(one, fit=replace(known(1000 * one.id, 100), draws=CERTAIN[one.id])) for one in FIVE]
    assert best(sure, "10000").effect.confidence == pytest.approx(0.99)


CERTAIN = {
    number: Draws(np.full(50, 1000.0 * number), np.full(50, 100.0), np.ones(50)) for number in range(1, 6)
}


@pytest.mark.parametrize("slope", [1.0, 1.8])
def test_a_target_return_is_kept_with_the_most_money_that_can(slope: float) -> None:
    lines = [replace(one, fit=replace(one.fit, curve=replace(one.fit.curve, slope=slope)))
             for one in FIVE if isinstance(one.fit, Fit)]  # fmt: skip
    free = best(lines, "60000")
    returns = outcome(lines, [move.after for move in free.moves]) / 60_000
    held = best(lines, "60000", Constraints(least_return=returns * 1.3))
    spent = sum(move.after for move in held.moves)
    assert spent == held.total < 60_000
    assert outcome(lines, [move.after for move in held.moves]) >= returns * 1.3 * float(spent)
    assert "stays unspent" in held.notes[0]
    more = best(lines, str((held.total * Decimal("1.02")).quantize(Decimal(1))))
    assert outcome(lines, [move.after for move in more.moves]) < returns * 1.3 * float(more.total)
    assert best(lines, "60000", Constraints(least_return=returns * 0.99)).total == 60_000


def test_a_target_out_of_reach_is_refused() -> None:
    refusal = optimize(FIVE, Decimal(10_000), "USD", constraints=Constraints(least_return=1e6))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "target"
    assert "the best brings" in refusal.reason


def test_caution_gives_up_some_mean_for_a_better_worst_case() -> None:
    lines = list(FIVE)
    rng = np.random.default_rng(1)
    risky = known(95_000, 8_000)
    wild = Draws(95_000 * rng.lognormal(-0.5, 1, 100), np.full(100, 8_000.0), np.ones(100))
    lines[0] = replace(lines[0], fit=replace(risky, draws=wild))
    bold = best(lines, "10000")
    wary = best(lines, "10000", Constraints(worst_share=0.1))
    assert sum(move.after for move in wary.moves) == 10_000
    assert wary.effect.worst > bold.effect.worst
    assert wary.effect.worst >= 0
    assert wary.moves[0].after < bold.moves[0].after


def test_more_money_says_what_it_adds() -> None:
    found = best(FIVE, "12000")
    assert found.effect.change.value == pytest.approx(found.effect.proposed.value - found.effect.now.value)
    assert found.effect.change.low < found.effect.change.value < found.effect.change.high
    assert found.effect.change.value > found.effect.gain.value


def test_effect_of_no_change_is_nothing() -> None:
    effect = expected_effect(FIVE, [one.allocated for one in FIVE])
    assert (effect.gain.value, effect.gain.low, effect.gain.high, effect.confidence) == (0, 0, 0, 0.5)
    assert risk_of(FIVE, [one.allocated for one in FIVE], 0.5) is Risk.LOW


def test_more_money_is_compared_with_the_present_split_of_it() -> None:
    doubled = expected_effect(FIVE, [one.allocated * 2 for one in FIVE])
    assert doubled.gain.value == pytest.approx(0, abs=1e-6)
    assert doubled.proposed.value > doubled.now.value
    fresh = expected_effect([replace(one, allocated=Decimal(0)) for one in FIVE], [Decimal(2000)] * 5)
    assert fresh.now.value == 0
    assert fresh.baseline.value == pytest.approx(fresh.proposed.value)


def test_risk_rule() -> None:
    def moved(amount: int, confidence: float, greatest: float = 1e9) -> Risk:
        lines = [replace(one, fit=known(1, 1, greatest=greatest)) for one in FIVE]
        after = [Decimal(2000 + amount), Decimal(2000 - amount), *[Decimal(2000)] * 3]
        return risk_of(lines, after, confidence)

    assert moved(1000, 0.95) is Risk.LOW
    assert moved(1001, 0.95) is Risk.MEDIUM
    assert moved(1000, 0.85) is Risk.MEDIUM
    assert moved(1000, 0.95, greatest=2500) is Risk.MEDIUM
    assert moved(1000, 0.65) is Risk.HIGH
    assert moved(1000, 0.95, greatest=1500) is Risk.HIGH
    assert risk_of(FIVE, [Decimal(0), Decimal(0), *[Decimal(10_000) / 3] * 3], 1) is Risk.HIGH


def test_reasons_speak_of_the_outcome() -> None:
    result = optimize(FIVE, Decimal(10_000), "USD", Objective.CONVERSIONS)
    assert isinstance(result, Optimum)
    assert "the next 100 spent brings" in result.moves[0].reason
    assert "conversions" in result.moves[0].reason


def test_optimize_rejects_negative_money_and_double_lines() -> None:
    with pytest.raises(ValueError, match="negative"):
        optimize(FIVE, Decimal(-1), "USD")
    with pytest.raises(ValueError, match="twice"):
        optimize([FIVE[0], FIVE[0]], Decimal(1), "USD")
    with pytest.raises(ValueError, match="millionth"):
        optimize(FIVE, Decimal("1.00000001"), "USD")


def test_five_hundred_lines_are_quick_and_exact() -> None:
    rng = np.random.default_rng(3)
    lines = [line(n, rng.lognormal(10), rng.lognormal(8), "100", channel=f"c{n % 16}") for n in range(500)]
    found = best(lines, "50000")
    assert sum(move.after for move in found.moves) == 50_000
    assert found.proof.kkt_residual < 1e-9
    assert found.proof.gap < 1e-4


some_lines = st.lists(
    st.tuples(
        st.floats(1, 1e6),
        st.floats(1, 1e6),
        st.integers(0, 10**7),
        st.integers(0, 5),
    ),
    min_size=2,
    max_size=8,
).map(
    lambda rows: [
        line(n, ceiling, half, str(Decimal(cents) / 100), channel=f"c{channel}")
        for n, (ceiling, half, cents, channel) in enumerate(rows)
    ]
)
totals = st.integers(1_000, 10**9).map(lambda cents: Decimal(cents) / 100)


@settings(max_examples=60, deadline=None)
@given(some_lines, totals, st.sampled_from(["USD", "JPY", "KWD"]))
def test_allocations_are_exact_and_within_every_rule(
    lines: list[Line], total: Decimal, currency: str
) -> None:
    found = best(lines, total, currency=currency)
    assert sum(move.after for move in found.moves) == total
    by_channel: defaultdict[str, Decimal] = defaultdict(Decimal)
    for move in found.moves:
        assert move.after >= 0
        by_channel[move.channel] += move.after
    assert max(by_channel.values()) <= channel_cap(len(by_channel)) * total
    if len(by_channel) >= 3:
        assert sum(amount >= total / 100 for amount in by_channel.values()) >= 3
    assert found.proof.kkt_residual < 1e-6


@settings(max_examples=60, deadline=None)
@given(some_lines)
def test_never_worse_than_a_present_allocation_that_is_allowed(lines: list[Line]) -> None:
    total = sum((one.allocated for one in lines), Decimal(0))
    names = {one.channel for one in lines}
    sums = [sum(one.allocated for one in lines if one.channel == name) for name in names]
    allowed = max(sums) <= channel_cap(len(names)) * total and (len(names) != 3 or min(sums) >= total / 100)
    if total < 10 or not allowed:
        return
    found = best(lines, total)
    assert outcome(lines, [move.after for move in found.moves]) >= outcome(
        lines, [one.allocated for one in lines]
    ) * (1 - 1e-12)


@settings(max_examples=40, deadline=None)
@given(some_lines, totals, st.integers(0, 10**8))
def test_more_money_never_brings_less(lines: list[Line], total: Decimal, cents: int) -> None:
    less, more = best(lines, total), best(lines, total + Decimal(cents) / 100)
    gained = outcome(lines, [m.after for m in more.moves]) - outcome(lines, [m.after for m in less.moves])
    # Rounding to a cent may cost what a few cents bring.
    assert gained >= -0.02 * len(lines) * max(curve.marginal(0) for curve in curves(lines))


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_spreading_is_exact_and_fair(units: int, weights: list[int]) -> None:
    total = Decimal(units) / 100
    parts = spread(total, [Decimal(weight) for weight in weights], "EUR")
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        share = Decimal(weight) / whole if whole else Decimal(1) / len(weights)
        assert abs(part - total * share) <= Decimal("0.0100001")


def test_spread_rejects_what_cannot_be_spread() -> None:
    for total, weights in ((Decimal(1), []), (Decimal(-1), [Decimal(1)]), (Decimal(1), [Decimal(-1)])):
        with pytest.raises(ValueError, match="spread"):
            spread(total, weights, "USD")


def test_default_plan() -> None:
    made = plan(
        Decimal(10_000),
        {"proven": ["email", "seo", "paid_search"], "test": ["video", "events"]},
        "USD",
    )
    assert made.reserve == 1500
    assert made.allocated == 8500
    assert [part.amount for part in made.channels[3:]] == [Decimal(750), Decimal(750)]
    assert sum(part.amount for part in made.channels[:3]) == 7000
    assert not made.notes


def test_plan_passes_on_what_the_cap_cuts() -> None:
    made = plan(Decimal(10_000), {"proven": ["email"], "test": ["video", "events", "pr"]}, "USD")
    assert [part.amount for part in made.channels] == [
        Decimal(2550),
        Decimal("1983.34"),
        Decimal("1983.33"),
        Decimal("1983.33"),
    ]
    assert any("30%" in note for note in made.notes)


def test_plan_without_test_channels_keeps_their_share() -> None:
    made = plan(Decimal(10_000), {"proven": ["email", "seo", "display"]}, "USD")
    assert made.reserve == 3000
    assert any("no test channel" in note for note in made.notes)
    assert any("50% instead" in note for note in made.notes)


def test_other_split_allocates_everything() -> None:
    groups = {"primary": ["a", "b", "c"], "growth": ["d"], "experimental": ["e"]}
    made = plan(Decimal("1000.01"), groups, "USD", PRIMARY_GROWTH_EXPERIMENTAL)
    assert made.reserve == 0
    assert [part.amount for part in made.channels[3:]] == [Decimal(200), Decimal(100)]


plans = st.tuples(st.integers(0, 10**10), st.integers(0, 5), st.integers(0, 5))


@given(plans)
def test_plans_add_up_and_keep_the_cap(drawn: tuple[int, int, int]) -> None:
    units, proven, test = drawn
    names = {"proven": [f"p{n}" for n in range(proven)], "test": [f"t{n}" for n in range(test)]}
    made = plan(Decimal(units) / 100, names, "USD")
    assert sum(part.amount for part in made.channels) + made.reserve == made.budget
    # A few cents cannot be divided more finely than into cents.
    limit = max(made.cap * made.allocated, made.allocated / max(proven + test, 1) + Decimal("0.01"))
    assert all(0 <= part.amount <= limit for part in made.channels)


@pytest.mark.parametrize(
    ("budget", "channels", "words"),
    [
        (Decimal(-1), {"proven": ["a"]}, "negative"),
        (Decimal(1), {"reserve": ["a"]}, "no such group"),
        (Decimal(1), {"proven": ["a"], "test": ["a"]}, "twice"),
    ],
)
def test_bad_plans_are_rejected(budget: Decimal, channels: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        plan(budget, channels, "USD")
    with pytest.raises(ValueError, match="sum to 1"):
        plan(Decimal(1), {}, "USD", PRIMARY_GROWTH_EXPERIMENTAL[:2])


def test_reallocate_by_amount_and_percent() -> None:
    moved = reallocate(Decimal(100), Decimal(5), "USD", amount=Decimal(100))
    assert moved == Shift(Decimal(100), Decimal(100), Decimal(0), Decimal(5), Decimal(105))
    part = reallocate(Decimal("33.33"), Decimal(0), "USD", percent=Decimal("0.15"))
    assert isinstance(part, Shift)
    assert part.amount == Decimal("5.00")
    assert part.source_after + part.target_after == Decimal("33.33")


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ({"amount": Decimal("100.01")}, "below_zero"),
        ({"percent": Decimal("1.01")}, "below_zero"),
        ({"amount": Decimal(0)}, "not_positive"),
        ({"amount": Decimal(-5)}, "not_positive"),
        ({"percent": Decimal("-0.1")}, "not_positive"),
    ],
)
def test_reallocate_refuses(given_: dict[str, Decimal], code: str) -> None:
    refusal = reallocate(Decimal(100), Decimal(0), "USD", **given_)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    with pytest.raises(ValueError, match="either"):
        reallocate(Decimal(100), Decimal(0), "USD")


def test_set_budget_keeps_proportions() -> None:
    setting = set_budget({1: Decimal(100), 2: Decimal(200)}, Decimal(1000), "USD")
    assert setting == Setting(Decimal(300), Decimal(1000), {1: Decimal("333.33"), 2: Decimal("666.67")})
    empty = set_budget({1: Decimal(0), 2: Decimal(0)}, Decimal(10), "USD")
    assert isinstance(empty, Setting)
    assert empty.lines == {1: Decimal(5), 2: Decimal(5)}


@pytest.mark.parametrize(
    ("pace", "days", "monthly"),
    [
        (Pace.DAY, None, "3043.75"),
        (Pace.WEEK, None, "434.82"),
        (Pace.MONTH, None, "100"),
        (Pace.TOTAL, 10, "304.38"),
    ],
)
def test_set_budget_by_pace(pace: Pace, days: int | None, monthly: str) -> None:
    setting = set_budget({1: Decimal(1)}, Decimal(100), "USD", pace, days=days)
    assert isinstance(setting, Setting)
    assert setting.after == Decimal(monthly)


def test_set_budget_refuses() -> None:
    for result, code in (
        (set_budget({1: Decimal(1)}, Decimal(-1), "USD"), "negative"),
        (set_budget({}, Decimal(1), "USD"), "no_lines"),
        (set_budget({1: Decimal(1)}, Decimal(1), "USD", Pace.TOTAL), "no_end"),
    ):
        assert isinstance(result, Refusal)
        assert result.code == code


def test_curves_must_be_positive() -> None:
    for ceiling, half in ((0, 1), (1, 0), (math.nan, 1)):
        with pytest.raises(ValueError, match="positive"):
            Curve(ceiling, half)
