"""Learning while spending: what the beliefs come to, what they forget, what is split and paced."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.bandit import Learning, free
from benchmarks.frozen_market import Thompson, market, oracle, run
from engines.bandit import Beliefs, begin, pace, split

EVEN = np.full(3, 1000.0)


def watched(beliefs: Beliefs, weeks: int, returns: list[float], half: float, seed: int = 0) -> Beliefs:
    """Weeks of spend around 1,000 a channel, answered by curves of slope 1 and these returns at 1,000."""
    rng = np.random.default_rng(seed)
    for _ in range(weeks):
        spent = 1000 * rng.uniform(0.4, 1.8, 3)
        expected = np.array(returns) * 1000 * (spent / (spent + half)) * (1000 + half) / 1000
        beliefs = beliefs.after(spent, expected * rng.normal(1, 0.1, 3))
    return beliefs


def test_beliefs_come_to_the_curves_that_answered() -> None:
    beliefs = watched(begin(EVEN, 2.0), 30, [4.0, 2.0, 1.0], half=700.0)
    drawn = beliefs.draws(np.random.default_rng(1), 200)
    mean = drawn.at(np.tile([500.0, 1000.0, 1800.0], (3, 1)))
    shares = np.array([500 / 1200, 1000 / 1700, 1800 / 2500]) * 1700
    truth = np.array([4.0, 2.0, 1.0])[:, None] * shares[None, :]
    assert mean == pytest.approx(truth, rel=0.15)


def test_what_was_not_spent_on_says_nothing_but_that_time_went_by() -> None:
    known = watched(begin(EVEN, 2.0), 20, [3.0, 3.0, 3.0], half=1000.0)
    unseen, sure = known, known.draws(np.random.default_rng(2), 400).at(EVEN[:, None])
    for _ in range(30):
        unseen = unseen.after(np.array([1000.0, 1000.0, 0.0]), np.array([3000.0, 3000.0, 0.0]))
    drawn = unseen.draws(np.random.default_rng(2), 400)
    levels = (drawn.ceiling * 1000**drawn.slope / (1000**drawn.slope + drawn.half**drawn.slope)).std(axis=1)
    assert levels[2] > 2 * levels[:2].max()
    assert drawn.at(EVEN[:, None])[2] == pytest.approx(sure[2], rel=0.35)


def test_a_channel_that_falls_loses_its_money_within_weeks() -> None:
    def to_first(beliefs: Beliefs) -> float:
        rng = np.random.default_rng(3)
        return float(np.mean([split(beliefs, free(3), 1.5, rng).units[0] for _ in range(10)]))

    high = watched(begin(EVEN, 2.0), 15, [4.0, 2.0, 2.0], half=1500.0)
    fallen = watched(high, 5, [1.0, 2.0, 2.0], half=1500.0, seed=1)
    assert to_first(fallen) < 0.6 * to_first(high)


def test_it_closes_the_gap_between_thompson_sampling_and_the_oracle() -> None:
    found = market(2001)
    best, thompson = oracle(found), run(found, Thompson(2001))
    assert run(found, Learning(2001)) > thompson + 0.3 * (best - thompson)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="to begin with"):
        begin(np.array([100.0, 0.0]), 2.0)
    with pytest.raises(ValueError, match="week left"):
        pace(Decimal(100), Decimal(0), 0, "USD")


@settings(max_examples=60)
@given(
    total=st.decimals("0", "1000000", places=2),
    weeks=st.integers(1, 30),
    used=st.lists(st.decimals("0", "1.3", places=2), min_size=30, max_size=30),
)
def test_a_paced_budget_is_never_exceeded_and_nothing_is_left_over(
    total: Decimal, weeks: int, used: list[Decimal]
) -> None:
    spent = Decimal(0)
    for week in range(weeks - 1):
        now = pace(total, spent, weeks - week, "USD")
        assert 0 <= now <= max(total - spent, Decimal(0))
        spent += (now * used[week]).quantize(Decimal("0.01"))
    assert spent + pace(total, spent, 1, "USD") == max(total, spent)
