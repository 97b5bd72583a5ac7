"""Allocation of whole units: every split tried, a general solver from many starts, limits kept."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engines.allocation import Curves, Floats, Problem, allocate
from engines.caution import allocate_cautiously, tail_mean


def problem(
    ceiling: list[float], half: list[float], slope: list[float], total: int, **limits: Any
) -> Problem:
    """Lines in a group each unless ``group`` says otherwise."""
    count = len(ceiling)
    group = np.array(limits.pop("group", range(count)))
    groups = int(group.max()) + 1
    given_ = {
        "low": np.zeros(count, np.int64),
        "high": np.full(count, total),
        "now": np.zeros(count, np.int64),
        "floors": np.zeros(groups, np.int64),
        "limits": np.full(groups, total),
    } | {name: np.array(values) for name, values in limits.items()}
    curves = Curves.certain(np.array(ceiling), np.array(half), np.array(slope))
    return Problem(curves, total=total, group=group, **given_)


def drawn(rng: np.random.Generator, count: int, total: int, slopes: tuple[float, float]) -> Problem:
    """Curves that saturate around their share of the total."""
    return problem(
        rng.lognormal(3, 0.6, count).tolist(),
        (total / count * rng.uniform(0.4, 2.5, count)).tolist(),
        rng.uniform(*slopes, count).tolist(),
        total,
    )


def many_starts(asked: Problem, starts: int) -> float:
    """The best a general solver finds from random starts."""
    from scipy.optimize import minimize

    total = asked.total
    rng = np.random.default_rng(0)
    rows = [(asked.group == place).astype(float) for place in range(len(asked.limits))]
    constraints: list[dict[str, Any]] = [{"type": "eq", "fun": lambda x: x.sum() - 1}]
    if (asked.limits < total).any():
        constraints += [
            {"type": "ineq", "fun": lambda x, row=row, most=most: most - row @ x}
            for row, most in zip(rows, asked.limits / total, strict=True)
        ]
    scale = asked.curves.ceiling.sum()
    found = 0.0
    for _ in range(starts):
        result = minimize(
            lambda x: -asked.outcome(np.maximum(x, 0) * total) / scale,
            rng.dirichlet(np.ones(len(asked.low))),
            jac=lambda x: -asked.curves.marginals(np.maximum(x, 0) * total) * total / scale,
            bounds=[(low / total, high / total) for low, high in zip(asked.low, asked.high, strict=True)],
            constraints=constraints,
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 300},
        )
        if abs(result.x.sum() - 1) < 1e-6:
            found = max(found, -result.fun * scale)
    return float(found)


small = st.integers(2, 4).flatmap(
    lambda count: st.tuples(
        st.lists(st.floats(1, 100), min_size=count, max_size=count),
        st.lists(st.floats(0.5, 15), min_size=count, max_size=count),
        st.lists(st.sampled_from([0.6, 1.0, 1.5, 2.5, 4.0]), min_size=count, max_size=count),
        st.integers(3, 14),
        st.lists(st.tuples(st.integers(0, 3), st.integers(2, 14)), min_size=count, max_size=count),
        st.lists(st.integers(0, 1), min_size=count, max_size=count),
        st.lists(st.tuples(st.integers(0, 3), st.integers(3, 14)), min_size=2, max_size=2),
    )
)


@settings(max_examples=150, deadline=None)
@given(small)
def test_equals_every_split_tried(case: Any) -> None:
    ceiling, half, slope, total, own, group, shared = case
    asked = problem(
        ceiling, half, slope, total,
        low=[low for low, _ in own], high=[high for _, high in own], group=[0, 1, *group][: len(own)],
        floors=[low for low, _ in shared], limits=[high for _, high in shared],
    )  # fmt: skip
    tried = [
        np.array(split)
        for split in product(*(range(low, high + 1) for low, high in own))
        if sum(split) == total
    ]
    allowed = [split for split in tried if asked.allows(split)]
    if not allowed:
        with pytest.raises(ValueError, match="cannot be kept"):
            allocate(asked)
        return
    found = allocate(asked)
    assert asked.allows(found.units)
    best = max(asked.outcome(split) for split in allowed)
    assert asked.outcome(found.units) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("count", [2, 5, 9])
def test_fifty_starts_of_a_general_solver_find_nothing_better(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(3):
        asked = drawn(rng, count, 1_000_000, (0.8, 4))
        found = allocate(asked)
        assert asked.outcome(found.units) >= many_starts(asked, 50) * (1 - 1e-9)


def test_fifty_starts_find_nothing_better_under_shared_limits() -> None:
    rng = np.random.default_rng(11)
    asked = replace(
        drawn(rng, 8, 1_000_000, (0.8, 4)),
        group=np.arange(8) % 4,
        limits=np.full(4, 300_000),
        floors=np.full(4, 0),
    )
    found = allocate(asked)
    assert asked.allows(found.units)
    assert asked.outcome(found.units) >= many_starts(asked, 50) * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1, 1e5), st.floats(1, 1e7), st.floats(0.3, 5)), min_size=2, max_size=12),
    st.integers(100, 10**9),
    st.integers(0, 10**6),
)
def test_spends_exactly_and_never_falls_below_the_present_split(
    curves: list[tuple[float, float, float]], total: int, seed: int
) -> None:
    ceiling, half, slope = (list(column) for column in zip(*curves, strict=True))
    now = np.random.default_rng(seed).multinomial(total, np.ones(len(curves)) / len(curves))
    asked = problem(ceiling, half, slope, total, now=now, low=now // 2, high=now * 2)
    assume(asked.allows(now))
    found = allocate(asked)
    assert asked.allows(found.units)
    assert asked.outcome(found.units) >= asked.outcome(now)


def test_hundreds_of_s_shaped_lines_stay_near_their_bound() -> None:
    asked = drawn(np.random.default_rng(4), 300, 10_000_000, (0.8, 3))
    found = allocate(asked)
    assert found.units.sum() == asked.total
    assert found.gap < 2e-3


def test_the_mean_of_draws_is_what_is_maximized() -> None:
    """Two equal curves in the mean, one of them uncertain, share evenly what a sure third one leaves."""
    ceiling = np.array([[10.0, 10.0], [4.0, 16.0], [3.0, 3.0]])
    curves = Curves(ceiling, np.full((3, 2), 50.0), np.ones((3, 2)), np.array([0.5, 0.5]))
    base = problem([1.0] * 3, [1.0] * 3, [1.0] * 3, 100)
    found = allocate(replace(base, curves=curves)).units
    assert abs(int(found[0] - found[1])) <= 1
    assert found[2] < found[0]
    wary = allocate(replace(base, curves=curves.weighted(np.array([0.8, 0.2])))).units
    assert wary[1] < wary[0]


def test_bound_of_an_s_shaped_optimum_holds() -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        asked = drawn(rng, 3, 60, (1.5, 4))
        found = allocate(asked)
        best: Floats = np.array(
            [
                asked.outcome(np.array([a, b, 60 - a - b]))
                for a, b in product(range(61), repeat=2)
                if a + b <= 60
            ]
        )
        assert best.max() <= asked.outcome(found.units) * (1 + found.gap) + 1e-9


def uncertain(seed: int) -> tuple[Problem, Floats]:
    """Three lines whose draws disagree, an even present split, and its outcome under each draw."""
    rng = np.random.default_rng(seed)
    curves = Curves(
        rng.lognormal(2, 0.7, (3, 20)),
        10 * rng.lognormal(0, 0.5, (3, 20)),
        rng.uniform(0.8, 2.5, (3, 20)),
        np.full(20, 1 / 20),
    )
    asked = replace(problem([1.0] * 3, [1.0] * 3, [1.0] * 3, 30, now=[10, 10, 10]), curves=curves)
    return asked, curves.drawn(asked.now)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_the_cautious_split_is_near_the_best_of_all(share: float) -> None:
    for seed in range(6):
        asked, baseline = uncertain(seed)
        found = allocate_cautiously(asked, baseline, share)
        value = tail_mean(asked.curves.drawn(found.units) - baseline, share)
        tried = [np.array([a, b, 30 - a - b]) for a, b in product(range(31), repeat=2) if a + b <= 30]
        best = max(tail_mean(asked.curves.drawn(split) - baseline, share) for split in tried)
        outcome = float(asked.curves.drawn(found.units).mean())
        assert asked.allows(found.units)
        assert value >= 0
        assert best <= value + found.gap * outcome + 1e-9
        assert best - value <= 0.05 * outcome
        if share == 1.0:
            assert value == pytest.approx(best, abs=1e-9)


def test_the_tail_is_the_mean_of_the_worst_draws() -> None:
    gains = np.array([4.0, -2.0, 1.0, 3.0])
    assert tail_mean(gains, 0.25) == -2
    assert tail_mean(gains, 0.5) == -0.5
    assert tail_mean(gains, 0.375) == pytest.approx((-2 + 0.5) / 1.5)
    assert tail_mean(gains, 1) == 1.5
    asked, baseline = uncertain(0)
    for share in (0, 1.5):
        with pytest.raises(ValueError, match="share"):
            allocate_cautiously(asked, baseline, share)
